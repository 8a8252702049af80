//! Requests that no browser sends, and storages that fail or hang.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, body::Body, routing::get as route};
use cloakroom_session::{Extractor, Session};
use cloakroom_storage::{Operation, Storage, StorageExt, Timeout, count_operations};
use http::{HeaderValue, Request, StatusCode};

use crate::{
    app::App,
    browser::{Browser, COOKIE, get, send},
};

fn app() -> App {
    let routes = Router::new()
        .route("/look", route(async |session: Session| session.is_fresh().to_string()))
        .route("/set", route(async |session: Session| session.set("n", &1)));
    App::new(routes)
}

#[tokio::test]
async fn a_malformed_token_is_dropped_before_it_reaches_the_storage() {
    let app = app();
    let long = "x".repeat(10 * 1024);
    let longer_than_an_id = "x".repeat(257);
    for token in [&*long, &longer_than_an_id, "a b", "a\"b", "a,b", "a\\b", "\t"] {
        let cookie = format!("{COOKIE}={token}");
        let (reply, counts) = count_operations(get(&app.router, "/look", &[("cookie", &cookie)])).await;
        assert_eq!((reply.status, &*reply.body), (StatusCode::OK, "true"), "a fresh session");
        assert_eq!(counts.total(), 0);
    }
}

#[tokio::test]
async fn a_non_ascii_token_is_a_fresh_session_in_every_source() {
    let routes = Router::new().route("/look", route(async |session: Session| session.is_fresh().to_string()));
    let chain = ["cookie", "header", "query"];
    let app = App::with(routes, |layer| {
        layer.extractor(Extractor::chain([
            Extractor::cookie(chain[0]),
            Extractor::header(chain[1]),
            Extractor::query(chain[2]),
            Extractor::bearer(),
        ]))
    });
    for (name, value) in
        [("cookie", "cookie=日本語"), ("header", "日本語"), ("authorization", "Bearer 日本語")]
    {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        let request = Request::get("/look?query=%E6%97%A5").header(name, value).body(Body::empty()).unwrap();
        let (reply, counts) = count_operations(send(&app.router, request)).await;
        assert_eq!((reply.status, &*reply.body, counts.total()), (StatusCode::OK, "true", 0), "{name}");
    }
    let invalid_utf8 = HeaderValue::from_bytes(b"cookie=\xff\xfe").unwrap();
    let request = Request::get("/look").header("cookie", invalid_utf8).body(Body::empty()).unwrap();
    assert_eq!(send(&app.router, request).await.body, "true");
}

#[tokio::test]
async fn an_unknown_well_formed_id_costs_one_round_trip_and_leaves_nothing() {
    let app = app();
    let (reply, counts) = count_operations(Browser::with_id(&"A".repeat(43)).get(&app.router, "/look")).await;
    assert_eq!((reply.status, &*reply.body, counts.total()), (StatusCode::OK, "true", 1));
    assert!(reply.set_cookies().is_empty());
    assert_eq!(app.stored().await.len(), 0);
}

#[tokio::test]
async fn the_token_itself_is_nowhere_in_the_storage() {
    let app = app();
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let id = browser.id().unwrap();
    for entry in app.stored().await {
        assert!(!entry.key.contains(id));
        assert!(!entry.value.windows(id.len()).any(|window| window == id.as_bytes()));
    }
}

#[tokio::test]
async fn a_failing_storage_is_a_500_for_those_who_ask_and_nothing_for_others() {
    let app = app();
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    for operation in [Operation::GetAndTouch, Operation::CompareAndSwap] {
        app.faults.fail(operation);
    }
    assert_eq!(browser.get(&app.router, "/look").await.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(get(&app.router, "/look", &[]).await.status, StatusCode::OK, "anonymous");
    app.faults.heal();
    assert_eq!(browser.get(&app.router, "/look").await.body, "false", "nothing was lost");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_storage_is_an_error_after_the_timeout() {
    let app = app();
    let storage = app.storage.clone().layer(Timeout::new(Duration::from_millis(250)));
    let routes = Router::new()
        .route("/look", route(async |session: Session| session.is_fresh().to_string()))
        .route("/set", route(async |session: Session| session.set("n", &2)));
    let bounded = App::with(routes, |layer| {
        layer.storage(Arc::new(storage)).on_error(|error, _| {
            Some(http::Response::builder().status(504).body(error.to_string().into()).unwrap())
        })
    });
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;

    app.faults.hang(Operation::GetAndTouch);
    let reply = browser.get(&bounded.router, "/look").await;
    assert_eq!(
        (reply.status.as_u16(), &*reply.body),
        (504, "memory: get_and_touch: timed out: no answer within 250ms")
    );
    app.faults.heal();

    app.faults.hang(Operation::CompareAndSwap);
    let reply = browser.get(&bounded.router, "/set").await;
    assert_eq!(reply.status.as_u16(), 504);
    assert!(reply.set_cookies().is_empty());
    app.faults.heal();
    assert_eq!(browser.get(&app.router, "/look").await.body, "false", "nothing was lost");
}

#[tokio::test]
async fn debug_output_and_errors_show_no_id_key_or_value() {
    let app = app();
    let (parts, ()) = Request::new(()).into_parts();
    let session = app.store.load(&parts).await.unwrap();
    session.set("s3cret-key", "s3cret-value").unwrap();
    session.save().await.unwrap();
    let mismatch = session.get::<u64>("s3cret-key").unwrap_err();
    let shown = format!(
        "{session:?} {:?} {:?} {mismatch:?} {mismatch} {:?}",
        session.id(),
        app.store,
        app.stored().await
    );
    assert!(!shown.contains("s3cret") && !shown.contains(session.id().as_str()), "{shown}");
}

/// Everything that is logged while it lives, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_id_key_or_value_is_in_the_log_whatever_goes_wrong() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);

    let routes = Router::new()
        .route("/set", route(async |session: Session| session.set("s3cret-key", "s3cret-value")))
        .route("/wrong", route(async |session: Session| session.get::<u64>("s3cret-key").map(drop)))
        .route("/destroy", route(async |session: Session| session.destroy().await));
    let traced = Arc::new(app().storage.layer(cloakroom_storage::Traced::new()));
    let app = App::with(routes, |layer| layer.storage(traced.clone()));
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let id = browser.id().unwrap().to_owned();
    browser.get(&app.router, "/wrong").await;
    let page = traced.scan(None, std::num::NonZeroUsize::new(9).unwrap()).await.unwrap();
    let key = page.entries[0].key.clone();
    traced.set(&key, cloakroom_storage::Bytes::from_static(b"\x02s3cret-value"), None).await.unwrap();
    browser.get(&app.router, "/wrong").await;
    browser.get(&app.router, "/destroy").await;

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("session failed") && log.contains("get_and_touch"), "{log}");
    for secret in [&*id, &*key, "s3cret"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
