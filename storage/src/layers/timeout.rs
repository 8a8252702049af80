use std::{num::NonZeroUsize, time::Duration};

use crate::{
    Bytes, Capabilities, Cursor, ErrorKind, Operation, Page, Result, Storage, StorageError, StorageLayer,
    Swap, Touch, Touched, async_trait,
};

/// A layer that bounds every operation: past the limit the caller gets [`ErrorKind::Timeout`].
///
/// The operation is cancelled by dropping its future, so by the contract it has taken effect or not, never in
/// part. `reset` and `purge_expired` work through a whole namespace and are not bounded.
///
/// ```
/// use std::time::Duration;
/// use cloakroom_storage::{Storage, StorageExt, Timeout};
///
/// fn bounded(storage: impl Storage) -> impl Storage {
///     storage.layer(Timeout::new(Duration::from_millis(250)))
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Timeout {
    limit: Duration,
}

impl Timeout {
    /// A limit for each operation, in the precision of the runtime's timer: about a millisecond.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S: Storage> StorageLayer<S> for Timeout {
    type Storage = TimeoutStorage<S>;

    fn layer(self, inner: S) -> TimeoutStorage<S> {
        TimeoutStorage { inner, limit: self.limit }
    }
}

/// A storage behind a [`Timeout`] layer.
#[derive(Debug, Clone)]
pub struct TimeoutStorage<S> {
    inner: S,
    limit: Duration,
}

impl<S: Storage> TimeoutStorage<S> {
    async fn bounded<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        tokio::time::timeout(self.limit, call).await.unwrap_or_else(|_| {
            let error = StorageError::new(ErrorKind::Timeout, self.inner.capabilities().backend, operation);
            Err(error.with_detail(format!("no answer within {:?}", self.limit)))
        })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for TimeoutStorage<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.bounded(Operation::Get, self.inner.get(key)).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.bounded(Operation::Set, self.inner.set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.bounded(Operation::Delete, self.inner.delete(key)).await
    }

    async fn reset(&self) -> Result<()> {
        self.inner.reset().await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.bounded(Operation::GetAndTouch, self.inner.get_and_touch(key, touch)).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let swap = self.inner.compare_and_swap(key, expected, new, ttl);
        self.bounded(Operation::CompareAndSwap, swap).await
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.bounded(Operation::Scan, self.inner.scan(after, limit)).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.inner.purge_expired().await
    }

    async fn ping(&self) -> Result<()> {
        self.bounded(Operation::Ping, self.inner.ping()).await
    }

    async fn close(&self) -> Result<()> {
        self.bounded(Operation::Close, self.inner.close()).await
    }
}
