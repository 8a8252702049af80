use std::{fmt, num::NonZeroUsize, time::Duration};

use recloser::{AsyncRecloser, Error, Recloser};

use crate::{
    Bytes, Capabilities, Cursor, ErrorKind, Operation, Page, Result, Storage, StorageError, StorageLayer,
    Swap, Touch, Touched, async_trait,
};

/// A layer that stops asking a storage that is down: while the circuit is open, operations fail at once with
/// [`ErrorKind::Unavailable`] instead of waiting for a time-out each, and the storage is left alone to recover.
///
/// The circuit opens when half of the last operations have failed with an error that is
/// [retryable](StorageError::is_retryable); other errors are answers. After a pause operations go through again, and the
/// outcome of the first of them decides whether it closes or opens once more. An operation that its caller gave up
/// counts as neither.
///
/// [`ping`](Storage::ping) and [`close`](Storage::close) always go through and are not counted: a health check shall say
/// how the storage is, not how it was.
///
/// Have [`Timeout`](crate::Timeout) and [`Retry`](crate::Retry) below it: time-outs are then counted as failures, and
/// nobody tries again what was refused here. The state is that of this layer and its clones, in this process.
///
/// ```
/// use std::time::Duration;
/// use cloakroom_storage::{CircuitBreaker, Retry, Storage, StorageExt, Timeout};
///
/// fn guarded(storage: impl Storage) -> impl Storage {
///     storage.layer(Timeout::new(Duration::from_millis(250))).layer(Retry::new()).layer(CircuitBreaker::new())
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CircuitBreaker {
    window: NonZeroUsize,
    probes: NonZeroUsize,
    pause: Duration,
}

impl CircuitBreaker {
    /// Opens on half of the last 20 operations, for a second; then 5 operations decide.
    #[must_use]
    pub const fn new() -> Self {
        let (Some(window), Some(probes)) = (NonZeroUsize::new(20), NonZeroUsize::new(5)) else {
            unreachable!()
        };
        Self { window, probes, pause: Duration::from_secs(1) }
    }

    /// How many of the last operations are looked at; as many have to come before the circuit can open.
    #[must_use]
    pub const fn with_window(mut self, operations: NonZeroUsize) -> Self {
        self.window = operations;
        self
    }

    /// How many operations have to come after the pause before the circuit closes or opens.
    #[must_use]
    pub const fn with_probes(mut self, operations: NonZeroUsize) -> Self {
        self.probes = operations;
        self
    }

    /// How long the circuit stays open.
    #[must_use]
    pub const fn with_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }
}

impl Default for CircuitBreaker {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Storage> StorageLayer<S> for CircuitBreaker {
    type Storage = CircuitBreakerStorage<S>;

    fn layer(self, inner: S) -> CircuitBreakerStorage<S> {
        // The crate decides at the first operation after its buffer is full; one place less makes that the one which
        // fills the window. A buffer needs a place.
        let buffer = |operations: NonZeroUsize| (operations.get() - 1).max(1);
        let circuit = Recloser::custom()
            .error_rate(0.5)
            .closed_len(buffer(self.window))
            .half_open_len(buffer(self.probes))
            .open_wait(self.pause)
            .build();
        CircuitBreakerStorage { inner, pause: self.pause, circuit: circuit.into() }
    }
}

/// A storage behind a [`CircuitBreaker`] layer.
#[derive(Clone)]
pub struct CircuitBreakerStorage<S> {
    inner: S,
    pause: Duration,
    circuit: AsyncRecloser,
}

impl<S: Storage> CircuitBreakerStorage<S> {
    async fn guarded<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.circuit.call_with(StorageError::is_retryable, call).await.map_err(|error| match error {
            Error::Inner(error) => error,
            Error::Rejected => {
                StorageError::new(ErrorKind::Unavailable, self.inner.capabilities().backend, operation)
                    .with_detail(format!(
                        "not asked, as too many operations have failed; asked again after {:?}",
                        self.pause
                    ))
            }
        })
    }
}

impl<S: fmt::Debug> fmt::Debug for CircuitBreakerStorage<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerStorage")
            .field("inner", &self.inner)
            .field("pause", &self.pause)
            .finish()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for CircuitBreakerStorage<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.guarded(Operation::Get, self.inner.get(key)).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.guarded(Operation::Set, self.inner.set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.guarded(Operation::Delete, self.inner.delete(key)).await
    }

    async fn reset(&self) -> Result<()> {
        self.guarded(Operation::Reset, self.inner.reset()).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.guarded(Operation::GetAndTouch, self.inner.get_and_touch(key, touch)).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let swap = self.inner.compare_and_swap(key, expected, new, ttl);
        self.guarded(Operation::CompareAndSwap, swap).await
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.guarded(Operation::Scan, self.inner.scan(after, limit)).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.guarded(Operation::PurgeExpired, self.inner.purge_expired()).await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}
