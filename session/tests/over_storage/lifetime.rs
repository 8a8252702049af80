//! How sessions begin, last and end, by the clock on the wall.

use std::time::Duration;

use axum::{Router, routing::get as route};
use cloakroom_session::{Session, SessionConfig, SessionError, SessionLayer, Store};
use tokio::time::sleep;

use super::Nodes;
use crate::browser::Browser;

/// Long enough for a busy machine to be in time half way through it.
const IDLE: Duration = Duration::from_secs(2);

const ADA: &str = "Ada s3cret";

struct Node {
    router: Router,
    store: Store,
}

impl Nodes {
    fn with(&self, config: &SessionConfig) -> [Node; 2] {
        self.storages.each_ref().map(|storage| {
            let layer = SessionLayer::builder(storage.clone()).config(config.clone()).build().unwrap();
            let store = layer.store().clone();
            let router = Router::new()
                .route("/set", route(async |session: Session| session.set("name", ADA)))
                .route("/rename", route(async |session: Session| session.set("name", "Grace")))
                .route("/look", route(look))
                .route("/short", route(async |session: Session| session.set_idle_timeout(IDLE)))
                .route("/regenerate", route(async |session: Session| session.regenerate()))
                .route("/reset", route(async |session: Session| session.reset().await))
                .route("/destroy", route(async |session: Session| session.destroy().await))
                .layer(layer);
            Node { router, store }
        })
    }
}

async fn look(session: Session) -> Result<String, SessionError> {
    session.get("name").map(Option::unwrap_or_default)
}

async fn begun(node: &Node) -> (Browser, String) {
    let mut browser = Browser::new();
    browser.get(&node.router, "/set").await;
    let id = browser.id().unwrap().to_owned();
    (browser, id)
}

async fn seen(node: &Node, browser: &mut Browser) -> String {
    browser.get(&node.router, "/look").await.body
}

/// What a browser with that id alone is shown on each node.
async fn shown(nodes: &[Node; 2], id: &str) -> [String; 2] {
    let [one, other] = nodes;
    [seen(one, &mut Browser::with_id(id)).await, seen(other, &mut Browser::with_id(id)).await]
}

pub(crate) async fn a_session_of_one_node_is_known_on_the_other(nodes: Nodes) {
    let [one, other] = nodes.with(&SessionConfig::default());
    let (mut browser, id) = begun(&one).await;
    assert_eq!(seen(&other, &mut browser).await, ADA);
    browser.get(&other.router, "/rename").await;
    assert_eq!(seen(&one, &mut browser).await, "Grace");
    assert_eq!(browser.id(), Some(&*id));
    let session = other.store.load_by_id(&id).await.unwrap();
    assert_eq!(session.get::<String>("name").unwrap().as_deref(), Some("Grace"));
}

pub(crate) async fn an_unused_session_ends_after_the_idle_timeout(nodes: Nodes) {
    let nodes = nodes.with(&SessionConfig::default().idle_timeout(IDLE));
    let (_, id) = begun(&nodes[0]).await;
    sleep(IDLE + Duration::from_millis(50)).await;
    assert_eq!(shown(&nodes, &id).await, ["", ""]);
}

pub(crate) async fn reads_keep_a_session_alive(nodes: Nodes) {
    let [one, other] = nodes.with(&SessionConfig::default().idle_timeout(IDLE));
    let (mut browser, _) = begun(&one).await;
    for node in [&one, &other, &one, &other] {
        sleep(IDLE / 2).await;
        assert_eq!(seen(node, &mut browser).await, ADA);
    }
}

pub(crate) async fn neither_reads_nor_writes_outlast_the_absolute_timeout(nodes: Nodes) {
    let whole = nodes.with(&SessionConfig::default().idle_timeout(2 * IDLE).absolute_timeout(2 * IDLE));
    let (mut browser, id) = begun(&whole[0]).await;
    sleep(IDLE).await;
    assert_eq!(seen(&whole[1], &mut browser).await, ADA);
    browser.get(&whole[1].router, "/rename").await;
    sleep(IDLE + Duration::from_millis(50)).await;
    assert_eq!(shown(&whole, &id).await, ["", ""]);
    assert_eq!(nodes.stored().await, 0);
}

pub(crate) async fn a_shorter_idle_timeout_of_its_own_ends_a_session_sooner(nodes: Nodes) {
    let nodes = nodes.with(&SessionConfig::default());
    let (mut browser, id) = begun(&nodes[0]).await;
    browser.get(&nodes[0].router, "/short").await;
    for node in [&nodes[1], &nodes[0], &nodes[1]] {
        sleep(IDLE / 2).await;
        assert_eq!(seen(node, &mut browser).await, ADA);
    }
    sleep(IDLE + Duration::from_millis(50)).await;
    assert_eq!(shown(&nodes, &id).await, ["", ""]);
}

pub(crate) async fn after_a_regenerate_the_data_is_under_the_new_id_alone(nodes: Nodes) {
    let whole = nodes.with(&SessionConfig::default());
    let (mut browser, old) = begun(&whole[0]).await;
    browser.get(&whole[0].router, "/regenerate").await;
    let new = browser.id().unwrap().to_owned();
    assert_ne!(new, old);
    assert_eq!(shown(&whole, &old).await, ["", ""]);
    assert_eq!(shown(&whole, &new).await, [ADA, ADA]);
    assert_eq!(nodes.stored().await, 1);
}

pub(crate) async fn after_a_reset_the_session_is_empty_and_the_old_id_dead(nodes: Nodes) {
    let whole = nodes.with(&SessionConfig::default());
    let (mut browser, old) = begun(&whole[0]).await;
    browser.get(&whole[0].router, "/reset").await;
    assert_ne!(browser.id().unwrap(), old);
    assert_eq!(shown(&whole, &old).await, ["", ""]);
    assert_eq!(seen(&whole[1], &mut browser).await, "");
}

pub(crate) async fn after_a_destroy_the_id_is_dead_on_every_node(nodes: Nodes) {
    let whole = nodes.with(&SessionConfig::default());
    let (mut browser, old) = begun(&whole[0]).await;
    assert!(browser.get(&whole[1].router, "/destroy").await.expires_the_cookie());
    assert_eq!(shown(&whole, &old).await, ["", ""]);
    assert_eq!(nodes.stored().await, 0);
}

pub(crate) async fn a_store_that_is_reset_has_no_session_left(nodes: Nodes) {
    let whole = nodes.with(&SessionConfig::default());
    let mut ids = Vec::new();
    for node in whole.iter().cycle().take(10) {
        ids.push(begun(node).await.1);
    }
    assert_eq!(nodes.stored().await, 10);
    whole[1].store.reset().await.unwrap();
    assert_eq!(nodes.stored().await, 0);
    for id in &ids {
        assert_eq!(shown(&whole, id).await, ["", ""]);
    }
}
