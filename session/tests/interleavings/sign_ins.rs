//! Sign-ins, revocations and whatever else happens to sessions at the same time: a session that belongs to somebody is
//! always found by who asks for theirs, and none outlives a revocation that came after its sign-in.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use cloakroom_session::{Excess, IdGenerator, Session, SessionConfig, SessionError, SessionLayer, Store};
use cloakroom_storage::Bytes;
use cloakroom_storage_memory::MemoryStorage;
use http::{Request, Response, StatusCode, header};
use http_body_util::Empty;
use proptest::{collection::vec, option, prelude::*, sample::select};
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    check,
    stepwise::{Step, Stepwise, interleave, now},
};

const COOKIE: &str = "__Host-session_id";

type Principal = &'static str;

const PRINCIPALS: [Principal; 2] = ["ada", "grace"];

#[derive(Clone, Debug)]
struct Scenario {
    limit: Option<(NonZeroUsize, Excess)>,
    /// What each browser does, request by request, with a session that two of them share.
    browsers: Vec<Vec<Vec<Action>>>,
    schedule: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Bind(Principal),
    Revoke(Principal),
    RevokeOthers(Principal),
    Set,
    Save,
    Regenerate,
    Reset,
    Destroy,
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let principal = || select(&PRINCIPALS[..]);
    let action = prop_oneof![
        6 => principal().prop_map(Action::Bind),
        3 => principal().prop_map(Action::Revoke),
        1 => principal().prop_map(Action::RevokeOthers),
        2 => Just(Action::Set),
        2 => Just(Action::Save),
        2 => Just(Action::Regenerate),
        1 => Just(Action::Reset),
        1 => Just(Action::Destroy),
    ];
    let limit = option::of((1..=2_usize, select(&[Excess::EvictOldest, Excess::RefuseNew][..])));
    let browser = vec(vec(action, 0..4), 1..=3);
    (limit, vec(browser, 2..=5), vec(prop::num::u8::ANY, 0..120)).prop_map(|(limit, browsers, schedule)| {
        let limit = limit.map(|(most, excess)| (NonZeroUsize::new(most).unwrap(), excess));
        Scenario { limit, browsers, schedule }
    })
}

#[test]
fn whatever_the_interleaving_every_session_of_somebody_is_listed_and_none_outlives_its_revocation() {
    check(scenario(), |scenario| {
        let outcome = run(&scenario);
        for principal in PRINCIPALS {
            let theirs: Vec<_> =
                outcome.sessions.iter().filter(|session| session.principal == principal).collect();
            let listed = now(outcome.store.sessions_of(principal)).unwrap();
            prop_assert_eq!(listed.len(), theirs.len(), "listed and stored");
            if let Some((most, _)) = scenario.limit {
                prop_assert!(theirs.len() <= most.get(), "{} of {principal}", theirs.len());
            }
            for Theirs { sign_in, .. } in &theirs {
                let saved = outcome.sign_ins[sign_in];
                let later = |revoked: &&(Principal, usize)| revoked.0 == principal && revoked.1 > saved;
                let revoked = outcome.revocations.iter().find(later);
                prop_assert!(revoked.is_none(), "sign-in {sign_in}, saved in {saved}, outlived {revoked:?}");
            }
            prop_assert_eq!(now(outcome.store.revoke(principal, None)).unwrap(), theirs.len());
        }
        prop_assert_eq!(sessions(&outcome.store, outcome.ids).len(), 0, "after a revocation of everybody");
        Ok(())
    });
}

struct Outcome {
    store: Store,
    /// How many ids were made.
    ids: u64,
    /// Those that belong to somebody when all requests have ended.
    sessions: Vec<Theirs>,
    /// In which step the save of each sign-in had ended, if it was one.
    sign_ins: BTreeMap<usize, usize>,
    /// Whose sessions were all revoked, and in which step that began.
    revocations: Vec<(Principal, usize)>,
}

struct Theirs {
    principal: String,
    /// The number of the sign-in that made it theirs.
    sign_in: usize,
}

#[derive(Default)]
struct Log {
    sign_ins: usize,
    saved: BTreeMap<usize, usize>,
    revocations: Vec<(Principal, usize)>,
}

#[derive(Clone)]
struct Browser {
    layer: SessionLayer,
    step: Step,
    log: Arc<Mutex<Log>>,
}

