//! Signing in, and proving it again.

use std::{num::NonZeroUsize, time::Duration};

use axum::{Router, routing::get as route};
use cloakroom_session::{Excess, Session, SessionConfig, SessionError};
use cloakroom_storage::{Operation, count_operations};

use crate::{
    app::{App, on_paused_clock},
    browser::Browser,
};

fn app() -> App {
    let routes = Router::new()
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route("/ada", route(async |session: Session| session.bind("ada")))
        .route("/eve", route(async |session: Session| session.bind("eve")))
        .route("/who", route(async |session: Session| session.principal().unwrap_or_default()))
        .route("/elevate", route(async |session: Session| session.elevate()))
        .route(
            "/pay",
            route(async |session: Session| {
                session.authenticated_within(Duration::from_secs(300)).to_string()
            }),
        );
    App::with(routes, |layer| layer.config(on_paused_clock(SessionConfig::default())))
}

#[tokio::test(start_paused = true)]
async fn signing_in_keeps_the_data_and_makes_the_old_id_worthless() {
    let app = app();
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let mut planted = browser.clone();
    browser.get(&app.router, "/ada").await;
    assert_ne!(browser.id(), planted.id());
    assert_eq!(browser.get(&app.router, "/who").await.body, "ada");
    assert_eq!(planted.get(&app.router, "/who").await.body, "");
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_costs_6_operations_and_later_requests_nothing_more_than_others() {
    let app = app();
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let (_, counts) = count_operations(browser.get(&app.router, "/ada")).await;
    assert_eq!(counts.total(), 6, "{counts:?}");
    let (_, counts) = count_operations(browser.get(&app.router, "/who")).await;
    assert_eq!(counts.total(), 1, "{counts:?}");
    tokio::time::advance(Duration::from_secs(120)).await;
    let (_, counts) = count_operations(browser.get(&app.router, "/who")).await;
    assert_eq!(counts.of(Operation::GetAndTouch), 2, "now and then the list is kept alive: {counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_proof_holds_for_its_time() {
    let app = app();
    let mut browser = Browser::new();
    browser.get(&app.router, "/ada").await;
    assert_eq!(browser.get(&app.router, "/pay").await.body, "false", "signing in alone proves nothing");
    browser.get(&app.router, "/elevate").await;
    assert_eq!(browser.get(&app.router, "/pay").await.body, "true");
    tokio::time::advance(Duration::from_secs(301)).await;
    assert_eq!(browser.get(&app.router, "/pay").await.body, "false");
}

#[tokio::test(start_paused = true)]
async fn a_proof_of_one_principal_is_none_of_the_next() {
    let app = app();
    let mut browser = Browser::new();
    browser.get(&app.router, "/ada").await;
    browser.get(&app.router, "/elevate").await;
    browser.get(&app.router, "/ada").await;
    assert_eq!(browser.get(&app.router, "/pay").await.body, "true", "the same one");
    browser.get(&app.router, "/eve").await;
    assert_eq!(browser.get(&app.router, "/pay").await.body, "false");
    assert!(app.store.sessions_of("ada").await.unwrap().is_empty());
    assert_eq!(app.store.sessions_of("eve").await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_list_says_when_a_session_was_last_used() {
    let app = app();
    let mut browser = Browser::new();
    browser.get(&app.router, "/ada").await;
    tokio::time::advance(Duration::from_secs(600)).await;
    browser.get(&app.router, "/who").await;
    tokio::time::advance(Duration::from_secs(60)).await;
    let session = app.store.sessions_of("ada").await.unwrap().remove(0);
    let used_after = session.last_seen().duration_since(session.created_at()).unwrap().as_millis();
    assert!((599_900..=600_100).contains(&used_after), "{used_after} ms");
}

#[tokio::test]
async fn a_principal_or_metadata_of_a_wrong_length_is_an_error_and_changes_nothing() {
    let app = app();
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let session = app.store.load_by_id(browser.id().unwrap()).await.unwrap();
    for (principal, metadata) in [("", ""), (&"a".repeat(257), ""), ("ada", &"m".repeat(257))] {
        let error = session.bind_with(principal, metadata).unwrap_err();
        assert!(matches!(error, SessionError::InvalidPrincipal));
    }
    assert!(!session.is_fresh());
    session.bind_with(&"a".repeat(256), &"m".repeat(256)).unwrap();
    session.save().await.unwrap();
    let sessions = app.store.sessions_of(&"a".repeat(256)).await.unwrap();
    assert_eq!(sessions[0].metadata(), "m".repeat(256));
}

#[tokio::test]
async fn a_refused_sign_in_stores_nothing_and_leaves_the_session_as_it_was() {
    let sign_in = async |session: Session| {
        session.set("user", "ada").unwrap();
        session.bind("ada").unwrap();
        let refused = session.save().await;
        assert!(matches!(refused, Err(SessionError::TooManySessions { most }) if most.get() == 1));
        session.set("user", "ada").unwrap();
        "refused"
    };
    let routes = Router::new()
        .route("/ada", route(async |session: Session| session.bind("ada")))
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route("/sign-in", route(sign_in))
        .route(
            "/look",
            route(async |session: Session| format!("{:?} {:?}", session.keys(), session.principal())),
        );
    let app = App::with(routes, |layer| layer.max_sessions(NonZeroUsize::MIN, Excess::RefuseNew));
    Browser::new().get(&app.router, "/ada").await;

    let mut visitor = Browser::new();
    visitor.get(&app.router, "/set").await;
    let id = visitor.id().unwrap().to_owned();
    for mut browser in [visitor, Browser::new()] {
        let known = browser.id().is_some();
        let reply = browser.get(&app.router, "/sign-in").await;
        assert_eq!((reply.status.as_u16(), &*reply.body), (200, "refused"));
        assert_eq!(reply.set_cookies(), Vec::<&str>::new());
        assert_eq!(browser.id(), known.then_some(&*id));
        let expected = if known { "[\"name\"] None" } else { "[] None" };
        assert_eq!(browser.get(&app.router, "/look").await.body, expected);
    }
    assert_eq!(app.store.sessions_of("ada").await.unwrap().len(), 1);
}
