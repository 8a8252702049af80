//! Runs a scenario through the layer, one step at a time, and writes down what each request saw.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use cloakroom_session::{IdGenerator, Session, SessionConfig, SessionLayer, Store};
use cloakroom_storage::{Bytes, Storage};
use cloakroom_storage_memory::MemoryStorage;
use http::{Request, Response, header};
use http_body_util::Empty;
use tower::{Layer, ServiceExt, service_fn};

use crate::{
    scenario::{Action, KEYS, Key, Scenario, Values},
    stepwise::{Step, Stepwise, interleave, now},
};

pub(crate) type Id = String;

const COOKIE: &str = "__Host-session_id";

#[derive(Debug)]
pub(crate) struct Trace {
    /// The session that all browsers have the cookie of.
    pub(crate) id: Id,
    pub(crate) before: Values,
    /// Of each browser.
    pub(crate) events: Vec<Vec<Event>>,
    /// Every session that is stored when all requests have ended.
    pub(crate) after: BTreeMap<Id, Values>,
}

#[derive(Debug)]
pub(crate) struct Event {
    /// The numbers of the steps in which it began and ended.
    pub(crate) begin: usize,
    pub(crate) end: usize,
    pub(crate) what: What,
}

/// What was done, and seen of it.
#[derive(Debug)]
pub(crate) enum What {
    Load {
        cookie: Option<Id>,
        id: Id,
        is_fresh: bool,
        values: Values,
    },
    Get {
        key: Key,
        value: Option<u8>,
    },
    Set {
        key: Key,
        value: u8,
    },
    Delete {
        key: Key,
        was_there: bool,
    },
    Save {
        id: Id,
        values: Values,
    },
    Regenerate {
        id: Id,
    },
    Reset {
        id: Id,
    },
    Destroy,
    /// The save after the handler, and what the response tells the browser.
    Respond {
        cookie: Cookie,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cookie {
    Unchanged,
    New(Id),
    Expired,
}

pub(crate) fn run(scenario: &Scenario) -> Trace {
    let storage = MemoryStorage::new();
    let ids = Arc::new(AtomicU64::new(0));
    let config = SessionConfig::default().id_generator(IdGenerator::custom(move || {
        format!("session-{}", ids.fetch_add(1, Ordering::Relaxed))
    }));
    let quiet = Store::with_config(Arc::new(storage.clone()), config.clone()).unwrap();
    let id = begin(&quiet, &scenario.before);

    let step = Step::default();
    let stepwise = Stepwise { inner: storage.clone() };
    let layer = SessionLayer::builder(Arc::new(stepwise)).config(config).build().unwrap();
    let browsers: Vec<_> = scenario
        .browsers
        .iter()
        .map(|_| Browser { layer: layer.clone(), step: step.clone(), events: Events::default() })
        .collect();
    let visits = scenario.browsers.iter().zip(&browsers);
    let visits = visits.map(|(requests, browser)| browse(browser, id.clone(), requests.clone()));
    interleave(visits, &scenario.schedule, &step);
    let events: Vec<_> =
        browsers.into_iter().map(|browser| std::mem::take(&mut *browser.events.lock().unwrap())).collect();
    let after = stored(&storage, &quiet, &events, &id);
    Trace { id, before: scenario.before.clone(), events, after }
}

fn begin(store: &Store, before: &Values) -> Id {
    let (parts, ()) = Request::new(()).into_parts();
    let session = now(store.load(&parts)).unwrap();
    for (key, value) in before {
        session.set(*key, value).unwrap();
    }
    // It is stored though there may be nothing in it.
    session.regenerate().unwrap();
    now(session.save()).unwrap();
    session.id().as_str().to_owned()
}

/// Every session in the storage. Each is one whose id somebody has seen.
fn stored(storage: &MemoryStorage, store: &Store, events: &[Vec<Event>], first: &Id) -> BTreeMap<Id, Values> {
    let seen = events.iter().flatten().filter_map(|event| match &event.what {
        What::Load { id, .. } | What::Save { id, .. } | What::Regenerate { id } | What::Reset { id } => {
            Some(id)
        }
        _ => None,
    });
    let mut after = BTreeMap::new();
    for id in seen.chain([first]) {
        if let Ok(session) = now(store.load_by_id(id)) {
            after.insert(id.clone(), values(&session));
        }
    }
    let entries = now(storage.scan(None, NonZeroUsize::new(1000).unwrap())).unwrap().entries;
    assert_eq!(entries.len(), after.len(), "a session is stored that nobody has the id of");
    after
}

fn values(session: &Session) -> Values {
    let value = |key| Some((key, session.get(key).unwrap()?));
    KEYS.into_iter().filter_map(value).collect()
}

type Events = Arc<Mutex<Vec<Event>>>;

#[derive(Clone)]
struct Browser {
    layer: SessionLayer,
    step: Step,
    events: Events,
}

impl Browser {
    /// Notes what began in that step and has just ended.
    fn note(&self, begin: usize, what: What) {
        self.events.lock().unwrap().push(Event { begin, end: self.step.number(), what });
    }
}

async fn browse(browser: &Browser, id: Id, requests: Vec<Vec<Action>>) {
    let mut jar = Some(id);
    for actions in requests {
        let mut request = Request::new(Empty::<Bytes>::new());
        if let Some(id) = &jar {
            request.headers_mut().insert(header::COOKIE, format!("{COOKIE}={id}").parse().unwrap());
        }
        let returned = Arc::new(AtomicUsize::new(0));
        let service = {
            let (browser, jar, returned) = (browser.clone(), jar.clone(), returned.clone());
            browser.layer.clone().layer(service_fn(move |request| {
                handle(browser.clone(), jar.clone(), actions.clone(), returned.clone(), request)
            }))
        };
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let cookie = cookie(&response);
        match &cookie {
            Cookie::New(id) => jar = Some(id.clone()),
            Cookie::Expired => jar = None,
            Cookie::Unchanged => {}
        }
        browser.note(returned.load(Ordering::Relaxed), What::Respond { cookie });
    }
}

fn cookie<B>(response: &Response<B>) -> Cookie {
    let cookies: Vec<_> = response.headers().get_all(header::SET_COOKIE).iter().collect();
    assert!(cookies.len() < 2, "{cookies:?}");
    let Some(cookie) = cookies.first() else { return Cookie::Unchanged };
    let (name_and_id, _) = cookie.to_str().unwrap().split_once(';').unwrap();
    match name_and_id.split_once('=').unwrap() {
        (_, "") => Cookie::Expired,
        (_, id) => Cookie::New(id.to_owned()),
    }
}

async fn handle<B>(
    browser: Browser,
    cookie: Option<Id>,
    actions: Vec<Action>,
    returned: Arc<AtomicUsize>,
    request: Request<B>,
) -> Result<Response<Empty<Bytes>>, Infallible> {
    let begin = browser.step.number();
    let session = Session::from_extensions(request.extensions()).await.unwrap().unwrap();
    let (is_fresh, values_then) = (session.is_fresh(), values(&session));
    browser.note(begin, What::Load { cookie, id: id(&session), is_fresh, values: values_then });
    for action in actions {
        let begin = browser.step.number();
        let what = act(&session, action).await;
        browser.note(begin, what);
    }
    returned.store(browser.step.number(), Ordering::Relaxed);
    Ok(Response::new(Empty::new()))
}

async fn act(session: &Session, action: Action) -> What {
    match action {
        Action::Get(key) => What::Get { key, value: session.get(key).unwrap() },
        Action::Set(key, value) => {
            session.set(key, &value).unwrap();
            What::Set { key, value }
        }
        Action::Delete(key) => What::Delete { key, was_there: session.delete(key) },
        Action::Save => {
            session.save().await.unwrap();
            What::Save { id: id(session), values: values(session) }
        }
        Action::Regenerate => {
            session.regenerate().unwrap();
            What::Regenerate { id: id(session) }
        }
        Action::Reset => {
            session.reset().await.unwrap();
            What::Reset { id: id(session) }
        }
        Action::Destroy => {
            session.destroy().await.unwrap();
            What::Destroy
        }
    }
}

fn id(session: &Session) -> Id {
    session.id().as_str().to_owned()
}
