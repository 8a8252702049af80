//! Attack: what is stored is changed, relabelled as an older version, or moved under another session's key. Without
//! encryption whoever can write to the storage can write any session; with it, none.

use std::{panic::AssertUnwindSafe, path::Path, sync::Arc};

use axum::{Router, routing::get as route};
use cloakroom_session::{Session, SessionError};
use cloakroom_storage::{Bytes, Encrypted, EncryptionKey, KeyRing, Namespace, Storage, StorageExt};
use cloakroom_storage_memory::MemoryStorage;
use futures_util::FutureExt;
use http::StatusCode;

use crate::{
    app::App,
    browser::{Browser, get},
};

async fn who(session: Session) -> Result<String, SessionError> {
    for key in session.keys() {
        let _ = (session.get::<String>(&key), session.get::<u64>(&key), session.get::<Vec<u8>>(&key));
    }
    Ok(session.principal().unwrap_or_default())
}

fn routes() -> Router {
    Router::new()
        .route("/ada", route(async |session: Session| session.bind("ada")))
        .route("/eve", route(async |session: Session| session.bind("eve")))
        .route("/who", route(who))
}

fn golden(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)).unwrap()
}

/// An application with one session, under whose key something else is stored then.
async fn victim() -> (App, Browser, String) {
    let app = App::new(routes());
    let mut browser = Browser::new();
    browser.get(&app.router, "/ada").await;
    let key = app.stored_session().await.key;
    (app, browser, key)
}

#[tokio::test]
async fn whatever_bit_is_changed_the_session_is_read_or_refused_and_nothing_panics() {
    let (app, browser, key) = victim().await;
    let mut refused = 0;
    for file in ["v1-filled.bin", "v2-filled.bin", "v3-filled.bin", "v1-forwarder.bin"] {
        let whole = golden(file);
        for bit in 0..whole.len() * 8 {
            let mut changed = whole.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            app.storage.set(&key, Bytes::from(changed), None).await.unwrap();
            let mut browser = browser.clone();
            let reply = AssertUnwindSafe(browser.get(&app.router, "/who")).catch_unwind().await;
            let status = reply.unwrap_or_else(|_| panic!("bit {bit} of {file}")).status;
            assert!(
                matches!(status, StatusCode::OK | StatusCode::INTERNAL_SERVER_ERROR),
                "bit {bit} of {file}"
            );
            refused += usize::from(status != StatusCode::OK);
        }
    }
    assert!(refused > 100, "{refused}");
}

#[tokio::test]
async fn a_damaged_session_can_be_deleted() {
    let (app, mut browser, key) = victim().await;
    for damaged in [&b""[..], b"\xff", b"\x03", b"\xf1"] {
        app.storage.set(&key, Bytes::from_static(damaged), None).await.unwrap();
        assert_eq!(browser.get(&app.router, "/who").await.status, StatusCode::INTERNAL_SERVER_ERROR);
        app.store.delete(browser.id().unwrap()).await.unwrap();
        assert_eq!(app.storage.get(&key).await.unwrap(), None);
    }
}

#[tokio::test]
async fn no_version_passes_for_another() {
    let (app, browser, key) = victim().await;
    for version in [1, 2, 3] {
        for content in ["empty", "filled"] {
            for label in [0, 1, 2, 3, 4, 0xf1] {
                let mut stored = golden(&format!("v{version}-{content}.bin"));
                stored[0] = label;
                app.storage.set(&key, Bytes::from(stored), None).await.unwrap();
                let reply = browser.clone().get(&app.router, "/who").await;
                let expected =
                    if label == version { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
                assert_eq!(reply.status, expected, "{content} version {version} as {label}");
            }
        }
    }
}

#[tokio::test]
async fn with_encryption_a_session_that_was_moved_under_another_key_is_refused() {
    let inner = Arc::new(MemoryStorage::new());
    let ring = KeyRing::new(EncryptionKey::new(1, &[7; EncryptionKey::SECRET_BYTES]));
    let encrypted = Arc::new(inner.clone().layer(Encrypted::new(ring, Namespace::new("app").unwrap())));
    let app = App::with(routes(), |layer| layer.storage(encrypted));
    let (mut ada, mut eve) = (Browser::new(), Browser::new());
    ada.get(&app.router, "/ada").await;
    eve.get(&app.router, "/eve").await;
    assert_eq!(eve.get(&app.router, "/who").await.body, "eve");

    let page = inner.scan(None, std::num::NonZeroUsize::new(9).unwrap()).await.unwrap();
    let sessions: Vec<_> = page.entries.iter().filter(|entry| !entry.key.starts_with("principal.")).collect();
    let [one, other] = *sessions else { panic!("two sessions") };
    inner.set(&one.key, other.value.clone(), None).await.unwrap();
    inner.set(&other.key, one.value.clone(), None).await.unwrap();
    for browser in [&mut ada, &mut eve] {
        let reply = browser.get(&app.router, "/who").await;
        assert_eq!(
            (reply.status, &*reply.body),
            (StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
        );
    }
    inner.set(&one.key, one.value.clone(), None).await.unwrap();
    inner.set(&other.key, other.value.clone(), None).await.unwrap();
    assert_eq!(ada.get(&app.router, "/who").await.body, "ada", "back in its place it is read");
    assert_eq!(get(&app.router, "/who", &[]).await.body, "");
}
