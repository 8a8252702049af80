//! BEHAVIOUR.md, "Cookie and header", and the checks of RFC 6265bis.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get as route};
use cloakroom_session::{
    ConfigError, CookieOptions, Extractor, SameSite, Session, SessionConfig, SessionLayer,
};
use cloakroom_storage_memory::MemoryStorage;

use crate::{
    app::App,
    browser::{Browser, get},
};

fn app(name: &str, cookie: CookieOptions) -> App {
    let routes = Router::new()
        .route("/", route(async |session: Session| session.set("n", &1)))
        .route("/destroy", route(async |session: Session| session.destroy().await));
    App::with(routes, |layer| layer.extractor(Extractor::cookie(name)).cookie(cookie))
}

/// The `Set-Cookie` of a first request, the id replaced.
async fn set_cookie(app: &App) -> String {
    let reply = get(&app.router, "/", &[]).await;
    reply.set_cookie().replace(reply.new_id(), "ID")
}

#[tokio::test]
async fn the_specifications_cookie_has_its_name_age_path_and_lax() {
    let app = app("session_id", CookieOptions::default().secure(false).http_only(false));
    assert_eq!(set_cookie(&app).await, "session_id=ID; SameSite=Lax; Path=/; Max-Age=1800");
}

#[tokio::test]
async fn cookie_domain_path_secure_http_only_and_same_site_are_as_configured() {
    let cookie = CookieOptions::default().domain("example.com").path("/shop").same_site(SameSite::Strict);
    assert_eq!(
        set_cookie(&app("id", cookie)).await,
        "id=ID; HttpOnly; SameSite=Strict; Secure; Path=/shop; Domain=example.com; Max-Age=1800"
    );
    let cookie = CookieOptions::default().same_site(SameSite::None).http_only(false);
    assert_eq!(set_cookie(&app("id", cookie)).await, "id=ID; SameSite=None; Secure; Path=/; Max-Age=1800");
}

#[tokio::test]
async fn cookie_session_only_has_no_age() {
    let cookie = CookieOptions::default().session_only(true);
    assert_eq!(set_cookie(&app("id", cookie)).await, "id=ID; HttpOnly; SameSite=Lax; Secure; Path=/");
}

#[tokio::test]
async fn an_empty_domain_or_path_is_the_default() {
    let cookie = CookieOptions::default().domain("").path("");
    assert_eq!(
        set_cookie(&app("id", cookie)).await,
        "id=ID; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800"
    );
}

#[tokio::test]
async fn expiring_repeats_path_domain_and_attributes_with_an_empty_value_and_age_zero() {
    let app = app("id", CookieOptions::default().domain("example.com").path("/shop").session_only(true));
    let id = get(&app.router, "/", &[]).await.new_id().to_owned();
    let reply = get(&app.router, "/destroy", &[("cookie", &format!("id={id}"))]).await;
    assert_eq!(
        reply.set_cookie(),
        "id=; HttpOnly; SameSite=Lax; Secure; Path=/shop; Domain=example.com; Max-Age=0"
    );
}

#[test]
fn same_site_names_are_case_insensitive_and_unknown_ones_refused() {
    assert_eq!("lAX".parse(), Ok(SameSite::Lax));
    assert_eq!("STRICT".parse(), Ok(SameSite::Strict));
    assert_eq!("none".parse(), Ok(SameSite::None));
    assert_eq!("sometimes".parse::<SameSite>(), Err(ConfigError::UnknownSameSite));
}

fn refusal(name: &str, cookie: CookieOptions) -> String {
    let built = SessionLayer::builder(Arc::new(MemoryStorage::new()))
        .extractor(Extractor::chain([Extractor::header("x-id"), Extractor::cookie(name)]))
        .cookie(cookie)
        .build();
    built.expect_err("refused").to_string()
}

