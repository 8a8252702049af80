use std::time::{Duration, Instant};

use bytes::Bytes;
use moka::{
    Expiry,
    ops::compute::{CompResult, Op},
    policy::EvictionPolicy,
    sync::Cache,
};

use super::{Engine, SLACK, TTL};
use crate::error::Failure;

/// A moka cache as an application would set it up for sessions: bounded by weight, LRU, an expiry an entry.
pub(super) struct Moka(Cache<String, Entry>);

#[derive(Clone)]
struct Entry {
    value: Bytes,
    expires: Instant,
}

struct PerEntry;

impl Expiry<String, Entry> for PerEntry {
    fn expire_after_create(&self, _: &String, entry: &Entry, now: Instant) -> Option<Duration> {
        Some(entry.expires.saturating_duration_since(now))
    }

    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        now: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(entry.expires.saturating_duration_since(now))
    }
}

impl Moka {
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

impl Entry {
    fn new(value: Bytes) -> Self {
        Self { value, expires: Instant::now() + TTL }
    }
}

impl Engine for Moka {
    fn name(&self) -> &'static str {
        "moka"
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        Ok(self.0.get(key).map(|entry| entry.value))
    }

    async fn set(&self, key: &str, value: Bytes) -> Result<(), Failure> {
        self.0.insert(key.to_owned(), Entry::new(value));
        Ok(())
    }

    async fn get_and_touch(&self, key: &str) -> Result<Option<(Bytes, bool)>, Failure> {
        let Some(entry) = self.0.get(key) else { return Ok(None) };
        if entry.expires.saturating_duration_since(Instant::now()) >= TTL.saturating_sub(SLACK) {
            return Ok(Some((entry.value, false)));
        }
        let extended = self.0.entry_by_ref(key).and_compute_with(|entry| match entry {
            Some(entry) => Op::Put(Entry::new(entry.into_value().value)),
            None => Op::Nop,
        });
        Ok(extended.into_entry().map(|entry| (entry.into_value().value, true)))
    }

    async fn compare_and_swap(&self, key: &str, expected: &[u8], new: Bytes) -> Result<bool, Failure> {
        let swapped = self.0.entry_by_ref(key).and_compute_with(|entry| match entry {
            Some(entry) if entry.value().value == expected => Op::Put(Entry::new(new)),
            _ => Op::Nop,
        });
        Ok(matches!(swapped, CompResult::ReplacedWith(_)))
    }
}
