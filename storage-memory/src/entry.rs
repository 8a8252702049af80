use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

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

/// What an entry weighs against the bound, in bytes: rounded up, as allocations are, so that a value which grows
/// by a digit weighs the same.
fn weight(key: &str, entry: &Entry) -> u32 {
    let bytes = key.len() + entry.value.len() + OVERHEAD_BYTES;
    u32::try_from(bytes.next_multiple_of(64)).unwrap_or(u32::MAX)
}

/// What is left of a TTL; `None`: it never expires.
pub(crate) type Remaining = Option<Duration>;

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

    /// What is left of a live entry, its clock read once; `None`: it is dead.
    pub(crate) fn live(&self, epoch: u64) -> Option<Remaining> {
        if self.epoch != epoch {
            return None;
        }
        match self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(Duration::ZERO) => None,
            remaining => Some(remaining),
        }
    }

    /// Decided by our own clock and count, whatever the cache has reaped.
    pub(crate) fn is_live(&self, epoch: u64) -> bool {
        self.live(epoch).is_some()
    }
}

/// How long after the deadline of a new entry the cache reaps its slot.
const MOST_GRACE: Duration = Duration::from_secs(10);

/// How long after its deadline an entry is kept at least. The cache reads another clock than we do, a little
/// earlier, and must not be early; where tests stop our clock, it goes on.
const LEAST_GRACE: Duration = Duration::from_secs(1);

/// Where the cache keeps the entry of a key.
///
/// An entry of the same weight and about the same deadline takes the place of the one before here, behind the
/// cache's back: its own bookkeeping would cost several times what the rest of a write does, and has nothing to
/// note. A session that is written all the time reaches the cache every nine seconds.
#[derive(Clone)]
pub(crate) struct Slot(Arc<SlotInner>);

struct SlotInner {
    weight: u32,
    /// When the cache may reap it, by our clock; `None`: never.
    reaped_at: Option<Instant>,
    entry: Mutex<Entry>,
}

impl Slot {
    pub(crate) fn new(key: &str, entry: Entry) -> Self {
        let reaped_at = entry.deadline.and_then(|deadline| deadline.checked_add(MOST_GRACE));
        Self(Arc::new(SlotInner { weight: weight(key, &entry), reaped_at, entry: Mutex::new(entry) }))
    }

    pub(crate) fn weight(&self) -> u32 {
        self.0.weight
    }

    /// The value and what is left of its TTL, if it is live.
    pub(crate) fn live(&self, epoch: u64) -> Option<(Bytes, Remaining)> {
        let entry = self.content();
        entry.live(epoch).map(|remaining| (entry.value.clone(), remaining))
    }

    pub(crate) fn is_live(&self, epoch: u64) -> bool {
        self.content().is_live(epoch)
    }

    /// Gives `entry` back if the slot does not fit it. Only for whoever holds the key's lock.
    pub(crate) fn replace(&self, key: &str, entry: Entry) -> Result<(), Entry> {
        let fits_in_time = match (self.0.reaped_at, entry.deadline) {
            (Some(reaped_at), Some(deadline)) => reaped_at
                .checked_duration_since(deadline)
                .is_some_and(|grace| (LEAST_GRACE..=MOST_GRACE).contains(&grace)),
            (None, None) => true,
            _ => false,
        };
        if !fits_in_time || weight(key, &entry) != self.0.weight {
            return Err(entry);
        }
        *self.content() = entry;
        Ok(())
    }

    /// The lock is held for a copy or a move, so no panic leaves half an entry.
    fn content(&self) -> MutexGuard<'_, Entry> {
        self.0.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells the cache when it may reap an entry, which is never what makes it expired.
pub(crate) struct Reaping;

impl Reaping {
    fn reap_after(slot: &Slot) -> Option<Duration> {
        slot.0.reaped_at.map(|reaped_at| reaped_at.saturating_duration_since(Instant::now()))
    }
}

impl Expiry<String, Slot> for Reaping {
    fn expire_after_create(&self, _: &String, slot: &Slot, _: std::time::Instant) -> Option<Duration> {
        Self::reap_after(slot)
    }

    // The default would keep the time of the value that is replaced.
    fn expire_after_update(
        &self,
        _: &String,
        slot: &Slot,
        _: std::time::Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Self::reap_after(slot)
    }
}