#[test]
fn what_a_browser_would_refuse_is_refused_when_built_with_the_reason() {
    let cookie = CookieOptions::default;
    let long = "x".repeat(4000);
    let cases = [
        ("__Host-id", cookie().secure(false), "__Host- needs Secure"),
        ("__Host-id", cookie().path("/shop"), "the path /"),
        ("__Host-id", cookie().domain("example.com"), "no domain"),
        ("__hOsT-id", cookie().secure(false), "__Host- needs Secure"),
        ("__Secure-id", cookie().secure(false), "__Secure- needs Secure"),
        ("id", cookie().secure(false).same_site(SameSite::None), "SameSite=None needs Secure"),
        ("", cookie(), "name"),
        ("a b", cookie(), "name"),
        ("a=b", cookie(), "name"),
        ("a;b", cookie(), "name"),
        ("naïve", cookie(), "name"),
        ("id\r\nSet-Cookie: b", cookie(), "name"),
        ("id\0", cookie(), "name"),
        (&long, cookie(), "4096 bytes"),
        ("id", cookie().path("shop"), "path begins with '/'"),
        ("id", cookie().path("/a;b"), "path"),
        ("id", cookie().path("/a\r\nSet-Cookie: b=c"), "path"),
        ("id", cookie().path(format!("/{long}")), "1024 bytes"),
        ("id", cookie().domain("example.com; Secure"), "domain"),
        ("id", cookie().domain("example.com\r\nSet-Cookie: b=c"), "domain"),
        ("id", cookie().domain("exämple.com"), "domain"),
        ("id", cookie().domain(long.clone()), "1024 bytes"),
    ];
    for (name, cookie, reason) in cases {
        let refusal = refusal(name, cookie);
        assert!(refusal.contains(reason), "{name:?}: {refusal}");
    }
}

#[test]
fn an_age_over_400_days_is_refused_unless_the_cookie_has_none() {
    let build = |days: u64, cookie: CookieOptions| {
        SessionLayer::builder(Arc::new(MemoryStorage::new()))
            .idle_timeout(Duration::from_secs(days * 24 * 60 * 60))
            .cookie(cookie)
            .build()
    };
    assert!(build(400, CookieOptions::default()).is_ok());
    assert!(build(401, CookieOptions::default()).unwrap_err().to_string().contains("400 days"));
    assert!(build(401, CookieOptions::default().session_only(true)).is_ok());
}

#[tokio::test]
async fn a_sessions_own_idle_timeout_over_400_days_gives_a_cookie_of_400() {
    let remember = async |session: Session| session.set_idle_timeout(Duration::MAX);
    let app = App::new(Router::new().route("/", route(remember)));
    assert!(get(&app.router, "/", &[]).await.set_cookie().contains("Max-Age=34560000"));
}

#[test]
fn a_header_name_that_is_none_is_refused_when_built() {
    for name in ["x id", "", "x\r\nSet-Cookie", "x:y"] {
        let layer = SessionLayer::builder(Arc::new(MemoryStorage::new())).extractor(Extractor::header(name));
        assert_eq!(layer.build().unwrap_err(), ConfigError::HeaderName { name: name.to_owned() });
    }
}

#[tokio::test]
async fn the_header_carries_the_id_on_each_save_and_is_absent_on_destroy() {
    let routes = Router::new()
        .route("/", route(async |session: Session| session.set("n", &1)))
        .route("/again", route(async |session: Session| session.set("n", &2)))
        .route("/destroy", route(async |session: Session| session.destroy().await));
    let app = App::with(routes, |layer| layer.extractor(Extractor::header("X-Session")));
    let reply = get(&app.router, "/", &[]).await;
    let id = reply.headers["x-session"].to_str().unwrap().to_owned();
    assert!(reply.headers["x-session"].is_sensitive());
    let reply = get(&app.router, "/again", &[("x-SESSION", &id)]).await;
    assert_eq!(reply.headers["x-session"], id);
    let reply = get(&app.router, "/destroy", &[("x-session", &id)]).await;
    assert!(!reply.headers.contains_key("x-session"));
    assert!(reply.set_cookies().is_empty());
}

#[tokio::test]
async fn fiber_defaults_can_be_changed_like_any_configuration() {
    let config = SessionConfig::fiber_defaults().extractor(Extractor::cookie("sid"));
    let routes = Router::new().route("/", route(async || ""));
    let app = App::with(routes, |layer| layer.config(config));
    let mut browser = Browser::new();
    browser.get(&app.router, "/").await;
    assert!(browser.cookies.contains_key("sid"));
}
