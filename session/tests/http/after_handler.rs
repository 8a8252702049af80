//! BEHAVIOUR.md, "After the handler".

use std::{sync::Arc, time::Duration};

use axum::{Extension, Router, routing::get as route};
use cloakroom_session::{Session, SessionConfig, SessionError, Stage, Store};
use cloakroom_storage::Operation;
use http::{StatusCode, request::Parts};

use crate::{
    app::{App, on_paused_clock},
    browser::{Browser, get},
};

async fn set(session: Session) -> Result<(), SessionError> {
    session.set("name", "Ada")
}

async fn look(session: Session) -> Result<String, SessionError> {
    Ok(session.get::<String>("name")?.unwrap_or_default())
}

fn routes() -> Router {
    Router::new().route("/set", route(set)).route("/look", route(look))
}

async fn signed_in(app: &App) -> (Browser, String) {
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let id = browser.id().unwrap().to_owned();
    (browser, id)
}

async fn is_dead(app: &App, id: &str) -> bool {
    matches!(app.store.load_by_id(id).await, Err(SessionError::NotFound))
}

#[tokio::test]
async fn a_session_is_saved_also_when_the_handler_answers_with_an_error() {
    let failing = async |session: Session| {
        session.set("name", "Ada").unwrap();
        StatusCode::IM_A_TEAPOT
    };
    let app = App::new(routes().route("/failing", route(failing)));
    let mut browser = Browser::new();
    assert_eq!(browser.get(&app.router, "/failing").await.status, StatusCode::IM_A_TEAPOT);
    assert_eq!(browser.get(&app.router, "/look").await.body, "Ada");
}

#[tokio::test]
async fn a_session_is_not_saved_when_the_handler_panics() {
    async fn panics(session: Session) {
        session.set("name", "Ada").unwrap();
        panic!("on purpose");
    }
    let app = App::new(Router::new().route("/", route(panics)));
    let router = app.router.clone();
    let request = tokio::spawn(async move { get(&router, "/", &[]).await });
    assert!(request.await.unwrap_err().is_panic());
    assert_eq!(app.stored().await.len(), 0);
}

#[tokio::test]
async fn a_failing_save_calls_the_error_handler_and_sends_no_cookie() {
    for operation in [Operation::CompareAndSwap] {
        let app = App::with(routes(), |layer| {
            layer.on_error(|error, stage| {
                assert_eq!(stage, Stage::Save);
                assert!(matches!(error, SessionError::Storage(_)));
                Some(http::Response::builder().status(503).body("replaced".into()).unwrap())
            })
        });
        app.faults.fail(operation);
        let reply = get(&app.router, "/set", &[]).await;
        assert_eq!((reply.status.as_u16(), &*reply.body), (503, "replaced"));
        assert!(reply.set_cookies().is_empty());
    }
}

#[tokio::test]
async fn an_error_handler_may_keep_the_response_of_the_handler() {
    let app = App::with(
        Router::new().route("/", route(async |session: Session| session.set("n", &1).map(|()| "kept"))),
        |layer| layer.on_error(|_, _| None),
    );
    app.faults.fail(Operation::CompareAndSwap);
    let reply = get(&app.router, "/", &[]).await;
    assert_eq!((reply.status, &*reply.body), (StatusCode::OK, "kept"));
    assert!(reply.set_cookies().is_empty());
}

