//! What only the embedded storage has: its clock, its bound, its namespaces, its resets under fire.

use std::{
    io,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cloakroom_storage::{Bytes, ErrorKind, Namespace, Storage, Swap, Touch};
use cloakroom_storage_memory::{MemoryConfig, MemoryStorage};
use tokio::time::{advance, pause};

const TTL: Duration = Duration::from_secs(1_800);
const MILLI: Duration = Duration::from_millis(1);

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[tokio::test(start_paused = true)]
async fn a_value_is_there_until_its_ttl_has_passed_and_gone_then() {
    let storage = MemoryStorage::new();
    storage.set("key", bytes("value"), Some(TTL)).await.unwrap();
    advance(TTL - MILLI).await;
    assert!(storage.get("key").await.unwrap().is_some());
    advance(MILLI).await;
    assert_eq!(storage.get("key").await.unwrap(), None);
}

#[tokio::test]
async fn an_entry_that_is_expired_but_not_reaped_counts_as_missing() {
    let storage = MemoryStorage::new();
    storage.set("key", bytes("old"), Some(TTL)).await.unwrap();
    pause();
    advance(TTL).await;
    assert_eq!(storage.get_and_touch("key", Touch::new(TTL, Duration::ZERO)).await.unwrap(), None);
    let conflict = storage.compare_and_swap("key", Some(b"old"), Some(bytes("new")), None).await.unwrap();
    assert_eq!(conflict, Swap::Conflict { current: None });
    assert!(storage.scan(None, NonZeroUsize::MAX).await.unwrap().entries.is_empty());
    assert_eq!(storage.purge_expired().await.unwrap(), 1);
    assert_eq!(storage.purge_expired().await.unwrap(), 0);
    assert!(storage.compare_and_swap("key", None, Some(bytes("new")), None).await.unwrap().is_swapped());
}

#[tokio::test(start_paused = true)]
async fn replacing_an_expiring_value_by_one_that_never_expires_keeps_it() {
    let storage = MemoryStorage::new();
    storage.set("key", bytes("value"), Some(MILLI)).await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
    advance(TTL).await;
    assert!(storage.get("key").await.unwrap().is_some());
}

#[tokio::test(start_paused = true)]
async fn a_touch_writes_only_past_the_slack() {
    let storage = MemoryStorage::new();
    let touch = Touch::new(TTL, Duration::from_secs(60));
    storage.set("key", bytes("value"), Some(TTL)).await.unwrap();
    advance(Duration::from_secs(60)).await;
    let touched = storage.get_and_touch("key", touch).await.unwrap().unwrap();
    assert_eq!((touched.extended, touched.remaining), (false, Some(touch.threshold())));
    advance(MILLI).await;
    let touched = storage.get_and_touch("key", touch).await.unwrap().unwrap();
    assert_eq!((touched.extended, touched.remaining), (true, Some(TTL)));
}

#[tokio::test]
async fn one_name_is_one_namespace_on_an_engine_and_none_on_another() {
    let (storage, carts) = (MemoryStorage::new(), Namespace::new("carts").unwrap());
    storage.namespace(&carts).set("key", bytes("apples"), None).await.unwrap();
    assert!(storage.namespace(&carts).get("key").await.unwrap().is_some());
    assert!(MemoryStorage::new().namespace(&carts).get("key").await.unwrap().is_none());
}

#[tokio::test]
async fn a_close_closes_clones_and_no_other_namespace() {
    let storage = MemoryStorage::new();
    let (clone, carts) = (storage.clone(), storage.namespace(&"carts".parse().unwrap()));
    storage.close().await.unwrap();
    storage.close().await.unwrap();
    assert_eq!(clone.get("key").await.unwrap_err().kind(), ErrorKind::Closed);
    assert!(carts.get("key").await.is_ok());
    assert!(storage.namespace(&"default".parse().unwrap()).get("key").await.is_ok());
}

#[tokio::test]
async fn a_value_that_can_never_fit_is_refused_and_the_largest_that_can_is_kept() {
    let storage = MemoryStorage::with_config(MemoryConfig::new().with_max_bytes(100_000));
    let limit = storage.capabilities().max_value_bytes.unwrap();
    let key = "k".repeat(512);
    storage.set(&key, Bytes::from(vec![1; limit]), None).await.unwrap();
    let error = storage.set(&key, Bytes::from(vec![2; limit + 1]), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ValueTooLarge);
    assert_eq!(storage.evictions(), 0);
    assert_eq!(storage.get(&key).await.unwrap(), Some(Bytes::from(vec![1; limit])));
}

/// What a subscriber wrote.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_least_recently_used_are_evicted_counted_and_warned_about_ever_more_rarely() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || sink.clone()).finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);

    let storage = MemoryStorage::with_config(MemoryConfig::new().with_max_bytes(100_000));
    storage.set("in use", bytes("value"), None).await.unwrap();
    for n in 0..1_000 {
        storage.set(&n.to_string(), bytes("secret-value"), None).await.unwrap();
        assert!(storage.get("in use").await.unwrap().is_some());
        // Settles the order of use and the size, which is otherwise done a little later.
        storage.purge_expired().await.unwrap();
    }
    let (evictions, kept) =
        (storage.evictions(), storage.scan(None, NonZeroUsize::MAX).await.unwrap().entries);
    assert_eq!(usize::try_from(evictions).unwrap() + kept.len(), 1_001);
    assert!(storage.get("999").await.unwrap().is_some(), "the newest entry is never the one that is evicted");

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let warnings = log.lines().filter(|line| line.contains("raise max_bytes")).count();
    assert_eq!(warnings, usize::try_from(evictions.ilog2()).unwrap() + 1);
    assert!(!log.contains("secret-value"));
}

