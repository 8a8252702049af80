use std::{
    fmt,
    num::NonZeroUsize,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use cloakroom_storage::{
    Cursor, Entry, ErrorKind, Namespace, Operation, Page, Result, StorageError, Touched, check_key,
};

/// The most entries of a page, whatever the caller's limit, so that no page is too large for memory.
const MAX_PAGE: usize = 1_000;

/// A namespace in the table, open until it is closed: what is checked before any I/O, and how its keys are stored.
pub(crate) struct Space {
    backend: &'static str,
    namespace: Namespace,
    /// The first key after all of the namespace's: its prefix ends with `:`, which `;` follows.
    end: Vec<u8>,
    closed: AtomicBool,
}

impl Space {
    pub(crate) fn new(backend: &'static str, namespace: Namespace) -> Self {
        let mut end = namespace.as_str().as_bytes().to_vec();
        end.push(b';');
        Self { backend, namespace, end, closed: AtomicBool::new(false) }
    }

    pub(crate) fn check_open(&self, operation: Operation) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StorageError::new(ErrorKind::Closed, self.backend, operation));
        }
        Ok(())
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// The key as it is stored.
    pub(crate) fn key(&self, operation: Operation, key: &str) -> Result<Vec<u8>> {
        check_key(self.backend, operation, key)?;
        self.check_open(operation)?;
        Ok(self.stored(key))
    }

    /// What every key of the namespace comes after.
    pub(crate) fn start(&self) -> &[u8] {
        self.namespace.prefix().as_bytes()
    }

    /// What every key of the namespace comes before.
    pub(crate) fn end(&self) -> &[u8] {
        &self.end
    }

    /// The stored key that a page begins after.
    pub(crate) fn after(&self, cursor: Option<Cursor>) -> Vec<u8> {
        self.stored(cursor.as_ref().map_or("", Cursor::as_str))
    }

    fn stored(&self, key: &str) -> Vec<u8> {
        let mut stored = Vec::with_capacity(self.start().len() + key.len());
        stored.extend_from_slice(self.start());
        stored.extend_from_slice(key.as_bytes());
        stored
    }

    /// How many rows to ask for, for a page of that limit.
    pub(crate) fn page_rows(limit: NonZeroUsize) -> i64 {
        i64::try_from(limit.get().min(MAX_PAGE)).unwrap_or(i64::MAX)
    }

    /// The page of these rows: stored key, value, remaining milliseconds. It is the last if it has fewer than were
    /// asked for.
    pub(crate) fn page(&self, rows: Vec<(Vec<u8>, Vec<u8>, Option<i64>)>, asked: i64) -> Result<Page> {
        let is_last = i64::try_from(rows.len()).is_ok_and(|found| found < asked);
        let mut entries = Vec::with_capacity(rows.len());
        for (stored, value, remaining) in rows {
            let key = stored.strip_prefix(self.start()).map(<[u8]>::to_vec);
            let Some(key) = key.and_then(|key| String::from_utf8(key).ok()) else {
                return Err(StorageError::new(ErrorKind::Corrupt, self.backend, Operation::Scan)
                    .with_detail("a key of the table is not UTF-8; something else writes to it"));
            };
            entries.push(Entry { key, value: value.into(), ttl: remaining.map(millis) });
        }
        let next = entries.last().filter(|_| !is_last).map(|last| Cursor::new(last.key.clone()));
        Ok(Page { entries, next })
    }
}

impl fmt::Debug for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Space")
            .field("namespace", &self.namespace.as_str())
            .field("closed", &self.closed)
            .finish()
    }
}

/// A number of milliseconds from the engine.
pub(crate) fn millis(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

/// A value whose TTL was left alone.
pub(crate) fn untouched(value: Vec<u8>, remaining: Option<i64>) -> Touched {
    Touched { value: value.into(), extended: false, remaining: remaining.map(millis) }
}
