use std::{num::NonZeroUsize, time::Duration};

use tokio::time::Instant;

use crate::{
    Bytes, Capabilities, Cursor, ErrorKind, Operation, Page, Result, Storage, StorageLayer, Swap, Touch,
    Touched, async_trait,
};

/// The name of the metric: how long operations take, in seconds.
pub(crate) const DURATION: &str = "cloakroom_storage_operation_duration_seconds";

/// A layer that measures every operation with the [`metrics`] facade, for whatever recorder the application has
/// installed. Without a recorder it costs next to nothing.
///
/// There is one histogram, `cloakroom_storage_operation_duration_seconds`, whose count is the number of operations.
/// Its labels have few values, none of which is a key:
///
/// | label | |
/// | --- | --- |
/// | `backend` | the storage's name, such as `redis` |
/// | `operation` | as the trait spells it, such as `get_and_touch` |
/// | `outcome` | `ok`, `conflict` for a refused swap, `cancelled` where the caller gave up, or the kind of the error: `invalid_key`, `value_too_large`, `unavailable`, `timeout`, `unsupported`, `closed`, `corrupt`, `misconfigured`, `other` |
///
/// Above a [`Timeout`](crate::Timeout) layer it sees time-outs as `timeout`, below one as `cancelled`.
///
/// ```
/// use cloakroom_storage::{Metered, Storage, StorageExt};
///
/// fn measured(storage: impl Storage) -> impl Storage {
///     storage.layer(Metered::new())
/// }
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Metered {}

impl Metered {
    /// The layer.
    #[must_use]
    pub const fn new() -> Self {
        Self {}
    }
}

impl<S: Storage> StorageLayer<S> for Metered {
    type Storage = MeteredStorage<S>;

    fn layer(self, inner: S) -> MeteredStorage<S> {
        MeteredStorage { inner }
    }
}

/// A storage behind a [`Metered`] layer.
#[derive(Debug, Clone)]
pub struct MeteredStorage<S> {
    inner: S,
}

impl<S: Storage> MeteredStorage<S> {
    async fn measured<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>> + Send,
        outcome: fn(&T) -> &'static str,
    ) -> Result<T> {
        let mut measure = Measure {
            backend: self.inner.capabilities().backend,
            operation,
            outcome: "cancelled",
            begin: Instant::now(),
        };
        let result = call.await;
        measure.outcome = result.as_ref().map_or_else(|error| label(error.kind()), outcome);
        result
    }

    async fn done<T>(&self, operation: Operation, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.measured(operation, call, |_| "ok").await
    }
}

/// Records when it is dropped, as the future of an operation may be.
struct Measure {
    backend: &'static str,
    operation: Operation,
    outcome: &'static str,
    begin: Instant,
}

impl Drop for Measure {
    fn drop(&mut self) {
        let labels =
            [("backend", self.backend), ("operation", self.operation.as_str()), ("outcome", self.outcome)];
        metrics::histogram!(DURATION, &labels).record(self.begin.elapsed());
    }
}

const fn label(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::InvalidKey => "invalid_key",
        ErrorKind::ValueTooLarge => "value_too_large",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Timeout => "timeout",
        ErrorKind::Unsupported => "unsupported",
        ErrorKind::Closed => "closed",
        ErrorKind::Corrupt => "corrupt",
        ErrorKind::Misconfigured => "misconfigured",
        ErrorKind::Other => "other",
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for MeteredStorage<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.done(Operation::Get, self.inner.get(key)).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.done(Operation::Set, self.inner.set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.done(Operation::Delete, self.inner.delete(key)).await
    }

    async fn reset(&self) -> Result<()> {
        self.done(Operation::Reset, self.inner.reset()).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.done(Operation::GetAndTouch, self.inner.get_and_touch(key, touch)).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let call = self.inner.compare_and_swap(key, expected, new, ttl);
        self.measured(
            Operation::CompareAndSwap,
            call,
            |swap| if swap.is_swapped() { "ok" } else { "conflict" },
        )
        .await
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.done(Operation::Scan, self.inner.scan(after, limit)).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.done(Operation::PurgeExpired, self.inner.purge_expired()).await
    }

    async fn ping(&self) -> Result<()> {
        self.done(Operation::Ping, self.inner.ping()).await
    }

    async fn close(&self) -> Result<()> {
        self.done(Operation::Close, self.inner.close()).await
    }
}
