//! Idle and absolute timeout, on a paused clock.

use std::time::Duration;

use axum::{Router, routing::get as route};
use cloakroom_session::{Session, SessionConfig};
use tokio::time::advance;

use crate::{
    app::{App, on_paused_clock},
    browser::Browser,
};

const MINUTE: Duration = Duration::from_secs(60);

fn app(config: SessionConfig) -> App {
    let routes = Router::new()
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route("/rename", route(async |session: Session| session.set("name", "Grace")))
        .route(
            "/look",
            route(async |session: Session| session.get::<String>("name").map(Option::unwrap_or_default)),
        )
        .route(
            "/left",
            route(async |session: Session| {
                format!("{:?} {:?}", session.idle_remaining(), session.absolute_remaining())
            }),
        )
        .route("/short", route(async |session: Session| session.set_idle_timeout(5 * MINUTE)))
        .route("/long", route(async |session: Session| session.set_idle_timeout(600 * MINUTE)));
    App::with(routes, |layer| layer.config(on_paused_clock(config)))
}

async fn ttl(app: &App) -> Duration {
    app.stored().await[0].ttl.unwrap()
}

fn assert_about(found: Duration, expected: Duration) {
    assert!(found.abs_diff(expected) < Duration::from_secs(1), "{found:?} is not about {expected:?}");
}

#[tokio::test(start_paused = true)]
async fn an_unused_session_ends_after_the_idle_timeout() {
    let app = app(SessionConfig::default());
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    advance(30 * MINUTE).await;
    assert_eq!(browser.get(&app.router, "/look").await.body, "");
}

#[tokio::test(start_paused = true)]
async fn reading_a_session_keeps_it_alive_and_renews_the_cookie() {
    let app = app(SessionConfig::default());
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    for _ in 0..5 {
        advance(29 * MINUTE).await;
        let reply = browser.get(&app.router, "/look").await;
        assert_eq!(reply.body, "Ada");
        assert!(reply.set_cookie().contains("Max-Age=1800"));
    }
}

#[tokio::test(start_paused = true)]
async fn within_the_slack_a_read_renews_nothing_and_sends_nothing() {
    let app = app(SessionConfig::default());
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    advance(MINUTE / 2).await;
    assert!(browser.get(&app.router, "/look").await.set_cookies().is_empty());
    assert_about(ttl(&app).await, 30 * MINUTE - MINUTE / 2);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_only_ever_written_keeps_its_cookie_alive() {
    let app = app(SessionConfig::default());
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    for path in ["/rename", "/set", "/rename"] {
        advance(MINUTE / 2).await;
        assert!(browser.get(&app.router, path).await.set_cookie().contains("Max-Age=1800"));
    }
}

#[tokio::test(start_paused = true)]
async fn ttl_and_cookie_age_are_clamped_to_the_deadline_on_writes_and_on_reads() {
    let app = app(SessionConfig::default().absolute_timeout(40 * MINUTE));
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    advance(20 * MINUTE).await;
    let reply = browser.get(&app.router, "/rename").await;
    assert!(reply.set_cookie().contains("Max-Age=1200"), "{}", reply.set_cookie());
    assert_about(ttl(&app).await, 20 * MINUTE);
    advance(10 * MINUTE).await;
    let reply = browser.get(&app.router, "/look").await;
    assert!(reply.set_cookie().contains("Max-Age=600"), "{}", reply.set_cookie());
    assert_about(ttl(&app).await, 10 * MINUTE);
    advance(10 * MINUTE).await;
    assert_eq!(browser.get(&app.router, "/look").await.body, "");
    assert_eq!(app.stored().await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_shorter_idle_timeout_of_its_own_ends_a_session_sooner() {
    let app = app(SessionConfig::default());
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    browser.get(&app.router, "/short").await;
    for _ in 0..3 {
        advance(4 * MINUTE).await;
        assert_eq!(browser.get(&app.router, "/look").await.body, "Ada");
        assert_about(ttl(&app).await, 5 * MINUTE);
    }
    advance(5 * MINUTE).await;
    assert_eq!(browser.get(&app.router, "/look").await.body, "");
}

#[tokio::test(start_paused = true)]
async fn a_longer_idle_timeout_of_its_own_is_renewed_in_full() {
    let app = app(SessionConfig::default());
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    browser.get(&app.router, "/long").await;
    for _ in 0..3 {
        advance(590 * MINUTE).await;
        let reply = browser.get(&app.router, "/look").await;
        assert_eq!(reply.body, "Ada");
        assert!(reply.set_cookie().contains("Max-Age=36000"), "{}", reply.set_cookie());
        assert_about(ttl(&app).await, 600 * MINUTE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_knows_the_time_that_it_has_left() {
    let app = app(SessionConfig::default().absolute_timeout(40 * MINUTE));
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    advance(25 * MINUTE).await;
    assert_eq!(browser.get(&app.router, "/left").await.body, "900s Some(900s)");
}
