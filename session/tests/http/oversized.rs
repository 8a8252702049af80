//! Attack: everything that can be long is too long. What is refused is refused with an error, and nothing is lost.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body, routing::get as route};
use cloakroom_session::{Extractor, Session, SessionError, Store};
use cloakroom_storage::{ErrorKind, Storage, count_operations};
use cloakroom_storage_memory::{MemoryConfig, MemoryStorage};
use http::{Request, StatusCode};

use crate::{
    app::App,
    browser::{Browser, COOKIE, get, send},
};

fn routes() -> Router {
    let look = async |session: Session| session.get::<String>("name").map(Option::unwrap_or_default);
    Router::new()
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route("/look", route(look).post(look))
}

#[tokio::test]
async fn an_id_is_found_among_a_megabyte_of_other_cookies() {
    let app = App::new(routes());
    let id = get(&app.router, "/set", &[]).await.new_id().to_owned();
    let others = "x=y; ".repeat(200_000);
    for cookies in [
        format!("{others}{COOKIE}={id}"),
        format!("{COOKIE}={id}; {others}"),
        format!("{others};;==;{COOKIE}={id}"),
    ] {
        assert_eq!(get(&app.router, "/look", &[("cookie", &cookies)]).await.body, "Ada");
    }
    let none = get(&app.router, "/look", &[("cookie", &others)]).await;
    assert_eq!((none.status, &*none.body), (StatusCode::OK, ""));
}

#[tokio::test]
async fn an_id_that_is_too_long_costs_no_operation_in_whatever_source() {
    let long = "A".repeat(257);
    let app = App::with(routes(), |layer| {
        layer.extractor(Extractor::chain([
            Extractor::cookie("sid"),
            Extractor::header("x-sid"),
            Extractor::bearer(),
            Extractor::query("sid"),
            Extractor::form("sid"),
        ]))
    });
    let request = Request::post(format!("/look?sid={long}"))
        .header("cookie", format!("sid={long}"))
        .header("x-sid", &long)
        .header("authorization", format!("Bearer {long}"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(format!("sid={long}")))
        .unwrap();
    let (reply, counts) = count_operations(send(&app.router, request)).await;
    assert_eq!((reply.status, &*reply.body, counts.total()), (StatusCode::OK, "", 0));
    let longest = "A".repeat(256);
    let (_, counts) = count_operations(get(&app.router, "/look", &[("x-sid", &longest)])).await;
    assert_eq!(counts.total(), 1, "it could be one");
}

async fn session_in(storage: &Arc<dyn Storage>) -> Session {
    let (parts, ()) = Request::new(()).into_parts();
    let session = Store::new(storage.clone()).load(&parts).await.unwrap();
    session.set("name", "Ada").unwrap();
    session.save().await.unwrap();
    session
}

#[tokio::test]
async fn many_keys_and_long_ones_come_back_as_they_were() {
    let storage: Arc<dyn Storage> = Arc::new(MemoryStorage::new());
    let session = session_in(&storage).await;
    let long_key = "k".repeat(100_000);
    session.set(&long_key, "long").unwrap();
    session.set("", "empty").unwrap();
    session.set("\0\r\n;'\"$\u{202e}", "odd").unwrap();
    for n in 0..10_000 {
        session.set(&format!("key-{n}"), &n).unwrap();
    }
    session.save().await.unwrap();
    let read = Store::new(storage).load_by_id(session.id().as_str()).await.unwrap();
    assert_eq!(read.keys().len(), 10_004);
    assert_eq!(read.get::<String>(&long_key).unwrap().as_deref(), Some("long"));
    assert_eq!(read.get::<String>("").unwrap().as_deref(), Some("empty"));
    assert_eq!(read.get::<String>("\0\r\n;'\"$\u{202e}").unwrap().as_deref(), Some("odd"));
    assert_eq!(read.get::<i32>("key-9999").unwrap(), Some(9_999));
}

#[tokio::test]
async fn a_session_that_is_too_large_for_the_storage_is_an_error_and_what_was_stored_stays() {
    let storage = MemoryStorage::with_config(MemoryConfig::default().with_max_bytes(1 << 20));
    let limit = storage.capabilities().max_value_bytes.unwrap();
    let storage: Arc<dyn Storage> = Arc::new(storage);
    let session = session_in(&storage).await;
    session.set("large", &vec![0_u8; limit]).unwrap();
    let SessionError::Storage(error) = session.save().await.unwrap_err() else { panic!("of the storage") };
    assert_eq!(error.kind(), ErrorKind::ValueTooLarge);
    let stored = Store::new(storage.clone()).load_by_id(session.id().as_str()).await.unwrap();
    assert_eq!(stored.keys(), ["name"]);

    session.delete("large");
    session.set("name", "Grace").unwrap();
    session.save().await.unwrap();
    let stored = Store::new(storage).load_by_id(session.id().as_str()).await.unwrap();
    assert_eq!(stored.get::<String>("name").unwrap().as_deref(), Some("Grace"), "the session can go on");
}

#[tokio::test]
async fn what_claims_to_be_longer_than_it_is_is_damaged_at_once() {
    let app = App::new(routes());
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let key = app.stored_session().await.key;
    let most = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let head = [3, 0, 0, 0, 0, 0, 0];
    for stored in [
        [&head[..], &most].concat(),
        [&head[..], &[1], &most].concat(),
        [&head[..], &[1, 1, b'k'], &most].concat(),
        [&head[..], &[1, 1, b'k', 0, 0], &most].concat(),
        [&[3, 0, 0, 0, 0, 0, 1][..], &most].concat(),
        [&[0xf1, 0][..], &most].concat(),
        [&[0xf1, 0, 0][..], &most].concat(),
    ] {
        app.storage.set(&key, stored.clone().into(), None).await.unwrap();
        let reply =
            tokio::time::timeout(Duration::from_secs(5), browser.get(&app.router, "/look")).await.unwrap();
        assert_eq!(reply.status, StatusCode::INTERNAL_SERVER_ERROR, "{stored:?}");
    }
}
