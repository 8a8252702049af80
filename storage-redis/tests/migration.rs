//! Slots move from one master of a cluster to another while tasks read and write.

mod support;

use std::{
    num::NonZeroUsize,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cloakroom_conformance::{Server, Service, ServiceTest, service_tests_main};
use cloakroom_storage::{Namespace, Storage, Swap, Touch};
use cloakroom_storage_redis::{RedisStorage, redis::cluster_routing::Slot};
use support::{
    bytes, fresh,
    load::storage,
    nodes::{Node, masters, until},
};

use tokio::{task::JoinHandle, time::sleep};

fn main() -> ExitCode {
    service_tests_main([
        ServiceTest::with_server(
            Service::RedisCluster,
            "a_slot_that_moves_costs_no_error_and_no_write",
            a_slot_that_moves_costs_no_error_and_no_write,
        ),
        ServiceTest::with_server(
            Service::RedisCluster,
            "a_scan_and_a_reset_reach_the_keys_of_a_slot_that_is_half_moved",
            a_scan_and_a_reset_reach_the_keys_of_a_slot_that_is_half_moved,
        ),
        ServiceTest::with_server(
            Service::RedisCluster,
            "a_slot_that_moves_to_a_node_that_had_none_costs_no_error_and_no_write",
            a_slot_that_moves_to_a_node_that_had_none_costs_no_error_and_no_write,
        ),
    ])
}

/// A slot on its way from one master to another.
struct Move {
    slot: String,
    from: Node,
    to: Node,
}

impl Move {
    /// Every node knows that the keys may be at either, from here on.
    async fn begin(slot: &str, from: Node, to: Node) -> Self {
        let (old, new) = (from.id().await, to.id().await);
        let _: () = to.ask(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &old]).await;
        let _: () = from.ask(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &new]).await;
        Self { slot: slot.to_owned(), from, to }
    }

    /// Moves some keys that are there still; says whether there were any.
    async fn some(&self) -> bool {
        let keys: Vec<String> = self.from.ask(&["CLUSTER", "GETKEYSINSLOT", &self.slot, "5"]).await;
        let (name, port) = self.to.name_and_port();
        let mut words = vec!["MIGRATE", name, port, "", "0", "5000", "KEYS"];
        words.extend(keys.iter().map(String::as_str));
        if keys.is_empty() {
            return false;
        }
        let _: String = self.from.ask(&words).await;
        true
    }

    /// Moves what is left, and the slot.
    async fn end(self) -> (Node, Node) {
        while self.some().await {
            // For operations to meet every state.
            sleep(Duration::from_millis(3)).await;
        }
        let id = self.to.id().await;
        for node in [&self.to, &self.from] {
            let _: () = node.ask(&["CLUSTER", "SETSLOT", &self.slot, "NODE", &id]).await;
        }
        (self.to, self.from)
    }
}

/// A namespace and the slot of its keys that begin with `{coat}`.
fn slot_of(namespace: &Namespace) -> String {
    let slot = Slot::for_key(format!("{}{{coat}}", namespace.prefix()));
    (0..16_384_u16).find(|number| Slot::new(*number) == Some(slot)).unwrap().to_string()
}

/// The master that has the slot, and another.
async fn two_masters(server: &Server, slot: &str) -> (Node, Node) {
    let mut masters = masters(&Node::of(server.url())).await;
    for index in 0..masters.len() {
        let slots: String = masters[index].ask(&["CLUSTER", "NODES"]).await;
        let own = slots.lines().find(|line| line.contains("myself")).unwrap().to_owned();
        let slot: u16 = slot.parse().unwrap();
        let has = own.split(' ').skip(8).any(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            (first.parse().unwrap()..=last.parse::<u16>().unwrap()).contains(&slot)
        });
        if has {
            return (masters.remove(index), masters.remove(0));
        }
    }
    panic!("no master has slot {slot}");
}

/// Counts up by swaps, writes and deletes what was not there, and reads, all of one slot; fails with the first error.
/// Returns how far it has counted.
async fn count_up(storage: RedisStorage, task: usize, stop: Arc<AtomicBool>) -> u64 {
    let counter = format!("{{coat}}counter {task}");
    storage.set(&counter, bytes("0"), None).await.unwrap();
    let touch = Touch::new(Duration::from_secs(600), Duration::ZERO);
    for n in 0_u64.. {
        if stop.load(Ordering::SeqCst) {
            return n;
        }
        let (old, new) = (n.to_string(), (n + 1).to_string());
        let swapped = storage.compare_and_swap(&counter, Some(old.as_bytes()), Some(bytes(&new)), None).await;
        assert_eq!(swapped.unwrap(), Swap::Swapped);
        assert_eq!(storage.get(&counter).await.unwrap(), Some(bytes(&new)));
        assert_eq!(storage.get_and_touch(&counter, touch).await.unwrap().unwrap().value, bytes(&new));

        let short = format!("{{coat}}short {task}");
        let created = storage.compare_and_swap(&short, None, Some(bytes(&new)), None).await;
        assert_eq!(created.unwrap(), Swap::Swapped);
        let removed = storage.compare_and_swap(&short, Some(new.as_bytes()), None, None).await;
        assert_eq!(removed.unwrap(), Swap::Swapped);
        storage.delete(&short).await.unwrap();
        assert_eq!(storage.get(&short).await.unwrap(), None);
    }
    unreachable!()
}

