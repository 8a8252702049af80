use std::{
    collections::BinaryHeap,
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ahash::RandomState;
use cloakroom_storage::{Bytes, Cursor, Entry as Scanned, Page, Swap, Touch, Touched, ttl};
use moka::{policy::EvictionPolicy, sync::Cache};

use crate::{
    MemoryConfig,
    entry::{Entry, Reaping, Remaining, Slot},
};

/// One namespace: its entries, and what makes changes to one key happen one after the other.
///
/// Reads go straight to the cache, and lock an entry for the time of a copy. Changes of a key hold its lock: the cache's own compute functions exclude
/// one another, but neither a plain insert nor an invalidation, so that an update which raced a delete would
/// bring the deleted value back.
pub(crate) struct Space {
    entries: Cache<String, Slot, RandomState>,
    max_bytes: u64,
    /// Random for each storage, so that nobody can choose keys that collide.
    hasher: RandomState,
    locks: [Mutex<()>; LOCKS],
    /// How often the namespace was reset. An entry of an earlier epoch is gone, at one instant for all keys,
    /// and a swap that had read before the reset cannot write past it.
    ///
    /// Whoever changes a key reads the epoch under the key's lock, so that nobody takes a newer value for a
    /// dead one.
    epoch: AtomicU64,
    evictions: AtomicU64,
}

const LOCKS: usize = 64;

/// How many entries are removed before other tasks may run: less than a millisecond's worth.
const BATCH: usize = 100;

impl Space {
    pub(crate) fn new(config: MemoryConfig) -> Self {
        let hasher = RandomState::default();
        let entries = Cache::builder()
            .max_capacity(config.max_bytes())
            .weigher(|_: &String, slot: &Slot| slot.weight())
            // Not the default TinyLFU: it refuses new entries when full, each a user who has just logged in.
            .eviction_policy(EvictionPolicy::lru())
            .expire_after(Reaping)
            .build_with_hasher(hasher.clone());
        Self {
            entries,
            max_bytes: config.max_bytes(),
            hasher,
            locks: [const { Mutex::new(()) }; LOCKS],
            epoch: AtomicU64::new(0),
            evictions: AtomicU64::new(0),
        }
    }

    /// The live value and what is left of its TTL.
    pub(crate) fn get(&self, key: &str) -> Option<(Bytes, Remaining)> {
        self.entries.get(key)?.live(self.epoch())
    }

    pub(crate) fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) {
        let _lock = self.lock(key);
        let slot = self.entries.get(key);
        self.put(key, slot.as_ref(), Some(value), ttl, self.epoch());
    }

    pub(crate) fn delete(&self, key: &str) {
        let _lock = self.lock(key);
        self.entries.invalidate(key);
    }

    /// Every entry is gone when the epoch changes; the rest gives their memory back.
    pub(crate) async fn reset(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.remove_dead().await;
    }

    pub(crate) fn get_and_touch(&self, key: &str, touch: Touch) -> Option<Touched> {
        let (value, remaining) = self.get(key)?;
        if is_fresh(remaining, touch) {
            Some(Touched { value, extended: false, remaining })
        } else {
            self.touch(key, touch)
        }
    }

    fn touch(&self, key: &str, touch: Touch) -> Option<Touched> {
        let _lock = self.lock(key);
        let epoch = self.epoch();
        let slot = self.entries.get(key)?;
        let (value, remaining) = slot.live(epoch)?;
        if is_fresh(remaining, touch) {
            return Some(Touched { value, extended: false, remaining });
        }
        self.put_entry(key, Some(&slot), Entry::new(value.clone(), Some(touch.ttl), epoch));
        Some(Touched { value, extended: true, remaining: Some(ttl::clamp(touch.ttl)) })
    }

    pub(crate) fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Swap {
        let _lock = self.lock(key);
        let epoch = self.epoch();
        let slot = self.entries.get(key);
        let current = slot.as_ref().and_then(|slot| slot.live(epoch)).map(|(value, _)| value);
        if current.as_deref() != expected {
            return Swap::Conflict { current };
        }
        self.put(key, slot.as_ref(), new, ttl, epoch);
        Swap::Swapped
    }

    /// The `limit` smallest keys after the cursor. Every page looks at every entry, and holds no more than
    /// `limit` of them.
    pub(crate) fn scan(&self, after: Option<&Cursor>, limit: NonZeroUsize) -> Page {
        let epoch = self.epoch();
        let mut smallest = BinaryHeap::new();
        let mut more = false;
        for (key, slot) in &self.entries {
            let is_after = after.is_none_or(|after| key.as_str() > after.as_str());
            if is_after && let Some((value, ttl)) = slot.live(epoch) {
                smallest.push(Found { key, value, ttl });
                if smallest.len() > limit.get() {
                    smallest.pop();
                    more = true;
                }
            }
        }
        let entries: Vec<Scanned> = smallest.into_sorted_vec().into_iter().map(Found::scanned).collect();
        let last = entries.last().filter(|_| more);
        Page { next: last.map(|entry| Cursor::new(entry.key.clone())), entries }
    }

    pub(crate) async fn purge_expired(&self) -> u64 {
        let purged = self.remove_dead().await;
        self.entries.run_pending_tasks();
        purged
    }

    pub(crate) fn evictions(&self) -> u64 {
        self.evictions.load(Ordering::Relaxed)
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Holds back every other change of the key. Never held across an await.
    fn lock(&self, key: &str) -> MutexGuard<'_, ()> {
        let choice = self.hasher.hash_one(key) % LOCKS as u64;
        let index = usize::try_from(choice).unwrap_or(0);
        // The lock guards no data that a panic could leave half changed.
        self.locks[index].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Under the key's lock: stores the value, or leaves nothing if there is none or it is already expired.
    fn put(&self, key: &str, slot: Option<&Slot>, value: Option<Bytes>, ttl: Option<Duration>, epoch: u64) {
        match value {
            Some(value) if ttl != Some(Duration::ZERO) => {
                self.put_entry(key, slot, Entry::new(value, ttl, epoch));
            }
            _ => self.entries.invalidate(key),
        }
    }

    /// Under the key's lock: stores the entry in the key's slot, if there is one that fits, or in a new one.
    fn put_entry(&self, key: &str, slot: Option<&Slot>, entry: Entry) {
        let entry = match slot {
            Some(slot) => match slot.replace(key, entry) {
                Ok(()) => return,
                Err(entry) => entry,
            },
            None => entry,
        };
        let new = Slot::new(key, entry);
        if slot.is_none() {
            self.count_eviction(&new);
        }
        self.entries.insert(key.to_owned(), new);
    }

    /// Counts evictions by their cause, a new entry that comes while the namespace is full: the cache's own
    /// listener would make every write half as slow again. Says so on the 1st, 2nd, 4th, 8th ... of them, so that
    /// a full storage does not fill the log as well.
    fn count_eviction(&self, slot: &Slot) {
        let needed = self.entries.weighted_size().saturating_add(slot.weight().into());
        if needed <= self.max_bytes {
            return;
        }
        let evictions = self.evictions.fetch_add(1, Ordering::Relaxed) + 1;
        if evictions.is_power_of_two() {
            tracing::warn!(
                evictions,
                max_bytes = self.max_bytes,
                "the memory storage is full and evicts entries, each perhaps a session; raise max_bytes"
            );
        }
    }

    /// Lets other tasks run between batches; dropped half way, it leaves some memory for the next one.
    async fn remove_dead(&self) -> u64 {
        let is_dead = |slot: &Slot| !slot.is_live(self.epoch());
        let dead: Vec<_> =
            self.entries.iter().filter(|(_, slot)| is_dead(slot)).map(|(key, _)| key).collect();
        let mut removed = 0;
        for batch in dead.chunks(BATCH) {
            for key in batch {
                removed += u64::from(self.remove_if_dead(key));
            }
            tokio::task::yield_now().await;
        }
        removed
    }

    fn remove_if_dead(&self, key: &str) -> bool {
        let _lock = self.lock(key);
        // Looked at again under the lock: the key may have been written since.
        let is_dead = self.entries.get(key).is_some_and(|slot| !slot.is_live(self.epoch()));
        if is_dead {
            self.entries.invalidate(key);
        }
        is_dead
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space").field("entries", &self.entries.entry_count()).finish_non_exhaustive()
    }
}

/// Whether a touch has nothing to do.
fn is_fresh(remaining: Remaining, touch: Touch) -> bool {
    touch.ttl.is_zero() || remaining.is_none_or(|remaining| remaining >= touch.threshold())
}

/// An entry of a scan, in the order of its key.
struct Found {
    key: Arc<String>,
    value: Bytes,
    ttl: Remaining,
}

impl Found {
    fn scanned(self) -> Scanned {
        Scanned { key: self.key.as_str().to_owned(), value: self.value, ttl: self.ttl }
    }
}

impl PartialEq for Found {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Found {}

impl PartialOrd for Found {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Found {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}
