//! A write that waits for replicas succeeds once they have it, and says so if they do not.

mod support;

use std::{num::NonZeroUsize, time::Duration};

use cloakroom_conformance::{Service, service_tests};
use cloakroom_storage::{ErrorKind, Storage, Swap, Touch};
use cloakroom_storage_redis::{RedisConfig, RedisStorage};
use support::{bytes, fresh};

const SHORT: Duration = Duration::from_millis(50);

async fn waiting(url: &str, replicas: usize, timeout: Duration) -> RedisStorage {
    let config = RedisConfig::new(url).with_namespace(fresh()).with_wait_replicas(replicas, timeout);
    RedisStorage::connect(&config).await.unwrap()
}

async fn writes_that_a_replica_has_succeed(url: String) {
    let storage = waiting(&url, 1, Duration::from_secs(3)).await;
    for n in 0..10 {
        let key = format!("key {n}");
        storage.set(&key, bytes("a"), None).await.unwrap();
        let swapped = storage.compare_and_swap(&key, Some(b"a"), Some(bytes("b")), None).await.unwrap();
        assert!(swapped.is_swapped());
        assert!(!storage.compare_and_swap(&key, None, Some(bytes("c")), None).await.unwrap().is_swapped());
        assert_eq!(storage.get(&key).await.unwrap(), Some(bytes("b")));
    }
    storage.delete("key 0").await.unwrap();
    storage.reset().await.unwrap();
    assert!(storage.scan(None, NonZeroUsize::MIN).await.unwrap().entries.is_empty());
}

async fn a_write_that_too_few_have_says_that_it_happened(url: String) {
    let storage = waiting(&url, 3, SHORT).await;
    let error = storage.set("key", bytes("value"), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let told = error.to_string();
    assert!(told.contains("written") && told.contains("of 3 replicas"), "{told}");
    assert_eq!(storage.get("key").await.unwrap(), Some(bytes("value")));
    let swap = storage.compare_and_swap("key", Some(b"value"), Some(bytes("newer")), None).await;
    assert_eq!(swap.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(storage.get("key").await.unwrap(), Some(bytes("newer")));
    assert_eq!(storage.delete("key").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(storage.get("key").await.unwrap(), None);
}

async fn what_was_not_written_needs_no_replicas(url: String) {
    let storage = waiting(&url, 3, SHORT).await;
    let none = Swap::Conflict { current: None };
    for new in [Some(bytes("new")), None] {
        let swap = storage.compare_and_swap("key", Some(b"old"), new, None).await;
        assert_eq!(swap.unwrap(), none, "there is no value");
    }
    storage.delete("key").await.unwrap();
    storage.set("key", bytes("value"), Some(Duration::ZERO)).await.unwrap();
    storage.reset().await.unwrap();

    storage.set("key", bytes("value"), None).await.unwrap_err();
    let value = Swap::Conflict { current: Some(bytes("value")) };
    for (expected, new) in [(None, Some("new")), (Some("old"), Some("new")), (Some("old"), None)] {
        let expected = expected.map(str::as_bytes);
        let swap = storage.compare_and_swap("key", expected, new.map(bytes), None).await;
        assert_eq!(swap.unwrap(), value, "there is another value");
    }
    assert_eq!(storage.get("key").await.unwrap(), Some(bytes("value")));
    // What is removed is written.
    assert_eq!(storage.reset().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(storage.get("key").await.unwrap(), None);
}

async fn the_url_may_say_how_many(url: String) {
    let and = if url.contains('?') { '&' } else { '?' };
    let config =
        RedisConfig::new(format!("{url}{and}wait_replicas=9&wait_timeout_ms=20")).with_namespace(fresh());
    let storage = RedisStorage::connect(&config).await.unwrap();
    let told = storage.set("key", bytes("value"), None).await.unwrap_err().to_string();
    assert!(told.contains("of 9 replicas"), "{told}");
}

async fn reads_and_touches_wait_for_nobody(url: String) {
    let storage = waiting(&url, 9, SHORT).await;
    let _ = storage.set("key", bytes("value"), Some(Duration::from_secs(60))).await;
    let touch = Touch::new(Duration::from_secs(90), Duration::ZERO);
    assert!(storage.get_and_touch("key", touch).await.unwrap().unwrap().extended);
    storage.ping().await.unwrap();
}

async fn a_wait_longer_than_the_response_timeout_is_misconfigured(url: String) {
    let config = RedisConfig::new(url).with_wait_replicas(1, Duration::from_secs(5));
    assert_eq!(RedisStorage::connect(&config).await.unwrap_err().kind(), ErrorKind::Misconfigured);
}

service_tests! {
    Service::RedisSentinel => [
        writes_that_a_replica_has_succeed,
        a_write_that_too_few_have_says_that_it_happened,
        what_was_not_written_needs_no_replicas,
        the_url_may_say_how_many,
        reads_and_touches_wait_for_nobody,
    ],
    Service::RedisCluster => [
        writes_that_a_replica_has_succeed,
        a_write_that_too_few_have_says_that_it_happened,
        what_was_not_written_needs_no_replicas,
    ],
    Service::Valkey => [what_was_not_written_needs_no_replicas],
    Service::Redis => [a_wait_longer_than_the_response_timeout_is_misconfigured],
}
