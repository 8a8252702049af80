//! The stored format, by golden files: what this version writes, and what every later one must read.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use axum::{Router, routing::get as route};
use cloakroom_session::{Clock, IdGenerator, Session, SessionConfig};
use cloakroom_storage::Bytes;

use crate::{
    app::App,
    browser::{Browser, get},
};

const ID: &str = "golden";

/// A session at a fixed time under a fixed id.
fn app() -> App {
    let fill = async |session: Session| {
        session.set("name", "Ada").unwrap();
        session.set("visits", &300_u64).unwrap();
        session.set("avatar", &[0_u8, 255][..]).unwrap();
        session.set_idle_timeout(Duration::from_secs(60));
        session.bind_with("user:42", "a browser").unwrap();
        session.elevate().unwrap();
    };
    let read = async |session: Session| {
        let name = session.get::<String>("name").unwrap();
        let (visits, avatar) =
            (session.get::<u64>("visits").unwrap(), session.get::<Vec<u8>>("avatar").unwrap());
        format!(
            "{name:?} {visits:?} {avatar:?} {:?} {:?} {:?} {}",
            session.created_at(),
            session.absolute_remaining(),
            session.principal(),
            session.authenticated_within(Duration::ZERO),
        )
    };
    let now = UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
    let config = SessionConfig::default()
        .clock(Clock::custom(move || now))
        .id_generator(IdGenerator::custom(|| ID.to_owned()))
        .absolute_timeout(Duration::from_secs(3600));
    let routes = Router::new()
        .route("/empty", route(async |session: Session| session.regenerate()))
        .route("/fill", route(fill))
        .route("/read", route(read));
    App::with(routes, |layer| layer.config(config))
}

fn golden(name: &str) -> Arc<[u8]> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

#[tokio::test]
async fn version_3_is_written_as_the_golden_files_are() {
    for (path, file) in [("/empty", "v3-empty.bin"), ("/fill", "v3-filled.bin")] {
        let app = app();
        get(&app.router, path, &[]).await;
        assert_eq!(app.stored_session().await.value, &*golden(file), "{file}");
    }
}

#[tokio::test]
async fn every_version_is_read_as_it_was_written() {
    let deadline = "SystemTime { tv_sec: 1700000000, tv_nsec: 123000000 } Some(3600s)";
    let values = "Some(\"Ada\") Some(300) Some([0, 255])";
    for (file, expected) in [
        ("v1-empty.bin", format!("None None None {deadline} None false")),
        ("v1-filled.bin", format!("{values} {deadline} None false")),
        ("v2-empty.bin", format!("None None None {deadline} None false")),
        ("v2-filled.bin", format!("{values} {deadline} Some(\"user:42\") true")),
        ("v3-empty.bin", format!("None None None {deadline} None false")),
        ("v3-filled.bin", format!("{values} {deadline} Some(\"user:42\") true")),
    ] {
        let app = app();
        get(&app.router, "/fill", &[]).await;
        let key = app.stored_session().await.key;
        app.storage.set(&key, Bytes::from_owner(golden(file)), None).await.unwrap();
        assert_eq!(Browser::with_id(ID).get(&app.router, "/read").await.body, expected, "{file}");
    }
}

#[tokio::test]
async fn a_forwarder_is_read_as_the_golden_file_is() {
    let app = app();
    get(&app.router, "/fill", &[]).await;
    // The SHA-256 of that id.
    let key = "7sGjEKTLSqBe0IlQAyZOAFpv63qiL2SiI2e_gIqeHUM";
    app.storage.set(key, Bytes::from_owner(golden("v1-forwarder.bin")), None).await.unwrap();
    let reply = Browser::with_id("an-old-id").get(&app.router, "/read").await;
    assert!(reply.body.starts_with("Some(\"Ada\")"), "{}", reply.body);
    assert_eq!(reply.new_id(), ID);
}

#[tokio::test]
async fn every_truncation_of_what_is_stored_is_an_error_and_no_panic() {
    let app = app();
    get(&app.router, "/fill", &[]).await;
    let key = app.stored_session().await.key;
    for file in ["v1-filled.bin", "v2-filled.bin", "v3-filled.bin", "v1-forwarder.bin"] {
        let whole = golden(file);
        for length in 0..whole.len() {
            app.storage.set(&key, Bytes::copy_from_slice(&whole[..length]), None).await.unwrap();
            let reply = Browser::with_id(ID).get(&app.router, "/read").await;
            assert_eq!(reply.status.as_u16(), 500, "{length} bytes of {file}");
            assert_eq!(app.storage.get(&key).await.unwrap().unwrap(), whole[..length], "kept as it is");
        }
    }
}
