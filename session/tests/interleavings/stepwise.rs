//! Futures that take their steps in an order of the test's choice.

use std::{
    future::poll_fn,
    num::NonZeroUsize,
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, Page, Result, Storage, Swap, Touch, Touched, async_trait,
};
use cloakroom_storage_memory::MemoryStorage;

/// The number of the step that is being taken.
#[derive(Clone, Default)]
pub(crate) struct Step(Arc<AtomicUsize>);

impl Step {
    pub(crate) fn number(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Runs all of them to their ends, one step at a time: the schedule says which of those that have not ended is next, and
/// after its end the first of them.
pub(crate) fn interleave<'a>(
    futures: impl IntoIterator<Item = impl Future<Output = ()> + 'a>,
    schedule: &[u8],
    step: &Step,
) {
    let mut running: Vec<Pin<Box<dyn Future<Output = ()> + 'a>>> = Vec::new();
    for future in futures {
        running.push(Box::pin(future));
    }
    let mut schedule = schedule.iter();
    while !running.is_empty() {
        step.0.fetch_add(1, Ordering::Relaxed);
        let next = schedule.next().map_or(0, |next| usize::from(*next) % running.len());
        if running[next].as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
            drop(running.remove(next));
        }
    }
}

/// The result of a future that waits for nothing.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        Poll::Pending => panic!("there is nothing to wait for"),
    }
}

/// A storage that begins each operation with a pause, in which the others may take their steps.
pub(crate) struct Stepwise {
    pub(crate) inner: MemoryStorage,
}

async fn pause() {
    let mut has_paused = false;
    poll_fn(|_| if std::mem::replace(&mut has_paused, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

#[async_trait]
impl Storage for Stepwise {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        pause().await;
        self.inner.get(key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        pause().await;
        self.inner.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        pause().await;
        self.inner.delete(key).await
    }

    async fn reset(&self) -> Result<()> {
        pause().await;
        self.inner.reset().await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        pause().await;
        self.inner.get_and_touch(key, touch).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        pause().await;
        self.inner.compare_and_swap(key, expected, new, ttl).await
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        pause().await;
        self.inner.scan(after, limit).await
    }
}
