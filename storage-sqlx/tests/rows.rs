//! What is removed, and what is left alone: sweeps, resets and neighbours.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cloakroom_conformance::{Service, service_tests};
use cloakroom_storage::{Namespace, Storage};
use support::{Options, Server, bytes, fresh, until};
use tokio::time::sleep;

const HOUR: Duration = Duration::from_secs(3_600);
const SOON: Duration = Duration::from_millis(1);

async fn a_sweep_removes_what_is_expired_and_nothing_else(url: String) {
    let server = Server::new(&url).await;
    let mut options = Options::of(&fresh("sweep"));
    options.sweep_interval = Some(Duration::from_millis(50));
    let storage = server.open(&options).await.unwrap();
    storage.set("for ever", bytes("value"), None).await.unwrap();
    storage.set("hour", bytes("value"), Some(HOUR)).await.unwrap();
    for n in 0..20 {
        storage.set(&format!("key {n}"), bytes("value"), Some(SOON)).await.unwrap();
    }
    until("the expired rows are removed", || async { server.count(&options.table).await == 2 }).await;
    assert!(storage.get("for ever").await.unwrap().is_some());
    assert!(storage.get("hour").await.unwrap().is_some());
    server.drop_table(&options.table).await;
}

async fn the_sweeper_ends_with_the_last_clone_or_the_close(url: String) {
    let server = Server::new(&url).await;
    let mut options = Options::of(&fresh("ends"));
    options.sweep_interval = Some(Duration::from_millis(20));
    for closes in [false, true] {
        let storage = server.open(&options).await.unwrap();
        if closes {
            storage.close().await.unwrap();
        }
        drop(storage);
    }
    // Whatever was under way is done by then.
    sleep(Duration::from_millis(300)).await;
    options.sweep_interval = None;
    let storage = server.open(&options).await.unwrap();
    storage.set("key", bytes("value"), Some(SOON)).await.unwrap();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(server.count(&options.table).await, 1);
    assert_eq!(storage.purge_expired().await.unwrap(), 1);
    server.drop_table(&options.table).await;
}

async fn purges_in_batches_reach_the_end(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("batches")));
    let storage = server.open(&options).await.unwrap();
    fill(&server, &options, 2_500, "1").await;
    assert_eq!(storage.purge_expired().await.unwrap(), 2_500);
    assert_eq!(server.count(&options.table).await, 0);
    server.drop_table(&options.table).await;
}

async fn a_reset_in_batches_reaches_the_end_and_no_neighbour(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("reset")));
    let storage = server.open(&options).await.unwrap();
    let neighbour = Options { namespace: Namespace::new("shop2").unwrap(), ..options.clone() };
    let neighbour = server.open(&neighbour).await.unwrap();
    let foreign = fresh("foreign");
    server.run(&format!("CREATE TABLE {foreign} (n int)")).await;
    server.run(&format!("INSERT INTO {foreign} VALUES (1)")).await;
    neighbour.set("theirs", bytes("value"), None).await.unwrap();
    fill(&server, &options, 2_500, "NULL").await;

    let done = Arc::new(AtomicBool::new(false));
    let writing: Vec<_> = [Arc::clone(&storage), Arc::clone(&neighbour)]
        .into_iter()
        .map(|storage| {
            let done = Arc::clone(&done);
            tokio::spawn(async move {
                let mut written = 0;
                while !done.load(Ordering::Relaxed) {
                    storage.set(&format!("key {written}"), bytes("value"), None).await.unwrap();
                    written += 1;
                }
                written
            })
        })
        .collect();
    for _ in 0..5 {
        storage.reset().await.unwrap();
    }
    done.store(true, Ordering::Relaxed);
    let mut written = Vec::new();
    for writing in writing {
        written.push(writing.await.unwrap());
    }
    storage.reset().await.unwrap();
    assert_eq!(server.count(&options.table).await, written[1] + 1);
    assert!(neighbour.get("theirs").await.unwrap().is_some());
    assert_eq!(server.number(&format!("SELECT count(*) FROM {foreign}")).await, 1);
    server.drop_table(&foreign).await;
    server.drop_table(&options.table).await;
}

/// Rows that the storage might have written, with an expiry.
async fn fill(server: &Server, options: &Options, rows: usize, expires_at: &str) {
    let table = server.quote(&options.table);
    let values: Vec<_> = (0..rows).map(|n| format!("('shop:row {n}', 'value', {expires_at})")).collect();
    server.run(&format!("INSERT INTO {table} (k, v, expires_at) VALUES {}", values.join(", "))).await;
}

async fn the_schema_of_the_namespace_is_not_a_key(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("record")));
    let storage = server.open(&options).await.unwrap();
    storage.reset().await.unwrap();
    storage.purge_expired().await.unwrap();
    assert!(storage.get(":schema").await.unwrap().is_none());
    assert!(storage.scan(None, std::num::NonZeroUsize::MAX).await.unwrap().entries.is_empty());
    let sql = format!("SELECT count(*) FROM {}", server.quote(&options.table));
    assert_eq!(server.number(&sql).await, 1);
    server.drop_table(&options.table).await;
}

service_tests! {
    Service::Postgres => [
        a_sweep_removes_what_is_expired_and_nothing_else,
        the_sweeper_ends_with_the_last_clone_or_the_close,
        purges_in_batches_reach_the_end,
        a_reset_in_batches_reaches_the_end_and_no_neighbour,
        the_schema_of_the_namespace_is_not_a_key,
    ],
    Service::Mariadb => [
        a_sweep_removes_what_is_expired_and_nothing_else,
        the_sweeper_ends_with_the_last_clone_or_the_close,
        purges_in_batches_reach_the_end,
        a_reset_in_batches_reaches_the_end_and_no_neighbour,
        the_schema_of_the_namespace_is_not_a_key,
    ],
    Service::Mysql => [
        a_sweep_removes_what_is_expired_and_nothing_else,
        the_sweeper_ends_with_the_last_clone_or_the_close,
        purges_in_batches_reach_the_end,
        a_reset_in_batches_reaches_the_end_and_no_neighbour,
        the_schema_of_the_namespace_is_not_a_key,
    ],
}
