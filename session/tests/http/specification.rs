//! Every function, type and error of SPECIFICATION.md by its name there, through HTTP where a request is
//! involved. The details are in the files beside this one.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Router, routing::get as route};
use cloakroom_session::{Session, SessionError, SessionLayer, Stage, Store, default_error_handler};
use cloakroom_storage::Operation;
use cloakroom_storage_memory::MemoryStorage;
use http::{HeaderMap, StatusCode, request::Parts};

use crate::{
    app::App,
    browser::{Browser, get},
};

fn app() -> App {
    let routes = Router::new()
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route(
            "/get",
            route(async |session: Session| session.get::<String>("name").map(Option::unwrap_or_default)),
        )
        .route("/delete", route(async |session: Session| session.delete("name").to_string()))
        .route("/keys", route(async |session: Session| session.keys().join(",")))
        .route("/id", route(async |session: Session| session.id().as_str().to_owned()))
        .route("/fresh", route(async |session: Session| session.is_fresh().to_string()))
        .route("/destroy", route(async |session: Session| session.destroy().await))
        .route("/regenerate", route(async |session: Session| session.regenerate()))
        .route("/reset", route(async |session: Session| session.reset().await));
    App::new(routes)
}

async fn visitor(app: &App) -> Browser {
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    browser
}

#[tokio::test]
async fn new_is_session_layer_new() {
    let routes = Router::new().route("/", route(async |session: Session| session.set("n", &1)));
    let app = routes.layer(SessionLayer::new(Arc::new(MemoryStorage::new())));
    assert_eq!(get(&app, "/", &[]).await.set_cookies().len(), 1);
}

#[tokio::test]
async fn new_with_store_is_layer_store() {
    let app = app();
    let browser = visitor(&app).await;
    let session = app.store.load_by_id(browser.id().unwrap()).await.unwrap();
    assert_eq!(session.get::<String>("name").unwrap().unwrap(), "Ada");
}

#[tokio::test]
async fn new_store_is_store_new() {
    let store = Store::new(Arc::new(MemoryStorage::new()));
    assert!(matches!(store.load_by_id("unknown").await, Err(SessionError::NotFound)));
}

#[tokio::test]
async fn from_context_is_session_from_extensions() {
    let handler = async |parts: Parts| {
        let session = Session::from_extensions(&parts.extensions).await?;
        session.expect("the layer is there").set("n", &1)
    };
    let app = App::new(Router::new().route("/", route(handler)));
    assert_eq!(get(&app.router, "/", &[]).await.set_cookies().len(), 1);
}

#[tokio::test]
async fn middleware_get_set_delete_and_keys() {
    let app = app();
    let mut browser = visitor(&app).await;
    assert_eq!(browser.get(&app.router, "/get").await.body, "Ada");
    assert_eq!(browser.get(&app.router, "/keys").await.body, "name");
    assert_eq!(browser.get(&app.router, "/delete").await.body, "true");
    assert_eq!(browser.get(&app.router, "/get").await.body, "");
    assert_eq!(browser.get(&app.router, "/keys").await.body, "");
    assert_eq!(browser.get(&app.router, "/delete").await.body, "false");
}

#[tokio::test]
async fn middleware_id_and_fresh() {
    let app = app();
    let mut browser = visitor(&app).await;
    assert_eq!(browser.get(&app.router, "/id").await.body, browser.id().unwrap());
    assert_eq!(browser.get(&app.router, "/fresh").await.body, "false");
    assert_eq!(get(&app.router, "/fresh", &[]).await.body, "true");
}

#[tokio::test]
async fn middleware_destroy_regenerate_and_reset() {
    let app = app();
    let mut browser = visitor(&app).await;
    let first = browser.id().unwrap().to_owned();
    browser.get(&app.router, "/regenerate").await;
    let second = browser.id().unwrap().to_owned();
    assert_eq!(browser.get(&app.router, "/get").await.body, "Ada");
    browser.get(&app.router, "/reset").await;
    let third = browser.id().unwrap().to_owned();
    assert_eq!(browser.get(&app.router, "/get").await.body, "");
    assert!(first != second && second != third);
    browser.get(&app.router, "/destroy").await;
    assert_eq!(browser.id(), None);
    assert_eq!(app.stored().await.len(), 0);
}

