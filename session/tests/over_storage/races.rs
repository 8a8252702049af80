//! Requests that race on one session, on one node and on two: every write survives, no logout is undone.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use axum::{Router, extract::Path, routing::get as route};
use cloakroom_session::{Session, SessionError, SessionLayer};
use cloakroom_storage::Storage;
use futures_util::future::join_all;
use http::StatusCode;
use tokio::{sync::Notify, task::JoinHandle};

use super::Nodes;
use crate::browser::{Browser, Reply};

const REQUESTS: usize = 32;

/// Lets a test hold a handler between its load and its save.
#[derive(Clone, Default)]
struct Gate {
    reached: Arc<Notify>,
    open: Arc<Notify>,
}

impl Gate {
    async fn pass(&self) {
        self.reached.notify_one();
        self.open.notified().await;
    }
}

/// One node of an application: its own layer over a storage that nodes share.
fn node(storage: &Arc<dyn Storage>, gate: &Gate) -> Router {
    let gate = gate.clone();
    let slow = async move |session: Session| {
        session.get::<u64>("slow")?;
        gate.pass().await;
        session.set("slow", &1_u64)
    };
    let regenerate = async |session: Session| session.regenerate();
    Router::new()
        .route("/begin", route(async |session: Session| session.set("begun", &true)))
        .route(
            "/set/{key}/{ms}",
            route(async |session: Session, Path((key, ms)): Path<(String, u64)>| {
                session.get::<bool>("begun")?;
                if ms > 0 {
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                }
                session.set(&key, &1_u64)
            }),
        )
        .route("/slow", route(slow))
        .route("/logout", route(async |session: Session| session.destroy().await))
        .route("/regenerate", route(regenerate))
        .route("/keys", route(async |session: Session| session.keys().join(",")))
        .layer(SessionLayer::new(storage.clone()))
}

impl Nodes {
    fn routers(&self, count: usize) -> (Vec<Router>, Gate) {
        let gate = Gate::default();
        (self.storages[..count].iter().map(|storage| node(storage, &gate)).collect(), gate)
    }
}

async fn begin(node: &Router) -> Browser {
    let mut browser = Browser::new();
    browser.get(node, "/begin").await;
    browser
}

/// Sends the request from a task of its own; the browser's jar is a copy.
fn spawn(node: &Router, browser: &Browser, path: String) -> JoinHandle<Reply> {
    let (node, mut browser) = (node.clone(), browser.clone());
    tokio::spawn(async move { browser.get(&node, &path).await })
}

async fn all_concurrent_writes_survive(nodes: Nodes, node_count: usize, handler_ms: u64) {
    let repetitions = nodes.repetitions;
    let (nodes, _) = nodes.routers(node_count);
    for _ in 0..repetitions {
        let mut browser = begin(&nodes[0]).await;
        let writes = (0..REQUESTS)
            .map(|n| spawn(&nodes[n % nodes.len()], &browser, format!("/set/key-{n:02}/{handler_ms}")));
        for reply in join_all(writes).await {
            assert_eq!(reply.unwrap().status, StatusCode::OK);
        }
        let keys = browser.get(&nodes[0], "/keys").await.body;
        let expected: Vec<_> = (0..REQUESTS).map(|n| format!("key-{n:02}")).collect();
        assert_eq!(keys, format!("begun,{}", expected.join(",")));
    }
}

pub(crate) async fn of_32_concurrent_writes_with_a_0_ms_handler_32_survive(nodes: Nodes) {
    all_concurrent_writes_survive(nodes, 1, 0).await;
}

pub(crate) async fn of_32_concurrent_writes_with_a_50_ms_handler_32_survive(nodes: Nodes) {
    all_concurrent_writes_survive(nodes, 1, 50).await;
}

pub(crate) async fn of_32_concurrent_writes_on_two_nodes_32_survive(nodes: Nodes) {
    all_concurrent_writes_survive(nodes, 2, 0).await;
}

pub(crate) async fn of_32_concurrent_writes_with_a_50_ms_handler_on_two_nodes_32_survive(nodes: Nodes) {
    all_concurrent_writes_survive(nodes, 2, 50).await;
}

async fn logout_during_a_slow_write(nodes: &[Router], gate: &Gate) {
    let (first, last) = (&nodes[0], &nodes[nodes.len() - 1]);
    let mut browser = begin(first).await;
    let old = browser.id().unwrap().to_owned();
    let slow = spawn(first, &browser, "/slow".to_owned());
    gate.reached.notified().await;
    browser.get(last, "/logout").await;
    gate.open.notify_one();
    let late = slow.await.unwrap();
    assert_eq!(late.status, StatusCode::OK, "not a 500");
    assert!(late.expires_the_cookie());
    for node in nodes {
        assert_eq!(Browser::with_id(&old).get(node, "/keys").await.body, "", "the old id is dead");
    }
}

pub(crate) async fn a_logout_during_a_slow_write_wins(nodes: Nodes) {
    let (nodes, gate) = nodes.routers(1);
    logout_during_a_slow_write(&nodes, &gate).await;
}

pub(crate) async fn a_logout_on_another_node_during_a_slow_write_wins(nodes: Nodes) {
    let (nodes, gate) = nodes.routers(2);
    logout_during_a_slow_write(&nodes, &gate).await;
}

