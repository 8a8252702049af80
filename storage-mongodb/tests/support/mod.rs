//! What the tests of this backend have in common.

mod relay;

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use cloakroom_storage::{Bytes, Namespace};
use cloakroom_storage_mongodb::{
    MongodbConfig, MongodbStorage,
    mongodb::{Client, Collection, bson::Document, options::ClientOptions},
};
pub(crate) use relay::Relay;
use tokio::time::{Instant, sleep};

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// Of this test alone, in this run alone.
pub(crate) fn fresh(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos();
    format!("{what}-{:x}-{}", now, COUNT.fetch_add(1, Ordering::Relaxed))
}

pub(crate) fn namespace(what: &str) -> Namespace {
    Namespace::new(&fresh(what)).unwrap()
}

pub(crate) async fn open(config: &MongodbConfig) -> MongodbStorage {
    MongodbStorage::connect(config).await.unwrap()
}

pub(crate) async fn client(url: &str) -> Client {
    Client::with_options(ClientOptions::parse(url).await.unwrap()).unwrap()
}

/// The documents of a storage as others see them.
pub(crate) async fn documents(url: &str, config: &MongodbConfig) -> Collection<Document> {
    let client = client(url).await;
    let database =
        client.default_database().map_or("cloakroom".to_owned(), |database| database.name().to_owned());
    client.database(config.database().unwrap_or(&database)).collection(config.collection())
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// Asks until it is so; fails after half a minute.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < end, "{what}");
        sleep(Duration::from_millis(20)).await;
    }
}
