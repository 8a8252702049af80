//! Who is signed in where, on several nodes and under races.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use axum::{Router, routing::get as route};
use cloakroom_session::{Excess, Session, SessionConfig, SessionError, SessionLayer, Store};
use http::{HeaderMap, Request, StatusCode};
use tokio::task::JoinSet;

use super::Nodes;
use crate::browser::Browser;

const ADA: &str = "user:ada-s3cret";
const EVE: &str = "user:eve-s3cret";

#[derive(Clone)]
struct Node {
    router: Router,
    store: Store,
}

impl Nodes {
    fn of(&self, config: SessionConfig) -> [Node; 2] {
        self.storages.each_ref().map(|storage| {
            let layer = SessionLayer::builder(storage.clone()).config(config.clone()).build().unwrap();
            let store = layer.store().clone();
            let router = Router::new()
                .route("/sign-in", route(sign_in))
                .route("/who", route(async |session: Session| session.principal().unwrap_or_default()))
                .route("/note", route(note))
                .route("/regenerate", route(async |session: Session| session.regenerate()))
                .route("/sign-out", route(async |session: Session| session.destroy().await))
                .route("/sign-out-elsewhere", route(sign_out_elsewhere))
                .layer(layer);
            Node { router, store }
        })
    }
}

/// As the user of that header; a refusal is told.
async fn sign_in(headers: HeaderMap, session: Session) -> Result<StatusCode, SessionError> {
    session.bind_with(headers["user"].to_str().unwrap(), "a browser")?;
    match session.save().await {
        Err(SessionError::TooManySessions { .. }) => Ok(StatusCode::CONFLICT),
        saved => saved.map(|()| StatusCode::OK),
    }
}

async fn note(session: Session) -> Result<(), SessionError> {
    let notes = session.get::<u64>("notes")?.unwrap_or(0);
    session.set("notes", &(notes + 1))
}

async fn sign_out_elsewhere(session: Session) -> Result<(), SessionError> {
    session.store().revoke(ADA, Some(&session)).await.map(drop)
}

async fn sign_in_as(user: &str, node: &Node, browser: &mut Browser) -> StatusCode {
    browser.send(&node.router, Request::builder().uri("/sign-in").header("user", user)).await.status
}

async fn signed_in(node: &Node) -> Browser {
    let mut browser = Browser::new();
    assert_eq!(sign_in_as(ADA, node, &mut browser).await, StatusCode::OK);
    browser
}

async fn who(node: &Node, browser: &mut Browser) -> String {
    browser.get(&node.router, "/who").await.body
}

async fn listed(node: &Node) -> usize {
    node.store.sessions_of(ADA).await.unwrap().len()
}

/// How many of these browsers are still signed in, by what each node says.
async fn alive(nodes: &[Node; 2], browsers: &[Browser]) -> usize {
    let mut alive = 0;
    for browser in browsers {
        let [one, other] = nodes;
        let seen = [who(one, &mut browser.clone()).await, who(other, &mut browser.clone()).await];
        assert_eq!(seen[0], seen[1], "the nodes disagree");
        alive += usize::from(seen[0] == ADA);
    }
    alive
}

pub(crate) async fn the_sessions_of_a_principal_are_listed_on_every_node(nodes: Nodes) {
    let [one, other] = nodes.of(SessionConfig::default());
    let mut first = signed_in(&one).await;
    signed_in(&other).await;
    let mut eve = Browser::new();
    sign_in_as(EVE, &one, &mut eve).await;
    assert_eq!(who(&other, &mut eve).await, EVE);
    for node in [&one, &other] {
        let sessions = node.store.sessions_of(ADA).await.unwrap();
        assert_eq!(sessions.len(), 2);
        assert!(sessions.iter().all(|session| session.metadata() == "a browser"));
        assert!(sessions[0].created_at() <= sessions[1].created_at());
        let session = node.store.load_by_id(first.id().unwrap()).await.unwrap();
        assert_eq!(sessions.iter().map(|it| it.is(&session)).collect::<Vec<_>>(), [true, false]);
    }
    first.get(&other.router, "/sign-out").await;
    assert_eq!((listed(&one).await, listed(&other).await), (1, 1));
}

