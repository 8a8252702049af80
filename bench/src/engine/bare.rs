use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::{Expiry, policy::EvictionPolicy, sync::Cache};

use super::{Engine, TTL};

/// A moka cache as an application would set it up for sessions: bounded by weight, LRU, an expiry an entry.
pub(super) struct Bare(Cache<String, Entry>);

#[derive(Clone)]
struct Entry {
    value: Bytes,
    ttl: Duration,
}

struct PerEntry;

impl Expiry<String, Entry> for PerEntry {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: Instant) -> Option<Duration> {
        Some(entry.ttl)
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.ttl)
    }
}

impl Bare {
    pub(super) fn open() -> Self {
        let cache = Cache::builder()
            .max_capacity(64 * 1024 * 1024)
            .weigher(|key: &String, entry: &Entry| {
                u32::try_from(key.len() + entry.value.len()).unwrap_or(u32::MAX)
            })
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(PerEntry)
            .build();
        Self(cache)
    }
}

impl Engine for Bare {
    fn name(&self) -> &'static str {
        "moka"
    }

    async fn get(&self, key: &str) -> Option<Bytes> {
        self.0.get(key).map(|entry| entry.value)
    }

    async fn set(&self, key: &str, value: Bytes) {
        self.0.insert(key.to_owned(), Entry { value, ttl: TTL });
    }
}
