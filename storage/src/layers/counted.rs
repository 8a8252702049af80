use std::{cell::RefCell, collections::BTreeMap, num::NonZeroUsize, time::Duration};

use crate::{
    Bytes, Capabilities, Cursor, Operation, Page, Result, Storage, StorageLayer, Swap, Touch, Touched,
    async_trait,
};

tokio::task_local! {
    static COUNTS: RefCell<OperationCounts>;
}

/// Runs `future` and counts the operations that it calls on [`Counted`] storages: what one request costs.
///
/// Counts what the future does itself, not what tasks that it spawned do.
///
/// ```
/// use cloakroom_storage::{Counted, Operation, Storage, StorageExt, count_operations};
///
/// async fn reads_once(storage: impl Storage) {
///     let storage = storage.layer(Counted::new());
///     let (value, counts) = count_operations(storage.get("key")).await;
///     assert!(value.is_ok());
///     assert_eq!(counts.of(Operation::Get), 1);
///     assert_eq!(counts.total(), 1);
/// }
/// ```
pub async fn count_operations<F: Future>(future: F) -> (F::Output, OperationCounts) {
    COUNTS
        .scope(RefCell::default(), async {
            let output = future.await;
            (output, COUNTS.with(RefCell::take))
        })
        .await
}

/// How often each operation was called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OperationCounts(BTreeMap<Operation, u64>);

impl OperationCounts {
    /// The calls of one operation.
    #[must_use]
    pub fn of(&self, operation: Operation) -> u64 {
        self.0.get(&operation).copied().unwrap_or(0)
    }

    /// The calls of all operations. On a backend that spends one round trip on each, its round trips.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// The operations that were called, with their counts.
    pub fn iter(&self) -> impl Iterator<Item = (Operation, u64)> + '_ {
        self.0.iter().map(|(operation, count)| (*operation, *count))
    }
}

/// A layer whose operations are counted by [`count_operations`]; elsewhere it only passes them on.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Counted {}

impl Counted {
    /// The layer.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl<S: Storage> StorageLayer<S> for Counted {
    type Storage = CountedStorage<S>;

    fn layer(self, inner: S) -> CountedStorage<S> {
        CountedStorage { inner }
    }
}

/// A storage behind a [`Counted`] layer.
#[derive(Debug, Clone)]
pub struct CountedStorage<S> {
    inner: S,
}

fn count(operation: Operation) {
    // Outside `count_operations` nobody asks.
    let _ = COUNTS.try_with(|counts| *counts.borrow_mut().0.entry(operation).or_default() += 1);
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for CountedStorage<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        count(Operation::Get);
        self.inner.get(key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        count(Operation::Set);
        self.inner.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        count(Operation::Delete);
        self.inner.delete(key).await
    }

    async fn reset(&self) -> Result<()> {
        count(Operation::Reset);
        self.inner.reset().await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        count(Operation::GetAndTouch);
        self.inner.get_and_touch(key, touch).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        count(Operation::CompareAndSwap);
        self.inner.compare_and_swap(key, expected, new, ttl).await
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        count(Operation::Scan);
        self.inner.scan(after, limit).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        count(Operation::PurgeExpired);
        self.inner.purge_expired().await
    }

    async fn ping(&self) -> Result<()> {
        count(Operation::Ping);
        self.inner.ping().await
    }

    async fn close(&self) -> Result<()> {
        count(Operation::Close);
        self.inner.close().await
    }
}