pub(crate) async fn a_revocation_holds_for_the_next_request_on_every_node(nodes: Nodes) {
    let nodes = nodes.of(SessionConfig::default());
    let [one, other] = &nodes;
    let mut browsers = Vec::new();
    for _ in 0..3 {
        browsers.push(signed_in(one).await);
        browsers.push(signed_in(other).await);
    }
    let mut eve = Browser::new();
    sign_in_as(EVE, one, &mut eve).await;
    assert_eq!(alive(&nodes, &browsers).await, 6);

    browsers[0].get(&other.router, "/sign-out-elsewhere").await;
    assert_eq!(alive(&nodes, &browsers).await, 1);
    assert_eq!(who(one, &mut browsers[0]).await, ADA);
    assert_eq!((listed(one).await, listed(other).await), (1, 1));

    assert_eq!(one.store.revoke(ADA, None).await.unwrap(), 1);
    assert_eq!(alive(&nodes, &browsers).await, 0);
    assert_eq!(who(other, &mut eve).await, EVE, "nobody else is signed out");
    assert_eq!(one.store.revoke("user:nobody", None).await.unwrap(), 0);
}

pub(crate) async fn a_session_stays_listed_under_each_new_id(nodes: Nodes) {
    let nodes = nodes.of(SessionConfig::default());
    let [one, other] = &nodes;
    let mut browser = signed_in(one).await;
    let old = browser.clone();
    for node in [other, one] {
        browser.get(&node.router, "/regenerate").await;
        assert_eq!((listed(one).await, listed(other).await), (1, 1));
    }
    assert_eq!(who(other, &mut browser).await, ADA);
    assert_eq!(one.store.revoke(ADA, None).await.unwrap(), 1);
    assert_eq!(alive(&nodes, &[old, browser]).await, 0);
}

pub(crate) async fn whatever_the_interleaving_nobody_is_signed_in_after_a_revocation(nodes: Nodes) {
    let repetitions = nodes.repetitions;
    let nodes = nodes.of(SessionConfig::default());
    for round in 0..repetitions {
        let mut browsers = vec![signed_in(&nodes[0]).await, signed_in(&nodes[1]).await];
        let mut racing = JoinSet::new();
        // Those that were signed in before are in the midst of writes and new ids.
        for (n, browser) in browsers.iter().enumerate() {
            let (node, mut browser) = (nodes[(n + round) % 2].clone(), browser.clone());
            racing.spawn(async move {
                for path in ["/note", "/regenerate", "/note"] {
                    browser.get(&node.router, path).await;
                }
                browser
            });
        }
        tokio::task::yield_now().await;
        nodes[round % 2].store.revoke(ADA, None).await.unwrap();
        while let Some(browser) = racing.join_next().await {
            browsers.push(browser.unwrap());
        }
        assert_eq!(alive(&nodes, &browsers).await, 0, "round {round}");
        assert_eq!(listed(&nodes[0]).await, 0, "round {round}");
    }
}

pub(crate) async fn a_sign_in_that_races_a_revocation_is_undone_or_found_by_the_next(nodes: Nodes) {
    let repetitions = nodes.repetitions;
    let nodes = nodes.of(SessionConfig::default());
    for round in 0..repetitions {
        let mut racing = JoinSet::new();
        for n in 0..4 {
            let node = nodes[n % 2].clone();
            racing.spawn(async move { signed_in(&node).await });
        }
        tokio::task::yield_now().await;
        nodes[round % 2].store.revoke(ADA, None).await.unwrap();
        let mut browsers = Vec::new();
        while let Some(browser) = racing.join_next().await {
            browsers.push(browser.unwrap());
        }
        let alive_now = alive(&nodes, &browsers).await;
        assert_eq!(listed(&nodes[0]).await, alive_now, "round {round}: each is listed");
        nodes[1].store.revoke(ADA, None).await.unwrap();
        assert_eq!(alive(&nodes, &browsers).await, 0, "round {round}");
    }
}