fn run(scenario: &Scenario) -> Outcome {
    let storage = MemoryStorage::new();
    let ids = Arc::new(AtomicU64::new(0));
    let made = ids.clone();
    let mut config = SessionConfig::default()
        .id_generator(IdGenerator::custom(move || session_id(made.fetch_add(1, Ordering::Relaxed))));
    if let Some((most, excess)) = scenario.limit {
        config = config.max_sessions(most, excess);
    }
    let store = Store::with_config(Arc::new(storage.clone()), config.clone()).unwrap();
    let shared = begin(&store);

    let step = Step::default();
    let layer = SessionLayer::builder(Arc::new(Stepwise { inner: storage })).config(config);
    let browser = Browser { layer: layer.build().unwrap(), step: step.clone(), log: Arc::default() };
    let visits = scenario.browsers.iter().enumerate();
    let visits = visits.map(|(number, requests)| {
        let jar = (number < 2).then(|| shared.clone());
        browse(browser.clone(), jar, requests.clone())
    });
    interleave(visits, &scenario.schedule, &step);
    let ids = ids.load(Ordering::Relaxed);
    let log = std::mem::take(&mut *browser.log.lock().unwrap());
    let sessions = sessions(&store, ids);
    Outcome { store, ids, sessions, sign_ins: log.saved, revocations: log.revocations }
}

fn session_id(number: u64) -> String {
    format!("session-{number}")
}

/// A session that is nobody's yet.
fn begin(store: &Store) -> String {
    let (parts, ()) = Request::new(()).into_parts();
    let session = now(store.load(&parts)).unwrap();
    session.regenerate().unwrap();
    now(session.save()).unwrap();
    session.id().as_str().to_owned()
}

fn sessions(store: &Store, ids: u64) -> Vec<Theirs> {
    let loaded = (0..ids).filter_map(|number| now(store.load_by_id(&session_id(number))).ok());
    loaded
        .filter_map(|session| {
            let principal = session.principal()?;
            Some(Theirs { principal, sign_in: session.get("sign-in").unwrap().unwrap() })
        })
        .collect()
}

async fn browse(browser: Browser, mut jar: Option<String>, requests: Vec<Vec<Action>>) {
    for actions in requests {
        let mut request = Request::new(Empty::<Bytes>::new());
        if let Some(id) = &jar {
            request.headers_mut().insert(header::COOKIE, format!("{COOKIE}={id}").parse().unwrap());
        }
        let unsaved = Arc::new(Mutex::new(Vec::new()));
        let service = {
            let (browser, unsaved) = (browser.clone(), unsaved.clone());
            browser.layer.clone().layer(service_fn(move |request| {
                handle(browser.clone(), actions.clone(), unsaved.clone(), request)
            }))
        };
        let response = service.oneshot(request).await.unwrap();
        if response.status() == StatusCode::OK {
            browser.saved(&unsaved);
        }
        if let Some(cookie) = response.headers().get(header::SET_COOKIE) {
            let (_, id) = cookie.to_str().unwrap().split_once(';').unwrap().0.split_once('=').unwrap();
            jar = Some(id.to_owned()).filter(|id| !id.is_empty());
        }
    }
}

/// `unsaved`: the sign-ins of this request.
async fn handle<B>(
    browser: Browser,
    actions: Vec<Action>,
    unsaved: Arc<Mutex<Vec<usize>>>,
    request: Request<B>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let session = Session::from_extensions(request.extensions()).await.unwrap().unwrap();
    for action in actions {
        match action {
            Action::Bind(principal) => {
                let sign_in = browser.signs_in();
                session.bind(principal).unwrap();
                session.set("sign-in", &sign_in).unwrap();
                unsaved.lock().unwrap().push(sign_in);
            }
            Action::Revoke(principal) => {
                browser.log.lock().unwrap().revocations.push((principal, browser.step.number()));
                session.store().revoke(principal, None).await.unwrap();
            }
            Action::RevokeOthers(principal) => {
                session.store().revoke(principal, Some(&session)).await.unwrap();
            }
            Action::Set => session.set("n", &browser.step.number()).unwrap(),
            Action::Save => match session.save().await {
                Ok(()) => browser.saved(&unsaved),
                Err(error) => assert!(matches!(error, SessionError::TooManySessions { .. }), "{error}"),
            },
            Action::Regenerate => session.regenerate().unwrap(),
            Action::Reset => session.reset().await.unwrap(),
            Action::Destroy => session.destroy().await.unwrap(),
        }
    }
    Ok(Response::new(Empty::new()))
}

impl Browser {
    fn signs_in(&self) -> usize {
        let mut log = self.log.lock().unwrap();
        log.sign_ins += 1;
        log.sign_ins
    }

    fn saved(&self, unsaved: &Mutex<Vec<usize>>) {
        let now = self.step.number();
        self.log
            .lock()
            .unwrap()
            .saved
            .extend(unsaved.lock().unwrap().drain(..).map(|sign_in| (sign_in, now)));
    }
}
