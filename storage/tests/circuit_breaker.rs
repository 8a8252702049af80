//! The `CircuitBreaker` layer: a storage that is down is not asked, until it may be up again.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use cloakroom_storage::{
    Bytes, CircuitBreaker, ErrorKind, Operation, Result, Storage, StorageError, StorageExt, async_trait,
};

/// Answers with what it is told to, and counts how often it is asked.
#[derive(Default)]
struct Told {
    failure: Mutex<Option<ErrorKind>>,
    asked: AtomicUsize,
}

impl Told {
    fn fails_with(&self, failure: impl Into<Option<ErrorKind>>) {
        *self.failure.lock().unwrap() = failure.into();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn answer<T: Default>(&self, operation: Operation) -> Result<T> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match *self.failure.lock().unwrap() {
            Some(kind) => Err(StorageError::new(kind, "told", operation)),
            None => Ok(T::default()),
        }
    }
}

#[async_trait]
impl Storage for Told {
    async fn get(&self, _: &str) -> Result<Option<Bytes>> {
        self.answer(Operation::Get)
    }

    async fn set(&self, _: &str, _: Bytes, _: Option<Duration>) -> Result<()> {
        self.answer(Operation::Set)
    }

    async fn delete(&self, _: &str) -> Result<()> {
        self.answer(Operation::Delete)
    }

    async fn reset(&self) -> Result<()> {
        self.answer(Operation::Reset)
    }

    async fn ping(&self) -> Result<()> {
        self.answer(Operation::Ping)
    }
}

const WINDOW: usize = 10;

fn breaker(pause: Duration) -> CircuitBreaker {
    let operations = |number| NonZeroUsize::new(number).unwrap();
    CircuitBreaker::new().with_window(operations(WINDOW)).with_probes(operations(3)).with_pause(pause)
}

const LONG: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn a_storage_that_is_down_is_not_asked() {
    for down in [ErrorKind::Unavailable, ErrorKind::Timeout] {
        let told = Arc::new(Told::default());
        let storage = Arc::clone(&told).layer(breaker(LONG));
        told.fails_with(down);
        for _ in 0..WINDOW {
            assert_eq!(storage.get("hook").await.unwrap_err().kind(), down);
        }
        for _ in 0..5 {
            let error = storage.set("hook", "coat".into(), None).await.unwrap_err();
            assert_eq!((error.kind(), error.operation()), (ErrorKind::Unavailable, Operation::Set));
            assert!(error.to_string().contains("too many operations have failed"), "{error}");
        }
        assert_eq!(told.asked(), WINDOW);
    }
}

#[tokio::test]
async fn the_circuit_is_one_for_all_clones() {
    let told = Arc::new(Told::default());
    let storage = Arc::clone(&told).layer(breaker(LONG));
    told.fails_with(ErrorKind::Unavailable);
    for _ in 0..WINDOW {
        storage.get("hook").await.unwrap_err();
    }
    storage.clone().get("hook").await.unwrap_err();
    assert_eq!(told.asked(), WINDOW);
}

#[tokio::test]
async fn less_than_half_of_failures_leave_it_closed() {
    let told = Arc::new(Told::default());
    let storage = Arc::clone(&told).layer(breaker(LONG));
    for round in 0..10 * WINDOW {
        told.fails_with((round % 5 < 2).then_some(ErrorKind::Timeout));
        let _outcome = storage.get("hook").await;
    }
    assert_eq!(told.asked(), 10 * WINDOW);
}

#[tokio::test]
async fn errors_that_are_answers_leave_it_closed() {
    let told = Arc::new(Told::default());
    let storage = Arc::clone(&told).layer(breaker(LONG));
    for answer in [ErrorKind::ValueTooLarge, ErrorKind::Corrupt, ErrorKind::Misconfigured] {
        told.fails_with(answer);
        for _ in 0..2 * WINDOW {
            assert_eq!(storage.get("hook").await.unwrap_err().kind(), answer);
        }
    }
}

#[tokio::test]
async fn a_ping_says_how_the_storage_is() {
    let told = Arc::new(Told::default());
    let storage = Arc::clone(&told).layer(breaker(LONG));
    told.fails_with(ErrorKind::Unavailable);
    for _ in 0..WINDOW {
        storage.get("hook").await.unwrap_err();
    }
    storage.ping().await.unwrap_err();
    told.fails_with(None);
    storage.ping().await.unwrap();
    // Which closes nothing by itself.
    storage.get("hook").await.unwrap_err();
}

#[tokio::test]
async fn after_the_pause_it_is_asked_again_and_closes_once_it_answers() {
    let told = Arc::new(Told::default());
    let pause = Duration::from_millis(20);
    let storage = Arc::clone(&told).layer(breaker(pause));
    told.fails_with(ErrorKind::Unavailable);
    for _ in 0..WINDOW {
        storage.get("hook").await.unwrap_err();
    }
    let opened = Instant::now();
    told.fails_with(None);
    while storage.get("hook").await.is_err() {
        tokio::task::yield_now().await;
    }
    assert!(opened.elapsed() >= pause);
    for _ in 0..2 {
        storage.get("hook").await.unwrap();
    }
    // Closed: single failures are let through again.
    told.fails_with(ErrorKind::Unavailable);
    let before = told.asked();
    for _ in 0..WINDOW - 1 {
        storage.get("hook").await.unwrap_err();
    }
    assert_eq!(told.asked(), before + WINDOW - 1);
}