#[tokio::test]
async fn middleware_store_is_the_layers_store() {
    let handler = async |session: Session, Extension(id): Extension<String>| {
        session.store().load_by_id(&id).await.map(|_| ()).unwrap_err().to_string()
    };
    let app = App::new(Router::new().route("/", route(handler)).layer(Extension("unknown".to_owned())));
    assert_eq!(get(&app.router, "/", &[]).await.body, SessionError::NotFound.to_string());
}

/// A handler that uses the store with no layer around it, as the specification's `Store.Get` does.
async fn without_layer(
    Extension(store): Extension<Store>,
    parts: Parts,
) -> Result<(HeaderMap, String), SessionError> {
    let session = store.load(&parts).await?;
    let visits = session.get::<u64>("visits")?.unwrap_or(0) + 1;
    session.set("visits", &visits)?;
    session.set_idle_timeout(Duration::from_secs(60));
    session.save().await?;
    let mut headers = HeaderMap::new();
    session.emit(&mut headers);
    drop(session);
    Ok((headers, visits.to_string()))
}

#[tokio::test]
async fn store_get_session_save_set_idle_timeout_and_release_work_without_the_layer() {
    let store = Store::new(Arc::new(MemoryStorage::new()));
    let app = Router::new().route("/", route(without_layer)).layer(Extension(store.clone()));
    let mut browser = Browser::new();
    let reply = browser.get(&app, "/").await;
    assert!(reply.set_cookie().contains("Max-Age=60"));
    assert_eq!(browser.get(&app, "/").await.body, "2");

    let session = store.load_by_id(browser.id().unwrap()).await.unwrap();
    session.destroy().await.unwrap();
    assert_eq!(browser.get(&app, "/").await.body, "1");
}

#[tokio::test]
async fn session_emit_says_a_thing_once() {
    let store = Store::new(Arc::new(MemoryStorage::new()));
    let session = store.load(&http::Request::new(()).into_parts().0).await.unwrap();
    session.set("n", &1).unwrap();
    session.save().await.unwrap();
    let mut headers = HeaderMap::new();
    session.emit(&mut headers);
    session.emit(&mut headers);
    assert_eq!(headers.len(), 1);
}

#[tokio::test]
async fn store_get_by_id_loads_and_save_persists() {
    let app = app();
    let mut browser = visitor(&app).await;
    let session = app.store.load_by_id(browser.id().unwrap()).await.unwrap();
    assert!(!session.is_fresh());
    session.set("name", "Grace").unwrap();
    assert_eq!(browser.get(&app.router, "/get").await.body, "Ada", "not before the save");
    session.save().await.unwrap();
    assert_eq!(browser.get(&app.router, "/get").await.body, "Grace");
}

#[tokio::test]
async fn store_delete_and_reset() {
    let app = app();
    let (mut one, mut two, mut three) = (visitor(&app).await, visitor(&app).await, visitor(&app).await);
    app.store.delete(one.id().unwrap()).await.unwrap();
    assert_eq!(one.get(&app.router, "/get").await.body, "");
    assert_eq!(two.get(&app.router, "/get").await.body, "Ada");
    app.store.reset().await.unwrap();
    assert_eq!(two.get(&app.router, "/get").await.body, "");
    assert_eq!(three.get(&app.router, "/get").await.body, "");
}

#[tokio::test]
async fn a_failing_storage_behind_the_store_is_a_storage_error() {
    let app = app();
    let browser = visitor(&app).await;
    for operation in [Operation::Delete, Operation::Reset, Operation::GetAndTouch] {
        app.faults.fail(operation);
    }
    let id = browser.id().unwrap();
    assert!(matches!(app.store.delete(id).await, Err(SessionError::Storage(_))));
    assert!(matches!(app.store.reset().await, Err(SessionError::Storage(_))));
    assert!(matches!(app.store.load_by_id(id).await, Err(SessionError::Storage(_))));
}

#[test]
fn default_error_handler_answers_500() {
    let answer = default_error_handler(&SessionError::NotFound, Stage::Load);
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body(), "Internal Server Error");
}

#[test]
fn the_four_errors_of_the_specification_say_what_they_mean() {
    assert_eq!(SessionError::EmptyId.to_string(), "session id is empty");
    assert_eq!(SessionError::NotFound.to_string(), "no live session has this id");
    assert!(SessionError::AlreadyLoaded.to_string().contains("use the Session extractor"));
    let mismatch = SessionError::TypeMismatch { expected: "u64".into(), found: "string".into() };
    assert_eq!(mismatch.to_string(), "the session holds string here, not u64");
}
