//! The `Timeout` layer bounds every operation but the ones that work through a whole namespace.

use std::{future::pending, num::NonZeroUsize, time::Duration};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, ErrorKind, Operation, Page, Result, Storage, StorageExt, Swap, Timeout,
    Touch, Touched, async_trait,
};
use tokio::time::Instant;

/// Never answers.
struct Hanging;

#[async_trait]
impl Storage for Hanging {
    async fn get(&self, _: &str) -> Result<Option<Bytes>> {
        pending().await
    }

    async fn set(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<()> {
        pending().await
    }

    async fn delete(&self, _: &str) -> Result<()> {
        pending().await
    }

    async fn reset(&self) -> Result<()> {
        pending().await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("hanging")
    }

    async fn get_and_touch(&self, _: &str, _: Touch) -> Result<Option<Touched>> {
        pending().await
    }

    async fn compare_and_swap(
        &self,
        _: &str,
        _: Option<&[u8]>,
        _: Option<Bytes>,
        _: Option<Duration>,
    ) -> Result<Swap> {
        pending().await
    }

    async fn scan(&self, _: Option<Cursor>, _: NonZeroUsize) -> Result<Page> {
        pending().await
    }

    async fn purge_expired(&self) -> Result<u64> {
        pending().await
    }

    async fn ping(&self) -> Result<()> {
        pending().await
    }

    async fn close(&self) -> Result<()> {
        pending().await
    }
}

const LIMIT: Duration = Duration::from_millis(250);

async fn times_out<T>(operation: Operation, call: impl Future<Output = Result<T>>) {
    let began = Instant::now();
    let Err(error) = call.await else { panic!("{operation} succeeded") };
    assert_eq!(began.elapsed(), LIMIT);
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Timeout, operation));
    assert_eq!(error.to_string(), format!("hanging: {operation}: timed out: no answer within 250ms"));
    assert!(error.is_retryable());
}

#[tokio::test(start_paused = true)]
async fn every_operation_on_a_hanging_storage_times_out() {
    let storage = Hanging.layer(Timeout::new(LIMIT));
    times_out(Operation::Get, storage.get("key")).await;
    times_out(Operation::Set, storage.set("key", Bytes::new(), None)).await;
    times_out(Operation::Delete, storage.delete("key")).await;
    times_out(Operation::GetAndTouch, storage.get_and_touch("key", Touch::new(LIMIT, LIMIT))).await;
    times_out(Operation::CompareAndSwap, storage.compare_and_swap("key", None, None, None)).await;
    times_out(Operation::Scan, storage.scan(None, NonZeroUsize::MIN)).await;
    times_out(Operation::Ping, storage.ping()).await;
    times_out(Operation::Close, storage.close()).await;
}

#[tokio::test(start_paused = true)]
async fn work_on_a_whole_namespace_is_not_bounded() {
    let storage = Hanging.layer(Timeout::new(LIMIT));
    assert!(tokio::time::timeout(10 * LIMIT, storage.reset()).await.is_err());
    assert!(tokio::time::timeout(10 * LIMIT, storage.purge_expired()).await.is_err());
}
