//! A reset and a scan reach every master of a cluster, or say that they do not.

mod support;

use std::{num::NonZeroUsize, process::ExitCode};

use cloakroom_conformance::{Server, Service, ServiceTest, service_tests_main};
use cloakroom_storage::{ErrorKind, Result, Storage};
use cloakroom_storage_redis::{RedisStorage, redis};
use support::{
    bytes, fresh,
    load::storage,
    nodes::{Node, masters, replicas, take_over, until},
};

fn main() -> ExitCode {
    service_tests_main([
        ServiceTest::with_server(
            Service::RedisCluster,
            "a_reset_and_a_scan_pass_over_no_master_that_is_away",
            a_reset_and_a_scan_pass_over_no_master_that_is_away,
        ),
        ServiceTest::with_server(
            Service::RedisCluster,
            "a_reset_and_a_scan_find_new_masters_by_themselves",
            a_reset_and_a_scan_find_new_masters_by_themselves,
        ),
    ])
}

/// How many keys there are; the scan's errors are returned.
async fn count(storage: &RedisStorage) -> Result<usize> {
    let (mut count, mut after) = (0, None);
    loop {
        let page = storage.scan(after, NonZeroUsize::new(100).unwrap()).await?;
        count += page.entries.len();
        after = page.next;
        if after.is_none() {
            return Ok(count);
        }
    }
}

const KEYS: usize = 300;

async fn with_keys(url: &str) -> RedisStorage {
    let storage = storage(url, &fresh(), 0).await;
    for n in 0..KEYS {
        storage.set(&format!("key {n}"), bytes("value"), None).await.unwrap();
    }
    storage
}

/// The driver sends what has no key to any node while it has no connection to the right one.
async fn a_reset_and_a_scan_pass_over_no_master_that_is_away(server: Server) {
    let storage = with_keys(server.url()).await;
    for master in masters(&Node::of(server.url())).await {
        assert_eq!(count(&storage).await.unwrap(), KEYS);
        // On one connection, as there will be no other.
        let mut admin = support::raw(&format!("redis://{}", master.host)).await;
        let mut command = async |words: &[&str]| {
            redis::cmd(words[0]).arg(&words[1..]).exec_async(&mut admin).await.unwrap();
        };
        command(&["CONFIG", "SET", "maxclients", "1"]).await;
        command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]).await;
        for _ in 0..5 {
            assert_eq!(count(&storage).await.unwrap_err().kind(), ErrorKind::Unavailable);
            assert_eq!(storage.reset().await.unwrap_err().kind(), ErrorKind::Unavailable);
        }
        command(&["CONFIG", "SET", "maxclients", "1000"]).await;
        let reset = async || storage.reset().await.is_ok();
        until("a reset of every master", reset).await;
        assert_eq!(count(&storage).await.unwrap(), 0);
        for n in 0..KEYS {
            let key = format!("key {n}");
            assert_eq!(storage.get(&key).await.unwrap(), None, "{key} is left");
            storage.set(&key, bytes("value"), None).await.unwrap();
        }
    }
}

/// Nothing that has a key has told the driver of them.
async fn a_reset_and_a_scan_find_new_masters_by_themselves(server: Server) {
    let storage = with_keys(server.url()).await;
    for replica in replicas(server.url()).await {
        take_over(&replica).await;
    }
    assert_eq!(count(&storage).await.unwrap(), KEYS);
    for replica in replicas(server.url()).await {
        take_over(&replica).await;
    }
    storage.reset().await.unwrap();
    assert_eq!(count(&storage).await.unwrap(), 0);
}
