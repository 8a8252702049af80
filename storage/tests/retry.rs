//! The `Retry` layer: what failed for the moment is tried again, within bounds, and a swap never lies.

mod map;

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use cloakroom_storage::{
    Bytes, Capabilities, ErrorKind, Operation, Result, Retry, Storage, StorageError, StorageExt, Swap,
    async_trait,
};
use map::MapStorage;
use tokio::time::Instant;

/// Fails so many times with that kind, before or after it has done what it was asked for.
struct Failing {
    inner: MapStorage,
    kind: ErrorKind,
    failures: AtomicUsize,
    after_the_fact: bool,
    calls: AtomicUsize,
}

impl Failing {
    fn new(kind: ErrorKind, failures: usize) -> Self {
        Self {
            inner: MapStorage::default(),
            kind,
            failures: failures.into(),
            after_the_fact: false,
            calls: AtomicUsize::new(0),
        }
    }

    async fn call<T>(&self, operation: Operation, call: impl Future<Output = Result<T>>) -> Result<T> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let fails =
            self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let error = StorageError::new(self.kind, "failing", operation);
        match fails {
            Err(_) => call.await,
            Ok(_) if self.after_the_fact => call.await.and(Err(error)),
            Ok(_) => Err(error),
        }
    }
}

#[async_trait]
impl Storage for Failing {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.call(Operation::Get, self.inner.get(key)).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.call(Operation::Set, self.inner.set(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.call(Operation::Delete, self.inner.delete(key)).await
    }

    async fn reset(&self) -> Result<()> {
        self.call(Operation::Reset, self.inner.reset()).await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new("failing")
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let swap = self.inner.compare_and_swap(key, expected, new, ttl);
        self.call(Operation::CompareAndSwap, swap).await
    }
}

fn tries(tries: usize) -> Retry {
    Retry::new().with_tries(NonZeroUsize::new(tries).unwrap())
}

#[tokio::test(start_paused = true)]
async fn what_fails_for_the_moment_is_tried_again() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Timeout] {
        let inner = Arc::new(Failing::new(kind, 2));
        let storage = inner.clone().layer(Retry::new());
        storage.set("hook", "coat".into(), None).await.unwrap();
        assert_eq!(inner.calls.load(Ordering::SeqCst), 3);
        assert_eq!(storage.get("hook").await.unwrap().unwrap(), "coat");
    }
}

#[tokio::test(start_paused = true)]
async fn what_would_fail_again_is_not() {
    for kind in [ErrorKind::Corrupt, ErrorKind::Misconfigured, ErrorKind::Closed, ErrorKind::ValueTooLarge] {
        let inner = Arc::new(Failing::new(kind, 1));
        let error = inner.clone().layer(Retry::new()).get("hook").await.unwrap_err();
        assert_eq!((error.kind(), inner.calls.load(Ordering::SeqCst)), (kind, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn tries_and_pauses_are_bounded_and_the_last_error_is_returned() {
    let inner = Arc::new(Failing::new(ErrorKind::Unavailable, usize::MAX));
    let pauses = (Duration::from_millis(10), Duration::from_millis(40));
    let storage = inner.clone().layer(tries(5).with_pauses(pauses.0, pauses.1));
    let begin = Instant::now();
    assert_eq!(storage.delete("hook").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(inner.calls.load(Ordering::SeqCst), 5);
    // 10, 20, 40 and 40 ms, each up to doubled.
    let waited = begin.elapsed().as_millis();
    assert!((110..=230).contains(&waited), "{waited} ms");
}

#[tokio::test(start_paused = true)]
async fn nodes_that_fail_together_do_not_come_back_together() {
    let mut waits = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let storage = Failing::new(ErrorKind::Unavailable, 1).layer(Retry::new());
        let begin = Instant::now();
        storage.get("hook").await.unwrap();
        waits.insert(begin.elapsed().as_millis());
    }
    assert!(waits.len() > 1, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_swap_that_did_not_take_place_is_tried_again() {
    let inner = Arc::new(Failing::new(ErrorKind::Unavailable, 1));
    let storage = inner.clone().layer(Retry::new());
    let swap = storage.compare_and_swap("hook", None, Some("coat".into()), None).await.unwrap();
    assert_eq!(swap, Swap::Swapped);
}

#[tokio::test(start_paused = true)]
async fn a_swap_whose_answer_was_lost_does_not_lose_the_race_against_itself() {
    let failing = Failing { after_the_fact: true, ..Failing::new(ErrorKind::Timeout, 1) };
    let inner = Arc::new(failing);
    let storage = inner.clone().layer(Retry::new());
    let error = storage.compare_and_swap("hook", None, Some("coat".into()), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(inner.calls.load(Ordering::SeqCst), 2);
    assert_eq!(inner.get("hook").await.unwrap().unwrap(), "coat");
}

#[tokio::test(start_paused = true)]
async fn a_race_that_was_lost_at_the_first_try_is_a_conflict() {
    let inner = Arc::new(Failing::new(ErrorKind::Unavailable, 0));
    inner.set("hook", "hat".into(), None).await.unwrap();
    let storage = inner.clone().layer(Retry::new());
    let swap = storage.compare_and_swap("hook", None, Some("coat".into()), None).await.unwrap();
    assert_eq!(swap, Swap::Conflict { current: Some("hat".into()) });
}
