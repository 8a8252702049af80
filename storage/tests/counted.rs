//! The `Counted` layer counts what the future it is asked about calls, and nothing else.

use std::{num::NonZeroUsize, time::Duration};

use cloakroom_storage::{Bytes, Counted, Operation, Storage, StorageExt, Touch, count_operations};

mod map;

#[tokio::test]
async fn each_call_counts_once_under_its_own_operation() {
    let storage = map::MapStorage::default().layer(Counted::new());
    let touch = Touch::new(Duration::from_secs(1), Duration::ZERO);
    let ((), counts) = count_operations(async {
        storage.set("key", Bytes::new(), None).await.unwrap();
        storage.get("key").await.unwrap();
        storage.get("other").await.unwrap();
        storage.delete("other").await.unwrap();
        storage.get_and_touch("key", touch).await.unwrap();
        let _ = storage.compare_and_swap("key", Some(b""), None, None).await.unwrap();
        storage.scan(None, NonZeroUsize::MIN).await.unwrap_err();
        storage.purge_expired().await.unwrap();
        storage.ping().await.unwrap();
        storage.reset().await.unwrap();
        storage.close().await.unwrap();
    })
    .await;
    assert_eq!(counts.of(Operation::Get), 2);
    assert_eq!(counts.total(), 11);
    assert!(counts.iter().all(|(operation, count)| count == if operation == Operation::Get { 2 } else { 1 }));
}

#[tokio::test]
async fn calls_outside_are_not_counted_and_two_counts_do_not_mix() {
    let storage = map::MapStorage::default().layer(Counted::new());
    storage.get("key").await.unwrap();
    let (one, two) = tokio::join!(
        count_operations(async { storage.get("key").await }),
        count_operations(async {
            storage.delete("key").await.unwrap();
            storage.delete("key").await
        })
    );
    assert_eq!((one.1.total(), two.1.total()), (1, 2));
    assert_eq!(two.1.of(Operation::Delete), 2);
}

#[tokio::test]
async fn a_call_that_fails_counts_too() {
    let storage = map::MapStorage::default().layer(Counted::new());
    let (result, counts) = count_operations(storage.get("")).await;
    assert!(result.is_err());
    assert_eq!(counts.total(), 1);
}
