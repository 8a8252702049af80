//! Every backend, opened by its URL as applications open it, keeps the contract on its real service, and so does
//! every layer over it.

use std::{
    process::ExitCode,
    sync::{Arc, LazyLock},
    time::Duration,
};

use cloakroom::{
    Backends, ConnectError, Namespace, Storage, StorageConfig, StorageExt,
    storage::{CircuitBreaker, Counted, Encrypted, EncryptionKey, KeyRing, Metered, Prefixed, Retry, Traced},
};
use cloakroom_conformance::{Factory, Service, Suite, test_main};
use tempfile::TempDir;

#[path = "../../session/tests/log/mod.rs"]
mod log;

static DIRECTORY: LazyLock<TempDir> =
    LazyLock::new(|| tempfile::tempdir().expect("there is room for a database"));

fn main() -> ExitCode {
    log::to_folder();
    let sqlite = [
        Suite::new("sqlite by its URL", Factory::new(|namespace| open(sqlite(), namespace))),
        Suite::new("all layers over sqlite", Factory::new(|namespace| open_with_layers(sqlite(), namespace))),
    ];
    let services = Service::ALL.into_iter().flat_map(|service| {
        let [bare, layered] = [format!("{service} by its URL"), format!("all layers over {service}")];
        [Suite::on(&bare, service, open), Suite::on(&layered, service, open_with_layers)]
    });
    test_main(sqlite.into_iter().chain(services))
}

fn sqlite() -> String {
    format!("sqlite:{}", DIRECTORY.path().join("state.db").display())
}

/// With the layer that the facade puts around every storage, the timeout.
async fn open(url: String, namespace: Namespace) -> Result<Arc<dyn Storage>, ConnectError> {
    let config = StorageConfig::new(url).with_namespace(namespace).with_timeout(Duration::from_secs(30));
    // Many cases connect at once.
    Backends::new().open(&config.with_option("connect_timeout", "30s")).await
}

async fn open_with_layers(url: String, namespace: Namespace) -> Result<impl Storage, ConnectError> {
    let ring = KeyRing::new(EncryptionKey::new(1, &[7; EncryptionKey::SECRET_BYTES]));
    let encrypted = Encrypted::new(ring, namespace.clone());
    let storage = open(url, namespace)
        .await?
        .layer(Retry::new())
        .layer(CircuitBreaker::new())
        .layer(Prefixed::new("below")?)
        .layer(encrypted);
    Ok(storage.layer(Counted::new()).layer(Metered::new()).layer(Traced::new()))
}
