use std::time::Duration;

use cloakroom_storage::{Bytes, MAX_KEY_BYTES, ttl};
use moka::Expiry;
use tokio::time::Instant;

/// What an entry costs beyond its key and its value: the cache's own bookkeeping, measured.
pub(crate) const OVERHEAD_BYTES: usize = 480;

/// The largest value: an eighth of the bound, so that no single one evicts everybody else's, and small enough to
/// fit under any key.
pub(crate) fn max_value_bytes(max_bytes: u64) -> usize {
    // The cache weighs entries in 32 bits.
    let bound = usize::try_from(u32::try_from(max_bytes).unwrap_or(u32::MAX)).unwrap_or(usize::MAX);
    (bound / 8).min(bound.saturating_sub(MAX_KEY_BYTES + OVERHEAD_BYTES))
}

/// What an entry weighs against the bound, in bytes.
pub(crate) fn weight(key: &str, entry: &Entry) -> u32 {
    u32::try_from(key.len() + entry.value.len() + OVERHEAD_BYTES).unwrap_or(u32::MAX)
}

/// A value and what decides whether it still counts.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) value: Bytes,
    /// `None`: never expires.
    pub(crate) deadline: Option<Instant>,
    /// How many resets the namespace had seen when it was written; one more, and the entry is gone.
    pub(crate) epoch: u64,
}

impl Entry {
    pub(crate) fn new(value: Bytes, ttl: Option<Duration>, epoch: u64) -> Self {
        // A deadline past the end of the clock is never reached.
        let deadline = ttl.and_then(|ttl| Instant::now().checked_add(ttl::clamp(ttl)));
        Self { value, deadline, epoch }
    }

    /// Decided by our own clock and count, whatever the cache has reaped.
    pub(crate) fn is_live(&self, epoch: u64) -> bool {
        self.epoch == epoch && self.deadline.is_none_or(|deadline| Instant::now() < deadline)
    }

    /// `None`: never expires.
    pub(crate) fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }
}

/// Tells the cache when it may reap an entry, which is never what makes it expired.
pub(crate) struct Reaping;

impl Reaping {
    /// How long after its deadline the cache reaps an entry. It reads another clock than we do, a little
    /// earlier, and must not be early; where tests stop our clock, it goes on.
    const GRACE: Duration = Duration::from_secs(10);

    fn reap_after(entry: &Entry) -> Option<Duration> {
        entry.remaining().map(|remaining| remaining.saturating_add(Self::GRACE))
    }
}

impl Expiry<String, Entry> for Reaping {
    fn expire_after_create(&self, _: &String, entry: &Entry, _: std::time::Instant) -> Option<Duration> {
        Self::reap_after(entry)
    }

    // The default would keep the time of the value that is replaced.
    fn expire_after_update(
        &self,
        _: &String,
        entry: &Entry,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Self::reap_after(entry)
    }
}
