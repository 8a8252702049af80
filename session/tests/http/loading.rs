//! BEHAVIOUR.md, "Loading".

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, routing::get as route};
use cloakroom_session::{IdGenerator, Session, SessionConfig, SessionError};
use cloakroom_storage::{Bytes, Operation, Storage};
use http::StatusCode;

use crate::{
    app::{App, on_paused_clock},
    browser::{Browser, get},
};

async fn set(session: Session) -> Result<String, SessionError> {
    session.set("name", "Ada")?;
    Ok(session.is_fresh().to_string())
}

async fn look(session: Session) -> Result<String, SessionError> {
    Ok(format!("{} {:?}", session.is_fresh(), session.get::<String>("name")?))
}

fn routes() -> Router {
    Router::new().route("/set", route(set)).route("/look", route(look))
}

#[tokio::test]
async fn a_stored_session_is_loaded_and_not_fresh() {
    let app = App::new(routes());
    let mut browser = Browser::new();
    assert_eq!(browser.get(&app.router, "/set").await.body, "true");
    assert_eq!(browser.get(&app.router, "/look").await.body, "false Some(\"Ada\")");
}

#[tokio::test]
async fn all_extractors_of_one_request_share_one_session() {
    let both = async |first: Session, second: Option<Session>, parts: http::request::Parts| {
        first.set("name", "Ada").unwrap();
        let third = Session::from_extensions(&parts.extensions).await.unwrap().unwrap();
        assert_eq!(first.id(), third.id());
        second.unwrap().get::<String>("name").unwrap().unwrap()
    };
    let app = App::new(Router::new().route("/", route(both)));
    assert_eq!(get(&app.router, "/", &[]).await.body, "Ada");
}

#[tokio::test]
async fn a_clients_own_id_is_never_adopted() {
    let app = App::new(routes());
    let planted = "A".repeat(43);
    let mut browser = Browser::with_id(&planted);
    let reply = browser.get(&app.router, "/set").await;
    assert_eq!(reply.body, "true", "fresh");
    assert_ne!(reply.new_id(), planted);
    assert!(matches!(app.store.load_by_id(&planted).await, Err(SessionError::NotFound)));
}

#[tokio::test]
async fn undecodable_data_is_an_error_and_is_kept() {
    let stored = [
        ("truncated", &b"\x01\x80"[..], "damaged"),
        ("empty", b"", "damaged"),
        ("version zero", b"\x00anything", "damaged"),
        ("trailing bytes", b"\x01\x00\x00\x00\x00\xff", "damaged"),
        ("trailing bytes of version 2", b"\x02\x00\x00\x00\x00\x00\x00\xff", "damaged"),
        ("trailing bytes of version 3", b"\x03\x00\x00\x00\x00\x00\x00\x00\xff", "damaged"),
        ("future version", b"\x04anything", "version 4"),
    ];
    for (name, bytes, expected) in stored {
        let app = App::with(routes(), |layer| {
            layer.on_error(|error, _| Some(http::Response::new(error.to_string().into())))
        });
        let mut browser = Browser::new();
        browser.get(&app.router, "/set").await;
        let key = app.stored().await[0].key.clone();
        app.storage.set(&key, Bytes::from_static(bytes), None).await.unwrap();
        let reply = browser.get(&app.router, "/look").await;
        assert!(reply.body.contains(expected), "{name}: {}", reply.body);
        assert_eq!(app.storage.get(&key).await.unwrap().unwrap(), bytes, "{name}");
    }
}

#[tokio::test]
async fn undecodable_data_answers_500_by_default() {
    let app = App::new(routes());
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let key = app.stored().await[0].key.clone();
    app.storage.set(&key, Bytes::from_static(b"\x63"), None).await.unwrap();
    let reply = browser.get(&app.router, "/look").await;
    assert_eq!((reply.status, &*reply.body), (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"));
}

#[tokio::test(start_paused = true)]
async fn past_the_absolute_deadline_a_session_counts_as_not_found() {
    let config = SessionConfig::default()
        .idle_timeout(Duration::from_secs(60))
        .absolute_timeout(Duration::from_secs(100));
    let app = App::with(routes(), |layer| layer.config(on_paused_clock(config)));
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let id = browser.id().unwrap().to_owned();
    for _ in 0..2 {
        tokio::time::advance(Duration::from_secs(49)).await;
        assert_eq!(browser.get(&app.router, "/look").await.body, "false Some(\"Ada\")");
    }
    tokio::time::advance(Duration::from_secs(3)).await;
    assert_eq!(Browser::with_id(&id).get(&app.router, "/look").await.body, "true None");
}

#[tokio::test(start_paused = true)]
async fn load_by_id_destroys_a_session_past_its_deadline() {
    let config = SessionConfig::default()
        .idle_timeout(Duration::from_secs(60))
        .absolute_timeout(Duration::from_secs(60));
    let app = App::with(routes(), |layer| layer.config(on_paused_clock(config)));
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    // A storage whose clock is behind still has the session.
    let entry = app.stored().await.remove(0);
    app.storage.set(&entry.key, entry.value, None).await.unwrap();
    tokio::time::advance(Duration::from_secs(61)).await;
    let found = app.store.load_by_id(browser.id().unwrap()).await;
    assert!(matches!(found, Err(SessionError::NotFound)));
    assert_eq!(app.stored().await.len(), 0);
}

#[tokio::test]
async fn after_a_load_error_the_application_is_not_run() {
    let ran = Arc::new(AtomicBool::new(false));
    let seen = ran.clone();
    let handler = async move |_: Session| seen.store(true, Ordering::SeqCst);
    let app = App::new(Router::new().route("/", route(handler)));
    app.faults.fail(Operation::GetAndTouch);
    let reply = Browser::with_id("some-id").get(&app.router, "/").await;
    assert_eq!((reply.status, &*reply.body), (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"));
    assert!(!ran.load(Ordering::SeqCst));
    app.faults.heal();
    assert_eq!(Browser::with_id("some-id").get(&app.router, "/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn with_every_session_saved_a_load_error_stops_handlers_that_ask_for_none() {
    let app = App::with(Router::new().route("/", route(async || "ran")), |layer| {
        layer.config(SessionConfig::fiber_defaults())
    });
    app.faults.fail(Operation::GetAndTouch);
    let reply = get(&app.router, "/", &[("cookie", "session_id=some-id")]).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn fresh_stays_true_for_the_rest_of_the_request_after_a_save() {
    let handler = async |session: Session| {
        session.set("n", &1).unwrap();
        session.save().await.unwrap();
        session.is_fresh().to_string()
    };
    let app = App::new(Router::new().route("/", route(handler)));
    assert_eq!(get(&app.router, "/", &[]).await.body, "true");
}

#[tokio::test]
async fn fresh_becomes_true_after_reset_and_regenerate() {
    let routes = routes()
        .route(
            "/reset",
            route(async |session: Session| {
                session.reset().await.unwrap();
                session.is_fresh().to_string()
            }),
        )
        .route(
            "/regenerate",
            route(async |session: Session| {
                session.regenerate().unwrap();
                session.is_fresh().to_string()
            }),
        );
    let app = App::new(routes);
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    assert_eq!(browser.get(&app.router, "/regenerate").await.body, "true");
    assert_eq!(browser.get(&app.router, "/reset").await.body, "true");
}

#[tokio::test]
async fn a_generator_error_is_a_load_error() {
    let app = App::with(routes(), |layer| layer.id_generator(IdGenerator::custom(String::new)));
    assert_eq!(get(&app.router, "/look", &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}
