//! A master dies or falls silent while tasks write: its replica takes over, and the storage finds it by itself.

mod support;

use std::{env, iter::repeat_n, process::ExitCode, time::Duration};

use cloakroom_conformance::{Server, Service, ServiceTest, service_tests_main};
use cloakroom_storage::Storage;
use support::{
    bytes, connect, fresh,
    load::Load,
    nodes::{Node, masters, replicas, signal, take_over, until, watched},
    works_again,
};

/// The tests of a service, each with servers of its own.
macro_rules! with_servers {
    ($service:expr => [$($test:ident),+ $(,)?]) => {
        [$(ServiceTest::with_server($service, stringify!($test), $test)),+]
    };
}

fn main() -> ExitCode {
    let cluster = with_servers! {
        Service::RedisCluster => [
            a_master_that_falls_silent_costs_errors_in_time_and_no_write_that_a_replica_had,
            a_planned_failover_of_every_master_loses_nothing,
        ]
    };
    let sentinels = with_servers! {
        Service::RedisSentinel => [
            a_master_that_dies_costs_errors_in_time_and_no_write_that_a_replica_had,
            a_master_that_falls_silent_costs_errors_in_time_and_no_write_that_a_replica_had,
            a_failover_by_order_costs_errors_in_time_and_no_write_that_a_replica_had,
            a_restart_of_all_after_a_failover_keeps_what_the_new_master_had,
        ]
    };
    let [under_load] = with_servers! {
        Service::RedisCluster => [
            a_master_that_dies_under_32_clients_costs_errors_in_time_and_no_write_that_a_replica_had,
        ]
    };
    service_tests_main(cluster.into_iter().chain(sentinels).chain(repeat_n(under_load, runs())))
}

/// How often the test runs whose losses are worth counting: the environment may say so, and is then shown them.
fn runs() -> usize {
    env::var(RUNS).map_or(1, |runs| runs.parse().unwrap())
}

const RUNS: &str = "CLOAKROOM_FAILOVERS";

/// Writes with and without a wait for a replica.
async fn loads(url: &str) -> (Load, Load) {
    let (plain, waiting) = (Load::begin(url, 0).await, Load::begin(url, 1).await);
    plain.is_steady().await;
    waiting.is_steady().await;
    (plain, waiting)
}

async fn end(url: &str, plain: Load, waiting: Load) {
    let (plain, waiting) = (plain.end(url).await, waiting.end(url).await);
    if env::var_os(RUNS).is_some() {
        println!("without a wait: {plain:?}; with: {waiting:?}");
    }
    assert_eq!(waiting.lost, 0, "of writes that a replica had: {waiting:?}");
    // Without a wait, what was acknowledged last may be lost.
    assert!(plain.lost < plain.acknowledged / 4, "{plain:?}");
}

/// The master that sentinels watch, or one of a cluster's.
async fn master(server: &Server) -> Node {
    if server.url().contains("sentinel") {
        return watched(server.url()).await;
    }
    masters(&Node::of(server.url())).await.remove(0)
}

async fn a_master_that_dies_costs_errors_in_time_and_no_write_that_a_replica_had(server: Server) {
    let (plain, waiting) = loads(server.url()).await;
    signal(&server, "KILL", master(&server).await.process().await).await;
    plain.has_failed().await;
    plain.is_steady().await;
    end(server.url(), plain, waiting).await;
}

async fn a_master_that_dies_under_32_clients_costs_errors_in_time_and_no_write_that_a_replica_had(
    server: Server,
) {
    let plain = Load::of_clients(16, server.url(), 0).await;
    let waiting = Load::of_clients(16, server.url(), 1).await;
    plain.is_steady().await;
    waiting.is_steady().await;
    signal(&server, "KILL", master(&server).await.process().await).await;
    plain.has_failed().await;
    plain.is_steady().await;
    end(server.url(), plain, waiting).await;
}

async fn a_master_that_falls_silent_costs_errors_in_time_and_no_write_that_a_replica_had(server: Server) {
    let (plain, waiting) = loads(server.url()).await;
    let master = master(&server).await;
    let process = master.process().await;
    signal(&server, "STOP", process).await;
    plain.has_failed().await;
    plain.is_steady().await;
    signal(&server, "CONT", process).await;
    until("a replica that was the master", async || !master.is_master().await).await;
    // Which is waited for, as it is the only one.
    waiting.is_steady().await;
    plain.is_steady().await;
    end(server.url(), plain, waiting).await;
}

async fn a_planned_failover_of_every_master_loses_nothing(server: Server) {
    let (plain, waiting) = loads(server.url()).await;
    for replica in replicas(server.url()).await {
        take_over(&replica).await;
    }
    waiting.is_steady().await;
    plain.is_steady().await;
    let (plain, waiting) = (plain.end(server.url()).await, waiting.end(server.url()).await);
    assert_eq!((plain.lost, waiting.lost), (0, 0));
}

async fn a_failover_by_order_costs_errors_in_time_and_no_write_that_a_replica_had(server: Server) {
    let (plain, waiting) = loads(server.url()).await;
    let master = master(&server).await;
    let _: () = Node::of(server.url())[0].ask(&["SENTINEL", "FAILOVER", "main"]).await;
    until("a replica that was the master", async || !master.is_master().await).await;
    waiting.is_steady().await;
    plain.is_steady().await;
    end(server.url(), plain, waiting).await;
}

async fn a_restart_of_all_after_a_failover_keeps_what_the_new_master_had(server: Server) {
    const PATIENCE: Duration = Duration::from_secs(60);
    let storage = connect(server.url(), &fresh()).await;
    let master = master(&server).await;
    let _: () = Node::of(server.url())[0].ask(&["SENTINEL", "FAILOVER", "main"]).await;
    until("a replica that was the master", async || !master.is_master().await).await;
    works_again(&storage, PATIENCE).await;
    for n in 0..100 {
        storage.set(&format!("key {n}"), bytes("value"), None).await.unwrap();
    }
    server.kill().await.unwrap();
    server.restart().await.unwrap();
    works_again(&storage, PATIENCE).await;
    for n in 0..100 {
        assert_eq!(storage.get(&format!("key {n}")).await.unwrap(), Some(bytes("value")));
    }
}
