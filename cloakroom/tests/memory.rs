//! The embedded backend by its URL.

#![cfg(feature = "memory")]

use std::time::Duration;

use cloakroom::{Backends, ConnectError, ErrorKind, Storage, StorageConfig};

async fn error_of(url: &str) -> String {
    match cloakroom::connect(url).await {
        Err(ConnectError::Storage(error)) => {
            assert_eq!(error.kind(), ErrorKind::Misconfigured);
            error.to_string()
        }
        Err(other) => panic!("{url}: {other:?}"),
        Ok(_) => panic!("{url} is accepted"),
    }
}

#[tokio::test]
async fn a_value_is_kept() {
    let storage = cloakroom::connect("memory:").await.unwrap();
    storage.set("hook", "coat".into(), None).await.unwrap();
    assert_eq!(storage.get("hook").await.unwrap().unwrap(), "coat");
}

#[tokio::test]
async fn each_storage_has_its_own_data() {
    let one = cloakroom::connect("memory:").await.unwrap();
    let other = cloakroom::connect("memory:").await.unwrap();
    one.set("hook", "coat".into(), None).await.unwrap();
    assert_eq!(other.get("hook").await.unwrap(), None);
}

#[tokio::test]
async fn the_bound_is_taken_from_the_url() {
    let largest = async |url: &str| {
        let storage = cloakroom::connect(url).await.unwrap();
        storage.capabilities().max_value_bytes.unwrap()
    };
    let small = largest("memory:?max_bytes=1000000").await;
    assert!(small < 1_000_000 && small < largest("memory:").await);
}

#[tokio::test]
async fn a_url_that_it_cannot_follow_is_refused() {
    assert!(error_of("memory:?max_size=1").await.contains("`max_size`; the known one is `max_bytes`"));
    assert!(error_of("memory://shelf").await.contains("no host and no path"));
    for bytes in ["", "0", "-1", "64MiB"] {
        assert!(error_of(&format!("memory:?max_bytes={bytes}")).await.contains("whole number of bytes"));
    }
}

#[tokio::test]
async fn a_whole_configuration_is_followed() {
    let config = StorageConfig::from_toml(
        "[storage]\nurl = 'memory:?max_bytes=1000000'\nnamespace = 'shop'\ntimeout = '250ms'",
    )
    .unwrap();
    let storage = Backends::new().open(&config).await.unwrap();
    storage.set("hook", "coat".into(), Some(Duration::from_secs(60))).await.unwrap();
    assert!(storage.get("hook").await.unwrap().is_some());
}
