//! The backend by its URL, like a built-in one.

use cloakroom::{Backends, ConnectError, StorageConfig};

fn backends() -> Backends {
    Backends::new().register("directory", custom_backend::open).unwrap()
}

#[tokio::test]
async fn a_value_outlives_the_storage_that_wrote_it() {
    let directory = tempfile::tempdir().unwrap();
    let config = StorageConfig::new(format!("directory:{}", directory.path().display()));
    let storage = backends().open(&config).await.unwrap();
    storage.set("hook", "coat".into(), None).await.unwrap();
    drop(storage);
    let storage = backends().open(&config).await.unwrap();
    assert_eq!(storage.get("hook").await.unwrap().unwrap(), "coat");
}

#[tokio::test]
async fn a_url_without_a_path_names_the_cure() {
    let Err(ConnectError::Storage(error)) = backends().connect("directory:").await else { panic!("no path") };
    assert!(error.to_string().contains("write it as `directory:/var/lib/shop`"), "{error}");
}

#[tokio::test]
async fn an_option_that_it_does_not_know_is_refused() {
    let config = StorageConfig::new("directory:/nowhere").with_option("hooks", 12);
    let Err(ConnectError::Storage(error)) = backends().open(&config).await else { panic!("no such option") };
    assert!(error.to_string().contains("unknown field `hooks`"), "{error}");
}