pub(crate) async fn racing_sign_ins_never_exceed_the_limit(nodes: Nodes) {
    let most = NonZeroUsize::new(3).unwrap();
    for excess in [Excess::RefuseNew, Excess::EvictOldest] {
        let nodes = nodes.of(SessionConfig::default().max_sessions(most, excess));
        nodes[0].store.revoke(ADA, None).await.unwrap();
        let mut racing = JoinSet::new();
        for n in 0..8 {
            let node = nodes[n % 2].clone();
            racing.spawn(async move {
                let mut browser = Browser::new();
                let status = sign_in_as(ADA, &node, &mut browser).await;
                (browser, status)
            });
        }
        let (mut browsers, mut refused) = (Vec::new(), 0);
        while let Some(signed_in) = racing.join_next().await {
            let (browser, status) = signed_in.unwrap();
            browsers.push(browser);
            refused += usize::from(status == StatusCode::CONFLICT);
        }
        assert_eq!(alive(&nodes, &browsers).await, 3, "{excess:?}");
        assert_eq!(listed(&nodes[0]).await, 3, "{excess:?}");
        assert_eq!(refused, if excess == Excess::RefuseNew { 5 } else { 0 });
    }
}

pub(crate) async fn the_oldest_make_room_and_sessions_that_have_ended_do_not_count(nodes: Nodes) {
    let most = NonZeroUsize::new(2).unwrap();
    let evicting = nodes.of(SessionConfig::default().max_sessions(most, Excess::EvictOldest));
    let mut browsers = Vec::new();
    for n in 0..3 {
        browsers.push(signed_in(&evicting[n % 2]).await);
    }
    assert_eq!(who(&evicting[0], &mut browsers[0]).await, "");
    assert_eq!(alive(&evicting, &browsers[1..]).await, 2);

    let refusing = nodes.of(SessionConfig::default().max_sessions(most, Excess::RefuseNew));
    let mut late = Browser::new();
    assert_eq!(sign_in_as(ADA, &refusing[0], &mut late).await, StatusCode::CONFLICT);
    browsers[1].get(&refusing[1].router, "/sign-out").await;
    assert_eq!(sign_in_as(ADA, &refusing[0], &mut late).await, StatusCode::OK);
    // The same session again takes no room.
    assert_eq!(sign_in_as(ADA, &refusing[1], &mut late).await, StatusCode::OK);
    assert_eq!(listed(&refusing[0]).await, 2);
}

pub(crate) async fn a_list_that_was_lost_heals_as_its_sessions_are_used(nodes: Nodes) {
    let storage = Arc::clone(&nodes.storages[0]);
    let nodes = nodes.of(SessionConfig::default().idle_timeout(Duration::from_secs(2)));
    let mut browser = signed_in(&nodes[0]).await;
    let keys = super::keys(&*storage).await;
    storage.delete(keys.iter().find(|key| key.starts_with("principal.")).unwrap()).await.unwrap();
    assert_eq!(listed(&nodes[1]).await, 0);
    // From a tenth of the timeout on, a use extends the TTL, and the list with it.
    let healed = async {
        while listed(&nodes[1]).await == 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert_eq!(who(&nodes[0], &mut browser).await, ADA);
        }
    };
    tokio::time::timeout(Duration::from_secs(30), healed).await.expect("the list has healed");
    assert_eq!(nodes[1].store.revoke(ADA, None).await.unwrap(), 1);
    assert_eq!(who(&nodes[0], &mut browser).await, "");
}
