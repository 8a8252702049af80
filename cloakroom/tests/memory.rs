//! The embedded backend by its URL.

#![cfg(feature = "memory")]

use std::time::Duration;

use cloakroom::{Backends, ConnectError, ErrorKind, Storage, StorageConfig};

async fn error_of(config: &StorageConfig) -> String {
    match Backends::new().open(config).await {
        Err(ConnectError::Storage(error)) => {
            assert_eq!(error.kind(), ErrorKind::Misconfigured);
            error.to_string()
        }
        Err(other) => panic!("{config:?}: {other:?}"),
        Ok(_) => panic!("{config:?} is accepted"),
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
async fn the_bound_is_an_option() {
    let largest = async |config: &StorageConfig| {
        let storage = Backends::new().open(config).await.unwrap();
        storage.capabilities().max_value_bytes.unwrap()
    };
    let plain = StorageConfig::new("memory:");
    let small = largest(&plain.clone().with_option("max_bytes", "1000000")).await;
    assert!(small < 1_000_000 && small < largest(&plain).await);
}

#[tokio::test]
async fn what_it_cannot_follow_is_refused() {
    let error = error_of(&StorageConfig::new("memory://shelf")).await;
    assert!(error.contains("`memory:` and nothing more"), "{error}");
    let plain = StorageConfig::new("memory:");
    let error = error_of(&plain.clone().with_option("max_size", 1)).await;
    assert!(error.contains("unknown field `max_size`, expected `max_bytes`"), "{error}");
    for bytes in ["", "0", "-1", "64MiB"] {
        let error = error_of(&plain.clone().with_option("max_bytes", bytes)).await;
        assert!(error.contains("max_bytes"), "{bytes}: {error}");
    }
}

#[tokio::test]
async fn a_whole_configuration_is_followed() {
    let config = StorageConfig::from_toml(
        "[storage]\nurl = 'memory:'\nnamespace = 'shop'\ntimeout = '250ms'\n[storage.options]\nmax_bytes = 1000000",
    )
    .unwrap();
    let storage = Backends::new().open(&config).await.unwrap();
    storage.set("hook", "coat".into(), Some(Duration::from_secs(60))).await.unwrap();
    assert!(storage.get("hook").await.unwrap().is_some());
}
