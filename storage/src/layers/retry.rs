use std::{num::NonZeroUsize, time::Duration};

use backon::{BackoffBuilder, ExponentialBuilder, Retryable};

use crate::{
    Bytes, Capabilities, Cursor, Page, Result, Storage, StorageError, StorageLayer, Swap, Touch, Touched,
    async_trait,
};

/// A layer that tries again what has failed for the moment: errors that are [retryable](StorageError::is_retryable), with pauses that
/// double and are jittered, so that nodes which failed together do not come back together.
///
/// Every operation but [`close`](Storage::close) is tried again. Writes too: to set or delete twice has the effect of
/// doing it once, at the later time. A [swap](Storage::compare_and_swap) whose first try failed may have taken place
/// all the same, and would then lose the race against itself; where a later try is refused, the caller gets the error
/// of the first, never a conflict.
///
/// Have the [`Timeout`](crate::Timeout) layer below it, which then bounds each try: all of them together last no longer
/// than the tries times the limit, plus the pauses.
///
/// ```
/// use std::time::Duration;
/// use cloakroom_storage::{Retry, Storage, StorageExt, Timeout};
///
/// fn patient(storage: impl Storage) -> impl Storage {
///     storage.layer(Timeout::new(Duration::from_millis(250))).layer(Retry::new())
/// }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    backoff: ExponentialBuilder,
}

impl Retry {
    /// Three tries in all; pauses of 20 to 40 ms and 40 to 80 ms between them.
    #[must_use]
    pub const fn new() -> Self {
        let backoff = ExponentialBuilder::new()
            .with_jitter()
            .with_factor(2.0)
            .with_min_delay(Duration::from_millis(20))
            .with_max_delay(Duration::from_secs(1))
            .with_max_times(2);
        Self { backoff }
    }

    /// So many tries in all.
    #[must_use]
    pub const fn with_tries(mut self, tries: NonZeroUsize) -> Self {
        self.backoff = self.backoff.with_max_times(tries.get() - 1);
        self
    }

    /// The first pause and the longest one, each before the jitter, which may double it.
    #[must_use]
    pub const fn with_pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.backoff = self.backoff.with_min_delay(first).with_max_delay(longest);
        self
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl<S: Storage> StorageLayer<S> for Retry {
    type Storage = RetryStorage<S>;

    fn layer(self, inner: S) -> RetryStorage<S> {
        RetryStorage { inner, backoff: self.backoff }
    }
}

/// A storage behind a [`Retry`] layer.
#[derive(Debug, Clone)]
pub struct RetryStorage<S> {
    inner: S,
    backoff: ExponentialBuilder,
}

impl<S: Storage> RetryStorage<S> {
    async fn retried<T, F>(&self, call: impl Fn() -> F + Send) -> Result<T>
    where
        T: Send,
        F: Future<Output = Result<T>> + Send,
    {
        call.retry(self.backoff).sleep(tokio::time::sleep).when(StorageError::is_retryable).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for RetryStorage<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.retried(|| self.inner.get(key)).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.retried(|| self.inner.set(key, value.clone(), ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.retried(|| self.inner.delete(key)).await
    }

    async fn reset(&self) -> Result<()> {
        self.retried(|| self.inner.reset()).await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.retried(|| self.inner.get_and_touch(key, touch)).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let pauses = self.backoff.build();
        let first = match self.inner.compare_and_swap(key, expected, new.clone(), ttl).await {
            Err(error) if error.is_retryable() => error,
            outcome => return outcome,
        };
        for pause in pauses {
            tokio::time::sleep(pause).await;
            match self.inner.compare_and_swap(key, expected, new.clone(), ttl).await {
                // An earlier try may be what this one lost against.
                Ok(Swap::Conflict { .. }) => break,
                Err(error) if error.is_retryable() => {}
                outcome => return outcome,
            }
        }
        Err(first)
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.retried(|| self.inner.scan(after.clone(), limit)).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.retried(|| self.inner.purge_expired()).await
    }

    async fn ping(&self) -> Result<()> {
        self.retried(|| self.inner.ping()).await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}