#[tokio::test]
async fn the_default_error_handler_answers_500_with_no_detail() {
    let app = App::new(routes());
    app.faults.fail(Operation::CompareAndSwap);
    let reply = get(&app.router, "/set", &[]).await;
    assert_eq!((reply.status, &*reply.body), (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error"));
}

#[tokio::test]
async fn a_handler_can_answer_a_failing_save_itself() {
    let handler = async |session: Session| {
        session.set("name", "Ada").unwrap();
        match session.save().await {
            Ok(()) => "saved",
            Err(_) => "please try again",
        }
    };
    let app = App::with(routes().route("/save", route(handler)), |layer| layer.on_error(|_, _| None));
    app.faults.fail(Operation::CompareAndSwap);
    assert_eq!(get(&app.router, "/save", &[]).await.body, "please try again");
    app.faults.heal();
    let mut browser = Browser::new();
    assert_eq!(browser.get(&app.router, "/save").await.body, "saved");
    assert_eq!(browser.get(&app.router, "/look").await.body, "Ada");
}

#[tokio::test]
async fn what_is_set_after_a_save_is_saved_too() {
    let handler = async |session: Session| {
        session.set("first", &1).unwrap();
        session.save().await.unwrap();
        session.set("name", "Ada").unwrap();
    };
    let app = App::new(routes().route("/save", route(handler)));
    let mut browser = Browser::new();
    browser.get(&app.router, "/save").await;
    assert_eq!(browser.get(&app.router, "/look").await.body, "Ada");
}

#[tokio::test]
async fn store_load_while_the_layer_has_loaded_one_is_already_loaded() {
    let handler =
        async |_: Session, parts: Parts, Extension(store): Extension<Arc<std::sync::OnceLock<Store>>>| {
            store.get().unwrap().load(&parts).await.unwrap_err().to_string()
        };
    let cell = Arc::new(std::sync::OnceLock::new());
    let app = App::new(Router::new().route("/", route(handler)).layer(Extension(cell.clone())));
    cell.set(app.store.clone()).unwrap();
    let reply = get(&app.router, "/", &[]).await;
    assert_eq!(reply.body, SessionError::AlreadyLoaded.to_string());
}

#[tokio::test]
async fn an_empty_id_is_an_error_and_deleting_an_unknown_one_succeeds() {
    let app = App::new(routes());
    assert!(matches!(app.store.load_by_id("").await, Err(SessionError::EmptyId)));
    assert!(matches!(app.store.delete("").await, Err(SessionError::EmptyId)));
    assert!(app.store.delete("unknown").await.is_ok());
    assert!(app.store.delete("malformed; id").await.is_ok());
    assert!(matches!(app.store.load_by_id("malformed; id").await, Err(SessionError::NotFound)));
}

#[tokio::test(start_paused = true)]
async fn regenerate_keeps_data_deadline_and_idle_override_under_a_new_id_and_the_old_one_is_dead() {
    let regenerate = async |session: Session| {
        session.set_idle_timeout(Duration::from_secs(77));
        session.save().await.unwrap();
        let deadline = session.absolute_remaining();
        session.regenerate().unwrap();
        assert_eq!(session.absolute_remaining(), deadline);
        session.id().as_str().to_owned()
    };
    let config = SessionConfig::default().absolute_timeout(Duration::from_secs(3600));
    let routes = routes().route("/regenerate", route(regenerate));
    let app = App::with(routes, |layer| layer.config(on_paused_clock(config)));
    let (mut browser, old) = signed_in(&app).await;
    tokio::time::advance(Duration::from_secs(30)).await;
    let reply = browser.get(&app.router, "/regenerate").await;
    assert_eq!(reply.new_id(), reply.body);
    assert_ne!(reply.new_id(), old);
    assert!(reply.set_cookie().contains("Max-Age=77"), "{}", reply.set_cookie());
    assert!(is_dead(&app, &old).await);
    assert_eq!(browser.get(&app.router, "/look").await.body, "Ada");
    let session = app.store.load_by_id(browser.id().unwrap()).await.unwrap();
    assert_eq!(session.absolute_remaining(), Some(Duration::from_secs(3570)));
    assert_eq!(app.stored().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn reset_clears_data_and_idle_override_begins_a_new_deadline_and_the_old_id_is_dead() {
    let reset = async |session: Session| {
        session.set_idle_timeout(Duration::from_secs(77));
        session.reset().await.unwrap();
        session.id().as_str().to_owned()
    };
    let config = SessionConfig::default().absolute_timeout(Duration::from_secs(3600));
    let app =
        App::with(routes().route("/reset", route(reset)), |layer| layer.config(on_paused_clock(config)));
    let (mut browser, old) = signed_in(&app).await;
    tokio::time::advance(Duration::from_secs(30)).await;
    let reply = browser.get(&app.router, "/reset").await;
    assert_eq!(reply.new_id(), reply.body);
    assert!(reply.set_cookie().contains("Max-Age=1800"), "{}", reply.set_cookie());
    assert!(is_dead(&app, &old).await);
    assert_eq!(browser.get(&app.router, "/look").await.body, "");
    let session = app.store.load_by_id(browser.id().unwrap()).await.unwrap();
    assert_eq!(session.absolute_remaining(), Some(Duration::from_secs(3600)), "unlike in the specification");
}

#[tokio::test]
async fn destroy_deletes_the_session_and_expires_the_cookie() {
    let destroy = async |session: Session| {
        session.destroy().await.unwrap();
        assert_eq!(session.keys(), Vec::<String>::new());
    };
    let app = App::new(routes().route("/destroy", route(destroy)));
    let (mut browser, old) = signed_in(&app).await;
    assert!(browser.get(&app.router, "/destroy").await.expires_the_cookie());
    assert!(is_dead(&app, &old).await);
    assert_eq!(app.stored().await.len(), 0);
    assert_eq!(Browser::with_id(&old).get(&app.router, "/look").await.body, "");
}

#[tokio::test]
async fn when_the_delete_behind_reset_or_destroy_fails_data_and_id_stay_and_the_error_is_returned() {
    let reset = async |session: Session| {
        let before = session.id();
        assert!(session.reset().await.is_err());
        assert_eq!(session.id(), before);
        session.get::<String>("name").unwrap().unwrap()
    };
    let destroy = async |session: Session| {
        let before = session.id();
        assert!(session.destroy().await.is_err());
        assert_eq!(session.id(), before);
        session.get::<String>("name").unwrap().unwrap()
    };
    let app = App::new(routes().route("/reset", route(reset)).route("/destroy", route(destroy)));
    let (mut browser, id) = signed_in(&app).await;
    app.faults.fail(Operation::Delete);
    for path in ["/reset", "/destroy"] {
        let reply = browser.get(&app.router, path).await;
        assert_eq!((reply.status, &*reply.body), (StatusCode::OK, "Ada"), "{path}");
        assert!(reply.set_cookies().is_empty(), "{path}");
    }
    app.faults.heal();
    assert_eq!(Browser::with_id(&id).get(&app.router, "/look").await.body, "Ada");
}

#[tokio::test]
async fn when_the_delete_behind_regenerate_fails_the_save_reports_it_and_data_and_id_stay() {
    let regenerate = async |session: Session| {
        let before = session.id();
        session.regenerate().unwrap();
        assert!(session.save().await.is_err());
        assert_eq!(session.id(), before);
        assert!(!session.is_fresh());
        session.get::<String>("name").unwrap().unwrap()
    };
    let app = App::new(routes().route("/regenerate", route(regenerate)));
    let (mut browser, id) = signed_in(&app).await;
    app.faults.fail(Operation::Delete);
    let reply = browser.get(&app.router, "/regenerate").await;
    assert_eq!((reply.status, &*reply.body), (StatusCode::OK, "Ada"));
    assert!(reply.set_cookies().is_empty());
    app.faults.heal();
    assert_eq!(Browser::with_id(&id).get(&app.router, "/look").await.body, "Ada");
}

#[tokio::test]
async fn when_the_layer_cannot_finish_a_regenerate_the_error_handler_answers_and_the_old_id_lives() {
    let regenerate = async |session: Session| session.regenerate();
    let app = App::new(routes().route("/regenerate", route(regenerate)));
    let (mut browser, id) = signed_in(&app).await;
    app.faults.fail(Operation::Delete);
    let reply = browser.get(&app.router, "/regenerate").await;
    assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(reply.set_cookies().is_empty());
    app.faults.heal();
    assert_eq!(Browser::with_id(&id).get(&app.router, "/look").await.body, "Ada");
}

#[tokio::test]
async fn after_destroy_nothing_of_that_request_is_saved() {
    let destroy = async |session: Session| {
        session.set("before", &1).unwrap();
        session.destroy().await.unwrap();
        session.set("after", &1).unwrap();
        session.regenerate().unwrap();
        session.save().await.unwrap();
    };
    let app = App::new(routes().route("/destroy", route(destroy)));
    let (mut browser, _) = signed_in(&app).await;
    assert!(browser.get(&app.router, "/destroy").await.expires_the_cookie());
    assert_eq!(app.stored().await.len(), 0);
}

#[tokio::test]
async fn after_destroy_and_reset_in_one_request_a_new_session_begins() {
    let again = async |session: Session| {
        session.destroy().await.unwrap();
        session.reset().await.unwrap();
        session.set("name", "Grace").unwrap();
    };
    let app = App::new(routes().route("/again", route(again)));
    let (mut browser, old) = signed_in(&app).await;
    let reply = browser.get(&app.router, "/again").await;
    assert_ne!(reply.new_id(), old);
    assert!(is_dead(&app, &old).await);
    assert_eq!(browser.get(&app.router, "/look").await.body, "Grace");
}

#[tokio::test]
async fn set_idle_timeout_lasts_beyond_the_request_and_zero_means_the_configured_one() {
    let routes = routes()
        .route(
            "/remember",
            route(async |session: Session| session.set_idle_timeout(Duration::from_secs(7200))),
        )
        .route("/forget", route(async |session: Session| session.set_idle_timeout(Duration::ZERO)))
        .route("/rename", route(async |session: Session| session.set("name", "Grace")));
    let app = App::new(routes);
    let (mut browser, _) = signed_in(&app).await;
    assert!(browser.get(&app.router, "/remember").await.set_cookie().contains("Max-Age=7200"));
    let reply = browser.get(&app.router, "/rename").await;
    assert!(reply.set_cookie().contains("Max-Age=7200"), "unlike in the specification: it is stored");
    assert!(browser.get(&app.router, "/forget").await.set_cookie().contains("Max-Age=1800"));
}

#[tokio::test]
async fn an_empty_session_is_not_stored_as_zero_bytes() {
    let app = App::with(Router::new().route("/", route(async |_: Session| ())), |layer| {
        layer.config(SessionConfig::fiber_defaults())
    });
    get(&app.router, "/", &[]).await;
    assert!(!app.stored().await[0].value.is_empty());
}