/// Tasks that count up, half of them waiting for so many replicas, among keys that are only there.
struct Counting {
    storage: RedisStorage,
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<u64>>,
}

impl Counting {
    async fn begin(url: &str, namespace: &Namespace, replicas: usize) -> Self {
        let storages = [storage(url, namespace, 0).await, storage(url, namespace, replicas).await];
        let stop = Arc::<AtomicBool>::default();
        for n in 0..100 {
            storages[0].set(&format!("{{coat}}{n}"), bytes("value"), None).await.unwrap();
        }
        let task = |task: usize| tokio::spawn(count_up(storages[task % 2].clone(), task, Arc::clone(&stop)));
        let tasks = (0..8).map(task).collect();
        let [storage, _] = storages;
        Self { storage, stop, tasks }
    }

    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        for (index, task) in self.tasks.into_iter().enumerate() {
            let counted = task.await.unwrap();
            let value = self.storage.get(&format!("{{coat}}counter {index}")).await.unwrap();
            assert_eq!(value, Some(bytes(&counted.to_string())), "task {index}");
            assert!(counted > 10, "task {index} has hardly run: {counted}");
        }
        for n in 0..100 {
            let value = self.storage.get(&format!("{{coat}}{n}")).await.unwrap();
            assert_eq!(value, Some(bytes("value")), "key {n}");
        }
    }
}

async fn a_slot_that_moves_costs_no_error_and_no_write(server: Server) {
    let namespace = fresh();
    let slot = slot_of(&namespace);
    let counting = Counting::begin(server.url(), &namespace, 1).await;
    let (mut from, mut to) = two_masters(&server, &slot).await;
    for _ in 0..4 {
        (from, to) = Move::begin(&slot, from, to).await.end().await;
    }
    counting.end().await;
}

async fn a_scan_and_a_reset_reach_the_keys_of_a_slot_that_is_half_moved(server: Server) {
    let namespace = fresh();
    let slot = slot_of(&namespace);
    let (from, to) = two_masters(&server, &slot).await;
    for replicas in [0, 1] {
        let storage = storage(server.url(), &namespace, replicas).await;
        for n in 0..20 {
            storage.set(&format!("{{coat}}{n}"), bytes("value"), None).await.unwrap();
            storage.set(&format!("elsewhere {n}"), bytes("value"), None).await.unwrap();
        }
        let moving = Move::begin(&slot, from.clone(), to.clone()).await;
        moving.some().await;
        moving.some().await;
        let page = storage.scan(None, NonZeroUsize::MAX).await.unwrap();
        let mut keys: Vec<_> = page.entries.into_iter().map(|entry| entry.key).collect();
        let mut after = page.next;
        while let Some(cursor) = after {
            let page = storage.scan(Some(cursor), NonZeroUsize::MAX).await.unwrap();
            keys.extend(page.entries.into_iter().map(|entry| entry.key));
            after = page.next;
        }
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 40, "{keys:?}");
        storage.reset().await.unwrap();
        for n in 0..20 {
            assert_eq!(storage.get(&format!("{{coat}}{n}")).await.unwrap(), None);
            assert_eq!(storage.get(&format!("elsewhere {n}")).await.unwrap(), None);
        }
        Move { slot: slot.clone(), from: to.clone(), to: from.clone() }.end().await;
    }
}

/// Nothing has told the driver of the node when the first keys are there.
async fn a_slot_that_moves_to_a_node_that_had_none_costs_no_error_and_no_write(server: Server) {
    let nodes = Node::of(server.url());
    let namespace = fresh();
    let slot = slot_of(&namespace);
    let (from, _) = two_masters(&server, &slot).await;
    // A replica of another master than the slot's, whose writes may wait for a replica.
    let mut new = None;
    for node in &nodes {
        if !node.is_master().await && support::nodes::master_of(node).await != from {
            new = Some(node.clone());
        }
    }
    let new = new.unwrap();
    let _: () = new.ask(&["CLUSTER", "RESET", "SOFT"]).await;
    let (name, port) = new.name_and_port();
    let _: () = from.ask(&["CLUSTER", "MEET", name, port]).await;
    let id = new.id().await;
    until("a master without slots that all know", async || {
        for node in &nodes {
            let known: String = node.ask(&["CLUSTER", "NODES"]).await;
            let known = known.lines().any(|line| line.starts_with(&id) && line.contains("master"));
            if !known || node.info("cluster_enabled").await != "1" {
                return false;
            }
        }
        let state: String = new.ask(&["CLUSTER", "INFO"]).await;
        state.contains("cluster_state:ok")
    })
    .await;

    let counting = Counting::begin(server.url(), &namespace, 0).await;
    let moving = Move::begin(&slot, from, new).await;
    for _ in 0..5 {
        moving.some().await;
        sleep(Duration::from_millis(100)).await;
    }
    moving.end().await;
    counting.end().await;
}
