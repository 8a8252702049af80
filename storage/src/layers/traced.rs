use std::{num::NonZeroUsize, time::Duration};

use tracing::{Instrument, Span, field};

use crate::{
    Bytes, Capabilities, Cursor, Operation, Page, Result, Storage, StorageLayer, Swap, Touch, Touched,
    async_trait,
};

/// A layer that puts every operation into a `tracing` span named `storage`, at debug level.
///
/// The span has the fields `backend`, `operation`, and `error` where it failed (logged as a warning too). No
/// key and no value is in it.
///
/// ```
/// use cloakroom_storage::{Storage, StorageExt, Traced};
///
/// fn observed(storage: impl Storage) -> impl Storage {
///     storage.layer(Traced::new())
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Traced {}

impl Traced {
    /// The layer.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl<S: Storage> StorageLayer<S> for Traced {
    type Storage = TracedStorage<S>;

    fn layer(self, inner: S) -> TracedStorage<S> {
        TracedStorage { inner }
    }
}

/// A storage behind a [`Traced`] layer.
#[derive(Debug, Clone)]
pub struct TracedStorage<S> {
    inner: S,
}

impl<S: Storage> TracedStorage<S> {
    async fn traced<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        let backend = self.inner.capabilities().backend;
        let span =
            tracing::debug_span!("storage", backend, operation = operation.as_str(), error = field::Empty);
        async {
            let result = call.await;
            if let Err(error) = &result {
                Span::current().record("error", field::display(error));
                tracing::warn!(%error, "storage operation failed");
            }
            result
        }
        .instrument(span)
        .await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for TracedStorage<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.traced(Operation::Get, self.inner.get(key)).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.traced(Operation::Set, self.inner.set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.traced(Operation::Delete, self.inner.delete(key)).await
    }

    async fn reset(&self) -> Result<()> {
        self.traced(Operation::Reset, self.inner.reset()).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.traced(Operation::GetAndTouch, self.inner.get_and_touch(key, touch)).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let swap = self.inner.compare_and_swap(key, expected, new, ttl);
        self.traced(Operation::CompareAndSwap, swap).await
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.traced(Operation::Scan, self.inner.scan(after, limit)).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.traced(Operation::PurgeExpired, self.inner.purge_expired()).await
    }

    async fn ping(&self) -> Result<()> {
        self.traced(Operation::Ping, self.inner.ping()).await
    }

    async fn close(&self) -> Result<()> {
        self.traced(Operation::Close, self.inner.close()).await
    }
}
