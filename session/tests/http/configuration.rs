//! BEHAVIOUR.md, "Configuration", and every field of the specification's `Config`.

use std::{sync::Arc, time::Duration};

use axum::{Extension, Router, routing::get as route};
use cloakroom_session::{
    ConfigError, CookieOptions, Extractor, IdGenerator, SavePolicy, Session, SessionConfig, SessionError,
    SessionLayer, Stage, Store,
};
use cloakroom_storage_memory::MemoryStorage;
use http::StatusCode;

use crate::{
    app::App,
    browser::{Browser, COOKIE, get},
};

pub(crate) async fn touch(session: Session) -> Result<String, SessionError> {
    session.set("touched", &true)?;
    Ok(session.id().as_str().to_owned())
}

fn touching() -> Router {
    Router::new().route("/", route(touch))
}

fn max_age(cookie: &str) -> u64 {
    cookie.split("Max-Age=").nth(1).unwrap().split(';').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn storage_is_where_the_layer_keeps_sessions() {
    let storage = Arc::new(MemoryStorage::new());
    let app = App::with(touching(), |layer| layer.storage(storage.clone()));
    Browser::new().get(&app.router, "/").await;
    assert_eq!(app.stored().await.len(), 0, "the builder's first storage was replaced");
    let replaced = Store::new(storage);
    replaced.reset().await.unwrap();
}

#[tokio::test]
async fn an_idle_timeout_of_zero_means_thirty_minutes() {
    let app = App::with(touching(), |layer| layer.idle_timeout(Duration::ZERO));
    let reply = Browser::new().get(&app.router, "/").await;
    assert_eq!(max_age(reply.set_cookie()), 30 * 60);
}

#[tokio::test]
async fn idle_timeout_is_the_age_of_cookie_and_stored_session() {
    let app = App::with(touching(), |layer| layer.idle_timeout(Duration::from_secs(90)));
    let reply = Browser::new().get(&app.router, "/").await;
    assert_eq!(max_age(reply.set_cookie()), 90);
    let left = app.stored().await[0].ttl.unwrap();
    assert!(left <= Duration::from_secs(90) && left > Duration::from_secs(80), "{left:?}");
}

#[tokio::test]
async fn an_absolute_timeout_shorter_than_the_idle_timeout_is_refused() {
    let built = SessionLayer::builder(Arc::new(MemoryStorage::new()))
        .idle_timeout(Duration::from_secs(60))
        .absolute_timeout(Duration::from_secs(59))
        .build();
    assert_eq!(built.unwrap_err(), ConfigError::AbsoluteShorterThanIdle);
}

#[tokio::test]
async fn an_absolute_timeout_of_zero_is_none() {
    let app = App::with(
        Router::new()
            .route("/", route(async |session: Session| format!("{:?}", session.absolute_remaining()))),
        |layer| layer.absolute_timeout(Duration::ZERO),
    );
    assert_eq!(get(&app.router, "/", &[]).await.body, "None");
}

#[tokio::test]
async fn with_a_ready_store_its_settings_apply_and_only_skip_and_error_handler_come_from_the_layer() {
    let config = SessionConfig::default().extractor(Extractor::header("x-session"));
    let store = Store::with_config(Arc::new(MemoryStorage::new()), config).unwrap();
    let app = App::with(touching().route("/skipped", route(touch)), |layer| {
        layer
            .extractor(Extractor::cookie("ignored"))
            .store(store)
            .extractor(Extractor::cookie("ignored_too"))
            .skip_when(|parts| parts.uri.path() == "/skipped")
            .on_error(|_, _| None)
    });
    let reply = get(&app.router, "/", &[]).await;
    assert!(reply.headers.contains_key("x-session") && reply.set_cookies().is_empty());
    assert_eq!(get(&app.router, "/skipped", &[]).await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn a_skipped_request_has_no_session_and_the_extractor_says_so() {
    let routes = touching().route(
        "/extensions",
        route(async |request: axum::extract::Request| {
            format!("{:?}", Session::from_extensions(request.extensions()).await.unwrap())
        }),
    );
    let routes = routes.route("/optional", route(async |session: Option<Session>| format!("{session:?}")));
    let app = App::with(routes, |layer| layer.skip_when(|_| true));
    let reply = get(&app.router, "/", &[]).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        reply.body.contains("SessionLayer is missing") && reply.body.contains("skip_when"),
        "{}",
        reply.body
    );
    assert_eq!(get(&app.router, "/extensions", &[]).await.body, "None");
    assert_eq!(get(&app.router, "/optional", &[]).await.body, "None");
    assert_eq!(app.stored().await.len(), 0);
}

#[tokio::test]
async fn a_route_without_the_layer_is_a_clear_500() {
    let reply = get(&touching(), "/", &[]).await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.body.contains("SessionLayer is missing"), "{}", reply.body);
}

#[tokio::test]
async fn error_handler_gets_the_error_and_gives_the_answer() {
    let app = App::with(touching(), |layer| {
        layer.on_error(|error, stage| {
            assert_eq!(stage, Stage::Load);
            let mut answer = http::Response::new(error.to_string().into());
            *answer.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            Some(answer)
        })
    });
    app.faults.fail(cloakroom_storage::Operation::GetAndTouch);
    let reply = Browser::with_id("some-id").get(&app.router, "/").await;
    assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(reply.body, "faulty: get_and_touch: unavailable");
}

#[tokio::test]
async fn key_generator_makes_the_ids() {
    let app =
        App::with(touching(), |layer| layer.id_generator(IdGenerator::custom(|| "made-here".to_owned())));
    let reply = Browser::new().get(&app.router, "/").await;
    assert_eq!((reply.new_id(), &*reply.body), ("made-here", "made-here"));
}

#[tokio::test]
async fn an_empty_generated_id_is_an_error_and_so_is_one_that_a_cookie_cannot_carry() {
    for (made, expected) in [
        ("", "session id is empty"),
        ("a;b", "cookie characters"),
        ("a\r\nSet-Cookie: b=c", "cookie characters"),
        ("a\0", "cookie characters"),
    ] {
        let app = App::with(touching(), |layer| {
            layer
                .id_generator(IdGenerator::custom(move || made.to_owned()))
                .on_error(|error, _| Some(http::Response::new(error.to_string().into())))
        });
        let reply = Browser::new().get(&app.router, "/").await;
        assert!(reply.body.contains(expected), "{}", reply.body);
        assert!(reply.set_cookies().is_empty());
        assert_eq!(app.stored().await.len(), 0);
    }
}

#[tokio::test]
async fn a_generator_that_repeats_itself_never_shares_a_session() {
    let app = App::with(touching(), |layer| layer.id_generator(IdGenerator::custom(|| "again".to_owned())));
    assert_eq!(get(&app.router, "/", &[]).await.status, StatusCode::OK);
    let second = get(&app.router, "/", &[]).await;
    assert_eq!(second.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(second.set_cookies().is_empty());
}

#[tokio::test]
async fn the_default_is_secure_and_keeps_nothing_for_untouched_sessions() {
    let routes = touching().route("/look", route(async |session: Session| session.keys().join(",")));
    let app = App::new(routes);
    let reply = get(&app.router, "/", &[]).await;
    let id = reply.new_id().to_owned();
    assert_eq!(id.len(), 43, "256 bits in base64url");
    let cookie = reply.set_cookie().replace(&id, "ID");
    assert_eq!(cookie, "__Host-session_id=ID; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=1800");
    let reply = get(&app.router, "/look", &[]).await;
    assert!(reply.set_cookies().is_empty());
    assert_eq!(app.stored().await.len(), 1);
}

#[tokio::test]
async fn config_default_of_the_specification_is_fiber_defaults() {
    let routes = touching().route("/unused", route(async || "no session asked for"));
    let app = App::with(routes, |layer| layer.config(SessionConfig::fiber_defaults()));
    let reply = get(&app.router, "/", &[]).await;
    let id = reply.new_id().to_owned();
    assert_eq!(id.len(), 36);
    assert_eq!(id.as_bytes()[14], b'4', "a UUID of version 4");
    assert_eq!(reply.set_cookie().replace(&id, "ID"), "session_id=ID; SameSite=Lax; Path=/; Max-Age=1800");
    let reply = get(&app.router, "/unused", &[]).await;
    assert_eq!(reply.new_id().len(), 36, "every session is stored, used or not");
    assert_eq!(app.stored().await.len(), 2);
    let reply = get(&app.router, "/unused", &[("cookie", &format!("session_id={id}"))]).await;
    assert_eq!(reply.new_id(), id, "and sent again with every response");
}

#[tokio::test]
async fn a_save_policy_of_always_can_be_chosen_alone() {
    let routes = Router::new().route("/", route(async || ""));
    let app = App::with(routes, |layer| layer.save_policy(SavePolicy::Always));
    assert!(get(&app.router, "/", &[]).await.set_cookie().starts_with(COOKIE));
}

#[tokio::test]
async fn two_layers_with_stores_of_their_own_do_not_disturb_each_other() {
    let admin = SessionLayer::builder(Arc::new(MemoryStorage::new()))
        .extractor(Extractor::cookie("admin"))
        .cookie(CookieOptions::default())
        .build()
        .unwrap();
    let admins = admin.store().clone();
    let routes = Router::new()
        .route(
            "/admin",
            route(async |parts: http::request::Parts, Extension(admins): Extension<Store>| {
                let session = admins.load(&parts).await.unwrap();
                session.set("n", &1).unwrap();
                session.save().await.unwrap();
                let mut headers = http::HeaderMap::new();
                session.emit(&mut headers);
                headers
            }),
        )
        .layer(Extension(admins));
    let app = App::new(routes);
    assert!(get(&app.router, "/admin", &[]).await.set_cookie().starts_with("admin="));
}