/// Every id that the client had or was given.
fn ids(browser: &Browser, replies: &[Reply]) -> Vec<String> {
    let given = replies.iter().flat_map(Reply::set_cookies).map(|cookie| {
        let pair = cookie.split(';').next().unwrap();
        pair.split_once('=').unwrap().1.to_owned()
    });
    given.filter(|id| !id.is_empty()).chain([browser.id().unwrap().to_owned()]).collect()
}

async fn all_ok(requests: Vec<JoinHandle<Reply>>) -> Vec<Reply> {
    let replies: Vec<_> = join_all(requests).await.into_iter().map(Result::unwrap).collect();
    assert!(replies.iter().all(|reply| reply.status == StatusCode::OK));
    replies
}

pub(crate) async fn whatever_the_interleaving_a_logout_is_never_undone(nodes: Nodes) {
    let repetitions = nodes.repetitions;
    let (nodes, _) = nodes.routers(2);
    for _ in 0..repetitions {
        let browser = begin(&nodes[0]).await;
        let mut requests: Vec<_> =
            (0..8).map(|n| spawn(&nodes[n % 2], &browser, format!("/set/key-{n}/0"))).collect();
        requests.push(spawn(&nodes[1], &browser, "/logout".to_owned()));
        let replies = all_ok(requests).await;
        // A request that came after the logout has begun a session of its own, with none of the old data.
        for id in ids(&browser, &replies) {
            let keys = Browser::with_id(&id).get(&nodes[0], "/keys").await.body;
            assert!(!keys.contains("begun"), "{keys}");
        }
    }
}

pub(crate) async fn whatever_the_interleaving_regenerates_leave_one_session(nodes: Nodes) {
    let repetitions = nodes.repetitions;
    let (nodes, _) = nodes.routers(2);
    for _ in 0..repetitions {
        let browser = begin(&nodes[0]).await;
        let mut requests: Vec<_> =
            (0..8).map(|n| spawn(&nodes[n % 2], &browser, format!("/set/key-{n}/0"))).collect();
        requests.extend(nodes.iter().map(|node| spawn(node, &browser, "/regenerate".to_owned())));
        let replies = all_ok(requests).await;
        let mut with_the_data = BTreeSet::new();
        for id in ids(&browser, &replies) {
            if Browser::with_id(&id).get(&nodes[0], "/keys").await.body.contains("begun") {
                with_the_data.insert(id);
            }
        }
        assert_eq!(with_the_data.len(), 1);
    }
}

pub(crate) async fn a_write_during_a_regenerate_moves_along_or_is_told_that_its_id_is_gone(nodes: Nodes) {
    let (nodes, gate) = nodes.routers(2);
    let mut browser = begin(&nodes[0]).await;
    let slow = spawn(&nodes[0], &browser, "/slow".to_owned());
    gate.reached.notified().await;
    browser.get(&nodes[1], "/regenerate").await;
    gate.open.notify_one();
    assert!(slow.await.unwrap().expires_the_cookie());
    assert_eq!(browser.get(&nodes[0], "/keys").await.body, "begun");
}

pub(crate) async fn a_regenerate_takes_along_what_another_request_has_written_meanwhile(nodes: Nodes) {
    let storage = &nodes.storages[0];
    let gate = Gate::default();
    let held = gate.clone();
    let slow_sign_in = async move |session: Session| -> Result<(), SessionError> {
        session.set("user", &1_u64)?;
        session.regenerate()?;
        held.pass().await;
        Ok(())
    };
    let node = node(storage, &gate).merge(
        Router::new().route("/sign-in", route(slow_sign_in)).layer(SessionLayer::new(storage.clone())),
    );
    let mut browser = begin(&node).await;
    let signing_in = spawn(&node, &browser, "/sign-in".to_owned());
    gate.reached.notified().await;
    browser.get(&node, "/set/basket/0").await;
    gate.open.notify_one();
    let reply = signing_in.await.unwrap();
    let mut signed_in = Browser::with_id(reply.new_id());
    assert_eq!(signed_in.get(&node, "/keys").await.body, "basket,begun,user");
}

pub(crate) async fn of_two_sign_ins_of_one_session_the_slower_is_dropped_and_leaves_the_new_cookie_alone(
    nodes: Nodes,
) {
    let storage = &nodes.storages[0];
    let gate = Gate::default();
    let held = gate.clone();
    let slow = async move |session: Session| {
        session.regenerate().unwrap();
        held.pass().await;
    };
    let node = node(storage, &gate)
        .merge(Router::new().route("/slow-sign-in", route(slow)).layer(SessionLayer::new(storage.clone())));
    let mut browser = begin(&node).await;
    let slower = spawn(&node, &browser, "/slow-sign-in".to_owned());
    gate.reached.notified().await;
    browser.get(&node, "/regenerate").await;
    gate.open.notify_one();
    assert!(slower.await.unwrap().set_cookies().is_empty());
    assert_eq!(browser.get(&node, "/keys").await.body, "begun");
    assert_eq!(nodes.stored().await, 1, "the slower one's new id is not left behind");
}