#[tokio::test]
async fn debug_shows_no_key_and_no_value() {
    let storage = MemoryStorage::new();
    storage.set("secret-key", bytes("secret-value"), None).await.unwrap();
    let shown = format!("{storage:?}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn what_is_written_right_after_a_reset_stays() {
    let storage = MemoryStorage::new();
    for n in 0..500 {
        let key = (n % 7).to_string();
        storage.set(&key, bytes("before"), None).await.unwrap();
        storage.reset().await.unwrap();
        assert_eq!(storage.get(&key).await.unwrap(), None);
        let created = storage.compare_and_swap(&key, None, Some(bytes("after")), None).await.unwrap();
        assert!(created.is_swapped());
        assert_eq!(storage.get(&key).await.unwrap(), Some(bytes("after")));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nothing_that_was_read_before_a_reset_is_written_after_it() {
    let storage = MemoryStorage::new();
    let done = Arc::new(AtomicBool::new(false));
    let updaters: Vec<_> = (0..3)
        .map(|_| {
            let (storage, done) = (storage.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    if let Some(read) = storage.get("key").await.unwrap() {
                        let same = read.clone();
                        let _ = storage.compare_and_swap("key", Some(&read), Some(same), None).await.unwrap();
                    }
                    storage.get_and_touch("key", Touch::new(TTL, Duration::ZERO)).await.unwrap();
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for n in 0..1_000 {
        storage.set("key", bytes(&n.to_string()), Some(TTL)).await.unwrap();
        // Both ways of a value's end, against both ways of its update.
        if n % 2 == 0 {
            storage.reset().await.unwrap();
        } else {
            storage.delete("key").await.unwrap();
        }
        assert_eq!(storage.get("key").await.unwrap(), None, "round {n}");
        tokio::task::yield_now().await;
        assert_eq!(storage.get("key").await.unwrap(), None, "round {n}, later");
    }
    done.store(true, Ordering::Relaxed);
    for updater in updaters {
        updater.await.unwrap();
    }
}
