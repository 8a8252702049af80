//! What a request costs, counted at the storage.

use std::time::Duration;

use axum::{Router, routing::get as route};
use cloakroom_session::{Session, SessionConfig};
use cloakroom_storage::{OperationCounts, count_operations};

use crate::{
    app::{App, on_paused_clock},
    browser::Browser,
};

fn app() -> App {
    let routes = Router::new()
        .route("/static", route(async || "no session asked for"))
        .route("/look", route(async |session: Session| session.keys().join(",")))
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route("/rename", route(async |session: Session| session.set("name", "Grace")))
        .route(
            "/delete",
            route(async |session: Session| {
                session.delete("name");
            }),
        )
        .route("/destroy", route(async |session: Session| session.destroy().await))
        .route("/reset", route(async |session: Session| session.reset().await))
        .route(
            "/sign-in-set-last",
            route(async |session: Session| {
                session.regenerate().unwrap();
                session.set("user", &42_u64)
            }),
        )
        .route(
            "/sign-in-set-first",
            route(async |session: Session| {
                session.set("user", &42_u64).unwrap();
                session.regenerate()
            }),
        );
    App::new(routes)
}

async fn cost(app: &App, browser: &mut Browser, path: &str) -> OperationCounts {
    let (reply, counts) = count_operations(browser.get(&app.router, path)).await;
    assert!(reply.status.is_success(), "{path}: {}", reply.status);
    counts
}

async fn visitor(app: &App) -> Browser {
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    browser
}

#[tokio::test]
async fn an_anonymous_request_costs_nothing_whether_it_looks_or_not() {
    let app = app();
    assert_eq!(cost(&app, &mut Browser::new(), "/static").await.total(), 0);
    assert_eq!(cost(&app, &mut Browser::new(), "/look").await.total(), 0);
}

#[tokio::test]
async fn a_cookie_with_the_session_untouched_costs_nothing() {
    let app = app();
    let mut browser = visitor(&app).await;
    assert_eq!(cost(&app, &mut browser, "/static").await.total(), 0);
}

#[tokio::test]
async fn a_read_costs_one() {
    let app = app();
    let mut browser = visitor(&app).await;
    assert_eq!(cost(&app, &mut browser, "/look").await.total(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_read_that_renews_the_ttl_costs_one() {
    let config = on_paused_clock(SessionConfig::default());
    let routes = Router::new()
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route("/look", route(async |session: Session| session.keys().join(",")));
    let app = App::with(routes, |layer| layer.config(config));
    let mut browser = visitor(&app).await;
    tokio::time::advance(Duration::from_secs(1000)).await;
    assert_eq!(cost(&app, &mut browser, "/look").await.total(), 1);
}

#[tokio::test]
async fn a_write_costs_two_and_the_first_one() {
    let app = app();
    let mut browser = Browser::new();
    assert_eq!(cost(&app, &mut browser, "/set").await.total(), 1);
    assert_eq!(cost(&app, &mut browser, "/rename").await.total(), 2);
    assert_eq!(cost(&app, &mut browser, "/delete").await.total(), 2);
}

#[tokio::test]
async fn setting_the_value_that_is_there_costs_no_write() {
    let app = app();
    let mut browser = visitor(&app).await;
    assert_eq!(cost(&app, &mut browser, "/set").await.total(), 1);
    cost(&app, &mut browser, "/delete").await;
    assert_eq!(cost(&app, &mut browser, "/delete").await.total(), 1);
}

#[tokio::test]
async fn a_sign_in_costs_three_wherever_the_handler_sets_its_values() {
    let app = app();
    let mut browser = visitor(&app).await;
    assert_eq!(cost(&app, &mut browser, "/sign-in-set-last").await.total(), 3);
    assert_eq!(cost(&app, &mut browser, "/sign-in-set-first").await.total(), 3);
    assert_eq!(cost(&app, &mut Browser::new(), "/sign-in-set-last").await.total(), 1);
}

#[tokio::test]
async fn a_sign_out_costs_two_and_a_reset_three() {
    let app = app();
    let mut browser = visitor(&app).await;
    assert_eq!(cost(&app, &mut browser, "/reset").await.total(), 3);
    assert_eq!(cost(&app, &mut browser, "/destroy").await.total(), 2);
}
