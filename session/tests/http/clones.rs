//! One session in several hands of one request.

use std::sync::Arc;

use axum::{Router, routing::get as route};
use cloakroom_session::{Session, SessionLayer};
use cloakroom_storage::Storage;
use cloakroom_storage_memory::MemoryStorage;
use futures_util::future::join_all;

use crate::browser::Browser;

#[tokio::test]
async fn clones_of_a_session_in_one_request_share_their_changes() {
    let handler = async |session: Session| {
        let tasks = (0..8).map(|n| {
            let session = session.clone();
            tokio::spawn(async move {
                session.set(&format!("key-{n}"), &n).unwrap();
                session.save().await.unwrap();
            })
        });
        join_all(tasks).await;
    };
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let routes = Router::new()
        .route("/", route(handler))
        .route("/keys", route(async |session: Session| session.keys().len().to_string()));
    let app = routes.layer(SessionLayer::new(storage));
    let mut browser = Browser::new();
    browser.get(&app, "/").await;
    assert_eq!(browser.get(&app, "/keys").await.body, "8");
}
