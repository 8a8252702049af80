//! New ids for old ones, on several nodes and under races: never two sessions of one, and none that a sign-out misses.

use std::{
    collections::BTreeSet,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use axum::{Router, extract::Path, routing::get as route};
use cloakroom_session::{Clock, Excess, Session, SessionConfig, SessionError, SessionLayer, Store};
use futures_util::future::join_all;
use http::StatusCode;
use tokio::{sync::Semaphore, task::JoinHandle};

use super::Nodes;
use crate::browser::{Browser, Reply};

const ADA: &str = "user:ada-s3cret";
const RENEW_AFTER: Duration = Duration::from_secs(15 * 60);
const GRACE: Duration = Duration::from_secs(20);

/// Two nodes whose clock the test sets forward.
struct Renewing {
    nodes: [Node; 2],
    ahead_ms: Arc<AtomicU64>,
    /// As many requests are held.
    reached: Arc<Semaphore>,
    /// As many may go on.
    open: Arc<Semaphore>,
}

#[derive(Clone)]
struct Node {
    router: Router,
    store: Store,
}

impl Nodes {
    fn renewing(&self) -> Renewing {
        self.renewing_with(SessionConfig::default())
    }

    fn renewing_with(&self, config: SessionConfig) -> Renewing {
        let ahead_ms = Arc::new(AtomicU64::new(0));
        let ahead = ahead_ms.clone();
        let now = move || SystemTime::now() + Duration::from_millis(ahead.load(Ordering::Relaxed));
        let config = config.renew_after(RENEW_AFTER).renewal_grace(GRACE).clock(Clock::custom(now));
        let (reached, open) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
        let nodes = self.storages.each_ref().map(|storage| {
            let layer = SessionLayer::builder(storage.clone()).config(config.clone()).build().unwrap();
            let store = layer.store().clone();
            Node { router: routes(&reached, &open).layer(layer), store }
        });
        Renewing { nodes, ahead_ms, reached, open }
    }
}

/// A path `/slow/x` does what `/x` does, held between load and save until the test lets it go.
fn routes(reached: &Arc<Semaphore>, open: &Arc<Semaphore>) -> Router {
    let (reached, open) = (reached.clone(), open.clone());
    let slow = async move |session: Session, Path(what): Path<String>| {
        reached.add_permits(1);
        open.acquire().await.unwrap().forget();
        perform(&session, &what).await
    };
    Router::new().route("/slow/{what}", route(slow)).route(
        "/{what}",
        route(async |session: Session, Path(what): Path<String>| perform(&session, &what).await),
    )
}

async fn perform(session: &Session, what: &str) -> Result<String, SessionError> {
    match what {
        "keys" => return Ok(session.keys().join(",")),
        "who" => return Ok(session.principal().unwrap_or_default()),
        "regenerate" => session.regenerate()?,
        "sign-in" => session.bind(ADA)?,
        "prove" => session.elevate()?,
        "sign-out" => session.destroy().await?,
        "sign-out-elsewhere" => drop(session.store().revoke(ADA, Some(session)).await?),
        key => session.set(key, &1_u64)?,
    }
    Ok(String::new())
}

impl Renewing {
    async fn begin(&self, path: &str) -> Browser {
        let mut browser = Browser::new();
        browser.get(&self.nodes[0].router, path).await;
        assert!(browser.id().is_some());
        browser
    }

    fn pass(&self, time: Duration) {
        self.ahead_ms.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
    }

    /// A browser whose id was just renewed, and one that has not heard of it.
    async fn renewed(&self, path: &str) -> (Browser, Browser) {
        let mut browser = self.begin(path).await;
        let old = browser.clone();
        self.pass(RENEW_AFTER);
        browser.get(&self.nodes[0].router, "/keys").await;
        assert_ne!(browser.id(), old.id(), "the id was renewed");
        (browser, old)
    }

    fn spawn(&self, node: usize, browser: &Browser, path: &str) -> JoinHandle<Reply> {
        let (router, mut browser, path) =
            (self.nodes[node % 2].router.clone(), browser.clone(), path.to_owned());
        tokio::spawn(async move { browser.get(&router, &path).await })
    }

    /// Runs `meanwhile` while a request is held between its load and its save.
    async fn during_a_slow(
        &self,
        path: &str,
        browser: &Browser,
        meanwhile: impl Future<Output = ()>,
    ) -> Reply {
        let slow = self.spawn(1, browser, path);
        self.all_held(1).await;
        meanwhile.await;
        self.open.add_permits(1);
        slow.await.unwrap()
    }

    /// Until so many requests have loaded their session and are held.
    async fn all_held(&self, requests: u32) {
        self.reached.acquire_many(requests).await.unwrap().forget();
    }

    /// What a browser is shown, by both nodes alike; whatever they send it is lost.
    async fn shown(&self, browser: &Browser, path: &str) -> String {
        let [one, other] = &self.nodes;
        let seen = browser.clone().get(&one.router, path).await.body;
        assert_eq!(browser.clone().get(&other.router, path).await.body, seen, "the nodes agree");
        seen
    }

    async fn listed(&self) -> usize {
        self.nodes[1].store.sessions_of(ADA).await.unwrap().len()
    }
}

pub(crate) async fn an_old_id_is_renewed_and_leads_to_the_same_session_while_there_is_grace(nodes: Nodes) {
    let renewing = nodes.renewing();
    let [one, other] = &renewing.nodes;
    let mut browser = renewing.begin("/basket").await;
    let old = browser.clone();
    renewing.pass(RENEW_AFTER - Duration::from_secs(60));
    browser.get(&one.router, "/keys").await;
    assert_eq!(browser.id(), old.id(), "it is young yet");

    renewing.pass(Duration::from_secs(60));
    let reply = browser.get(&one.router, "/keys").await;
    assert_eq!(reply.body, "basket");
    assert_ne!(browser.id(), old.id());

    for node in [other, one] {
        let reply = old.clone().get(&node.router, "/keys").await;
        assert_eq!((&*reply.body, reply.new_id()), ("basket", browser.id().unwrap()), "told the same again");
    }
    assert_eq!(old.clone().get(&other.router, "/order").await.new_id(), browser.id().unwrap());
    assert_eq!(renewing.shown(&browser, "/keys").await, "basket,order", "it is one session");
    browser.get(&one.router, "/address").await;
    assert_eq!(renewing.shown(&old, "/keys").await, "address,basket,order");

    renewing.pass(GRACE);
    assert_eq!(renewing.shown(&old, "/keys").await, "");
    assert_eq!(renewing.shown(&browser, "/keys").await, "address,basket,order");
    assert_eq!(nodes.stored().await, 1, "nothing is left of the old id");
}

pub(crate) async fn of_racing_requests_one_renews_the_id_and_all_writes_survive(nodes: Nodes) {
    for round in 0..nodes.repetitions {
        let renewing = nodes.renewing();
        let browser = renewing.begin("/begun").await;
        renewing.pass(RENEW_AFTER);
        // Each has loaded its session before any renews it.
        let path = |n: usize| {
            if n.is_multiple_of(2) { format!("/slow/key-{n:02}") } else { "/slow/keys".to_owned() }
        };
        let requests: Vec<_> = (0..16).map(|n| renewing.spawn(n / 2, &browser, &path(n))).collect();
        renewing.all_held(16).await;
        renewing.open.add_permits(16);
        let mut given = BTreeSet::new();
        for reply in join_all(requests).await.into_iter().map(Result::unwrap) {
            assert_eq!(reply.status, StatusCode::OK);
            given.extend(reply.set_cookies().first().map(|_| reply.new_id().to_owned()));
        }
        // Who was served by the old id before it was renewed may have been sent that one again.
        given.remove(browser.id().unwrap());
        assert_eq!(given.len(), 1, "round {round}");
        let keys = format!(
            "begun,{}",
            (0..16).step_by(2).map(|n| format!("key-{n:02}")).collect::<Vec<_>>().join(",")
        );
        assert_eq!(renewing.shown(&Browser::with_id(given.first().unwrap()), "/keys").await, keys);
        assert_eq!(renewing.shown(&browser, "/keys").await, keys, "round {round}");
        renewing.nodes[0].store.delete(browser.id().unwrap()).await.unwrap();
        assert_eq!(renewing.shown(&Browser::with_id(given.first().unwrap()), "/keys").await, "");
    }
}

pub(crate) async fn a_write_under_way_follows_the_session_to_its_new_id(nodes: Nodes) {
    let renewing = nodes.renewing();
    let mut browser = renewing.begin("/begun").await;
    let old = browser.clone();
    let late = renewing
        .during_a_slow("/slow/late", &old, async {
            renewing.pass(RENEW_AFTER);
            browser.get(&renewing.nodes[0].router, "/keys").await;
        })
        .await;
    assert_ne!(browser.id(), old.id());
    assert_eq!(late.new_id(), browser.id().unwrap());
    assert_eq!(renewing.shown(&browser, "/keys").await, "begun,late");
}

pub(crate) async fn after_a_sign_out_under_either_id_neither_works(nodes: Nodes) {
    let renewing = nodes.renewing();
    for (node, with_the_old) in [(0, false), (1, false), (0, true), (1, true)] {
        let (browser, old) = renewing.renewed("/basket").await;
        let mut leaving = if with_the_old { old.clone() } else { browser.clone() };
        assert!(leaving.get(&renewing.nodes[node].router, "/sign-out").await.expires_the_cookie());
        assert_eq!(renewing.shown(&browser, "/keys").await, "");
        assert_eq!(renewing.shown(&old, "/keys").await, "");
    }
    let (browser, old) = renewing.renewed("/basket").await;
    renewing.nodes[1].store.delete(old.id().unwrap()).await.unwrap();
    assert_eq!(renewing.shown(&browser, "/keys").await, "", "so does a deletion by the old id");
}

pub(crate) async fn a_sign_out_under_way_follows_the_session_to_its_new_id(nodes: Nodes) {
    let renewing = nodes.renewing();
    let mut browser = renewing.begin("/basket").await;
    let old = browser.clone();
    let late = renewing
        .during_a_slow("/slow/sign-out", &old, async {
            renewing.pass(RENEW_AFTER);
            browser.get(&renewing.nodes[0].router, "/keys").await;
        })
        .await;
    assert_ne!(browser.id(), old.id());
    assert!(late.expires_the_cookie());
    assert_eq!(renewing.shown(&browser, "/keys").await, "");
    assert_eq!(renewing.shown(&old, "/keys").await, "");
}

pub(crate) async fn after_a_regenerate_a_sign_in_or_a_proof_neither_id_works(nodes: Nodes) {
    let renewing = nodes.renewing();
    for path in ["/regenerate", "/sign-in", "/prove"] {
        for with_the_old in [false, true] {
            let (renewed, old) = renewing.renewed("/basket").await;
            let mut browser = if with_the_old { old.clone() } else { renewed.clone() };
            browser.get(&renewing.nodes[1].router, path).await;
            assert_eq!(renewing.shown(&old, "/keys").await, "", "{path}");
            assert_eq!(renewing.shown(&renewed, "/keys").await, "", "{path}");
            assert_eq!(renewing.shown(&browser, "/keys").await, "basket", "{path}");
        }
        // A request that would have renewed the id does nothing of the kind.
        let old = renewing.begin("/basket").await;
        renewing.pass(RENEW_AFTER);
        let mut browser = old.clone();
        browser.get(&renewing.nodes[1].router, path).await;
        assert_eq!(renewing.shown(&old, "/keys").await, "", "{path}: no grace");
        assert_eq!(renewing.shown(&browser, "/keys").await, "basket", "{path}");
    }
}

pub(crate) async fn a_sign_in_under_way_follows_the_session_to_its_new_id(nodes: Nodes) {
    let renewing = nodes.renewing();
    for path in ["/slow/regenerate", "/slow/sign-in", "/slow/prove"] {
        let mut browser = renewing.begin("/basket").await;
        let old = browser.clone();
        let late = renewing
            .during_a_slow(path, &old, async {
                renewing.pass(RENEW_AFTER);
                browser.get(&renewing.nodes[0].router, "/order").await;
            })
            .await;
        assert_ne!(browser.id(), old.id());
        assert_eq!(renewing.shown(&old, "/keys").await, "", "{path}");
        assert_eq!(renewing.shown(&browser, "/keys").await, "", "{path}");
        assert_eq!(renewing.shown(&Browser::with_id(late.new_id()), "/keys").await, "basket,order", "{path}");
    }
}

pub(crate) async fn a_renewed_session_is_listed_once_and_revoked_under_both_ids(nodes: Nodes) {
    let renewing = nodes.renewing();
    let (browser, old) = renewing.renewed("/sign-in").await;
    assert_eq!(renewing.listed().await, 1);
    assert_eq!(renewing.shown(&browser, "/who").await, ADA);
    assert_eq!(renewing.shown(&old, "/who").await, ADA);
    let session = renewing.nodes[0].store.load_by_id(old.id().unwrap()).await.unwrap();
    assert!(renewing.nodes[1].store.sessions_of(ADA).await.unwrap()[0].is(&session));

    assert_eq!(renewing.nodes[1].store.revoke(ADA, None).await.unwrap(), 1);
    assert_eq!(renewing.shown(&browser, "/who").await, "");
    assert_eq!(renewing.shown(&old, "/who").await, "");
}

pub(crate) async fn whatever_the_interleaving_a_revocation_ends_sessions_that_are_being_renewed(
    nodes: Nodes,
) {
    for round in 0..nodes.repetitions {
        let renewing = nodes.renewing();
        let mut browsers = [renewing.begin("/sign-in").await, renewing.begin("/sign-in").await].to_vec();
        renewing.pass(RENEW_AFTER);
        let requests: Vec<_> = (0..8)
            .map(|n| renewing.spawn(n / 2, &browsers[n % 2], if n < 4 { "/who" } else { "/note" }))
            .collect();
        for _ in 0..round % 10 {
            tokio::task::yield_now().await;
        }
        renewing.nodes[round % 2].store.revoke(ADA, None).await.unwrap();
        for reply in join_all(requests).await.into_iter().map(Result::unwrap) {
            browsers.extend(reply.set_cookies().first().map(|_| Browser::with_id(reply.new_id())));
        }
        for browser in browsers.iter().filter(|browser| browser.id() != Some("")) {
            assert_eq!(renewing.shown(browser, "/who").await, "", "round {round}");
        }
        assert_eq!(renewing.listed().await, 0, "round {round}");
    }
}

pub(crate) async fn one_session_of_the_list_is_ended_also_while_it_is_renewed(nodes: Nodes) {
    let renewing = nodes.renewing();
    let store = &renewing.nodes[1].store;
    let (kept, mut lost) = (renewing.begin("/sign-in").await, renewing.begin("/sign-in").await);
    let old = lost.clone();
    let lost_session = store.load_by_id(lost.id().unwrap()).await.unwrap();
    let listed = store.sessions_of(ADA).await.unwrap().into_iter().find(|it| it.is(&lost_session)).unwrap();
    renewing.pass(RENEW_AFTER);
    lost.get(&renewing.nodes[0].router, "/who").await;
    assert_ne!(lost.id(), old.id());

    store.end(&listed).await.unwrap();
    store.end(&listed).await.unwrap();
    for browser in [&lost, &old] {
        assert_eq!(renewing.shown(browser, "/who").await, "");
    }
    assert_eq!(renewing.shown(&kept, "/who").await, ADA);
    assert_eq!(renewing.listed().await, 1);
}

pub(crate) async fn racing_renewals_take_no_room_from_other_sessions(nodes: Nodes) {
    let most = NonZeroUsize::new(2).unwrap();
    for excess in [Excess::RefuseNew, Excess::EvictOldest] {
        let renewing = nodes.renewing_with(SessionConfig::default().max_sessions(most, excess));
        renewing.nodes[0].store.revoke(ADA, None).await.unwrap();
        let mut browsers = [renewing.begin("/sign-in").await, renewing.begin("/sign-in").await];
        for _ in 0..3 {
            renewing.pass(RENEW_AFTER);
            // Each has loaded its session before any renews it.
            let requests: Vec<_> =
                (0..8).map(|n| renewing.spawn(n / 2, &browsers[n % 2], "/slow/who")).collect();
            renewing.all_held(8).await;
            renewing.open.add_permits(8);
            for reply in join_all(requests).await {
                assert_eq!(reply.unwrap().body, ADA, "{excess:?}");
            }
            for browser in &mut browsers {
                let old = browser.clone();
                browser.get(&renewing.nodes[0].router, "/who").await;
                assert_ne!(browser.id(), old.id());
            }
        }
        assert_eq!(renewing.listed().await, 2, "{excess:?}");
        browsers[0].get(&renewing.nodes[1].router, "/sign-out").await;
        let late = renewing.begin("/sign-in").await;
        assert_eq!(renewing.shown(&late, "/who").await, ADA, "{excess:?}: no renewal has left a name behind");
        assert_eq!(renewing.shown(&browsers[1], "/who").await, ADA, "{excess:?}");
        assert_eq!(renewing.listed().await, 2, "{excess:?}");
    }
}

pub(crate) async fn a_limit_that_was_lowered_does_not_end_sessions_that_are_renewed(nodes: Nodes) {
    for excess in [Excess::RefuseNew, Excess::EvictOldest] {
        let unlimited = nodes.renewing();
        unlimited.nodes[0].store.revoke(ADA, None).await.unwrap();
        let mut browsers = [unlimited.begin("/sign-in").await, unlimited.begin("/sign-in").await];
        let limited = nodes.renewing_with(SessionConfig::default().max_sessions(NonZeroUsize::MIN, excess));
        limited.pass(RENEW_AFTER);
        for browser in &mut browsers {
            let old = browser.clone();
            assert_eq!(browser.get(&limited.nodes[1].router, "/who").await.body, ADA);
            assert_ne!(browser.id(), old.id(), "{excess:?}: it is renewed");
        }
        assert_eq!(limited.listed().await, 2, "{excess:?}");
    }
}

pub(crate) async fn a_revocation_that_spares_its_own_session_spares_it_under_its_new_id(nodes: Nodes) {
    let renewing = nodes.renewing();
    let mut browser = renewing.begin("/sign-in").await;
    let (old, other) = (browser.clone(), renewing.begin("/sign-in").await);
    renewing
        .during_a_slow("/slow/sign-out-elsewhere", &old, async {
            renewing.pass(RENEW_AFTER);
            browser.get(&renewing.nodes[0].router, "/who").await;
        })
        .await;
    assert_ne!(browser.id(), old.id());
    assert_eq!(renewing.shown(&browser, "/who").await, ADA);
    assert_eq!(renewing.shown(&other, "/who").await, "");
}
