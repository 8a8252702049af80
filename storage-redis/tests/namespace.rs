//! A reset and a scan touch their own namespace and nothing else, on one server and on every master.

mod support;

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use cloakroom_conformance::{Service, service_tests};
use cloakroom_storage::{Bytes, ErrorKind, Namespace, Storage};
use cloakroom_storage_redis::{RedisStorage, redis};
use support::{bytes, connect, fresh, raw, raw_cluster};

async fn all(storage: &RedisStorage, limit: usize) -> BTreeMap<String, Bytes> {
    let (mut all, mut after) = (BTreeMap::new(), None);
    loop {
        let page = storage.scan(after, NonZeroUsize::new(limit).unwrap()).await.unwrap();
        assert!(page.entries.len() <= limit);
        all.extend(page.entries.into_iter().map(|entry| (entry.key, entry.value)));
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
}

/// Writes names that are close to the namespace's, and gives those that are not in it.
async fn write_foreign(
    connection: &mut impl redis::aio::ConnectionLike,
    namespace: &Namespace,
) -> Vec<String> {
    let name = namespace.as_str();
    let foreign = [
        name.to_owned(),
        format!("{name}x:key"),
        format!("x{name}:key"),
        format!("{}key", name.to_uppercase()),
    ];
    for name in &foreign {
        let _: () = redis::cmd("SET").arg(name).arg("foreign").query_async(connection).await.unwrap();
    }
    foreign.into()
}

async fn exist(connection: &mut impl redis::aio::ConnectionLike, names: &[String]) {
    for name in names {
        let value: Option<String> = redis::cmd("GET").arg(name).query_async(connection).await.unwrap();
        assert_eq!(value.as_deref(), Some("foreign"), "{name}");
        let _: () = redis::cmd("DEL").arg(name).query_async(connection).await.unwrap();
    }
}

async fn reset_beside_a_neighbour(url: &str, connection: &mut impl redis::aio::ConnectionLike) {
    let namespace = fresh();
    let (storage, neighbour) = (connect(url, &namespace).await, connect(url, &fresh()).await);
    let foreign = write_foreign(connection, &namespace).await;
    for n in 0..1_500 {
        storage.set(&format!("key {n}"), bytes("value"), None).await.unwrap();
    }
    let done = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = [neighbour.clone(), storage.clone()]
        .into_iter()
        .map(|storage| {
            let done = Arc::clone(&done);
            tokio::spawn(async move {
                let mut written = 0;
                while !done.load(Ordering::Relaxed) || written < 300 {
                    storage.set(&format!("new {written}"), bytes("value"), None).await.unwrap();
                    written += 1;
                }
                written
            })
        })
        .collect();
    storage.reset().await.unwrap();
    for n in 0..1_500 {
        assert_eq!(storage.get(&format!("key {n}")).await.unwrap(), None, "key {n} is left");
    }
    done.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for writer in writers {
        written.push(writer.await.unwrap());
    }
    assert_eq!(all(&neighbour, 100).await.len(), written[0], "the neighbour lost keys");
    for storage in [neighbour, storage] {
        storage.reset().await.unwrap();
        assert!(all(&storage, 100).await.is_empty());
    }
    exist(connection, &foreign).await;
}

async fn a_reset_leaves_the_neighbours_alone(url: String) {
    reset_beside_a_neighbour(&url, &mut raw(&url).await).await;
}

async fn a_reset_of_every_master_leaves_the_neighbours_alone(url: String) {
    reset_beside_a_neighbour(&url, &mut raw_cluster(&url).await).await;
}

async fn scan_among_foreign_keys(url: &str, connection: &mut impl redis::aio::ConnectionLike) {
    let namespace = fresh();
    let storage = connect(url, &namespace).await;
    let foreign = write_foreign(connection, &namespace).await;
    let prefix = namespace.prefix();
    let _: () = redis::cmd("SET").arg(prefix).arg("no key").query_async(connection).await.unwrap();
    let mut hash = redis::cmd("HSET");
    let _: () = hash.arg(format!("{prefix}hash")).arg("f").arg(1).query_async(connection).await.unwrap();
    let binary = [prefix.as_bytes(), b"\xff"].concat();
    let _: () = redis::cmd("SET").arg(&binary).arg("not text").query_async(connection).await.unwrap();

    let mut expected = BTreeMap::new();
    for n in 0..700 {
        expected.insert(format!("key {n}"), bytes(&n.to_string()));
    }
    for (key, value) in &expected {
        storage.set(key, value.clone(), None).await.unwrap();
    }
    for limit in [7, 500, 10_000] {
        assert!(all(&storage, limit).await == expected, "with pages of {limit}");
    }
    // All that begins with the prefix is the namespace's to remove.
    storage.reset().await.unwrap();
    for name in [prefix.as_bytes().to_vec(), format!("{prefix}hash").into_bytes(), binary] {
        let left: i64 = redis::cmd("EXISTS").arg(name).query_async(connection).await.unwrap();
        assert_eq!(left, 0);
    }
    exist(connection, &foreign).await;
}

async fn a_scan_sees_what_can_be_ours_and_nothing_else(url: String) {
    scan_among_foreign_keys(&url, &mut raw(&url).await).await;
}

async fn a_scan_of_every_master_sees_what_can_be_ours_and_nothing_else(url: String) {
    scan_among_foreign_keys(&url, &mut raw_cluster(&url).await).await;
}

async fn a_cursor_of_another_storage_is_refused(url: String) {
    let storage = connect(&url, &fresh()).await;
    let cursor = cloakroom_storage::Cursor::new("elsewhere");
    let error = storage.scan(Some(cursor), NonZeroUsize::MIN).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
}

async fn a_scan_that_met_a_restart_begins_that_server_anew(url: String) {
    let storage = connect(&url, &fresh()).await;
    for n in 0..3 {
        storage.set(&format!("key {n}"), bytes("value"), None).await.unwrap();
    }
    // Half way through a run of the server that is over.
    let cursor = cloakroom_storage::Cursor::new("0\x000 0123456789abcdef 4711");
    let mut seen = BTreeMap::new();
    let mut after = Some(cursor);
    while let Some(cursor) = after {
        let page = storage.scan(Some(cursor), NonZeroUsize::new(10).unwrap()).await.unwrap();
        seen.extend(page.entries.into_iter().map(|entry| (entry.key, entry.value)));
        after = page.next;
    }
    assert_eq!(seen.len(), 3);
}

service_tests! {
    Service::Redis => [
        a_reset_leaves_the_neighbours_alone,
        a_scan_sees_what_can_be_ours_and_nothing_else,
        a_cursor_of_another_storage_is_refused,
        a_scan_that_met_a_restart_begins_that_server_anew,
    ],
    Service::Valkey => [
        a_reset_leaves_the_neighbours_alone,
        a_scan_sees_what_can_be_ours_and_nothing_else,
    ],
    Service::RedisCluster => [
        a_reset_of_every_master_leaves_the_neighbours_alone,
        a_scan_of_every_master_sees_what_can_be_ours_and_nothing_else,
    ],
}
