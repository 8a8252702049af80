//! Tasks that write all the time, while the servers suffer.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use cloakroom_storage::{ErrorKind, Namespace, Result, Storage, Swap};
use cloakroom_storage_redis::{RedisConfig, RedisStorage};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{bytes, fresh};

const TASKS: usize = 8;

/// The time of a connection, and of an answer.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);
/// How long an operation may take in all, on a machine that has better things to do.
const IN_TIME: Duration = Duration::from_secs(4);
/// How long it may take until everything works again.
const RECOVERY: Duration = Duration::from_secs(60);

/// A storage with those limits, which waits for so many replicas.
pub(crate) async fn storage(url: &str, namespace: &Namespace, replicas: usize) -> RedisStorage {
    RedisStorage::connect(&config(url, namespace, replicas)).await.unwrap()
}

fn config(url: &str, namespace: &Namespace, replicas: usize) -> RedisConfig {
    RedisConfig::new(url)
        .with_namespace(namespace.clone())
        .with_connect_timeout(LIMIT)
        .with_response_timeout(LIMIT)
        .with_wait_replicas(replicas, LIMIT / 2)
}

/// Tasks that write as fast as they can, each its own keys.
pub(crate) struct Load {
    namespace: Namespace,
    stop: Arc<AtomicBool>,
    /// How many operations each task has had done, and how many have failed.
    done: Counts,
    failed: Counts,
    /// The last error of each task.
    said: Arc<[Mutex<String>]>,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

type Counts = Arc<[AtomicUsize]>;

/// What became of the writes.
#[derive(Debug)]
pub(crate) struct Tally {
    pub(crate) acknowledged: usize,
    pub(crate) lost: usize,
    pub(crate) failed: usize,
}

impl Load {
    /// On one client.
    pub(crate) async fn begin(url: &str, replicas: usize) -> Self {
        let namespace = fresh();
        let storage = storage(url, &namespace, replicas).await;
        Self::of(namespace, vec![storage; TASKS])
    }

    /// So many tasks, with a client each. Where many connect, one may be late.
    pub(crate) async fn of_clients(clients: usize, url: &str, replicas: usize) -> Self {
        let namespace = fresh();
        let (mut storages, deadline) = (Vec::new(), Instant::now() + RECOVERY);
        while storages.len() < clients {
            match RedisStorage::connect(&config(url, &namespace, replicas)).await {
                Err(error) => assert!(Instant::now() < deadline, "not every client connects: {error:?}"),
                Ok(storage) => storages.push(storage),
            }
        }
        Self::of(namespace, storages)
    }

    fn of(namespace: Namespace, storages: Vec<RedisStorage>) -> Self {
        let counts = || -> Counts { storages.iter().map(|_| AtomicUsize::new(0)).collect() };
        let (done, failed, stop) = (counts(), counts(), Arc::<AtomicBool>::default());
        let said: Arc<[Mutex<String>]> = storages.iter().map(|_| Mutex::default()).collect();
        let tasks = storages
            .into_iter()
            .enumerate()
            .map(|(task, storage)| {
                let stop = stop.clone();
                let (done, failed, said) = (done.clone(), failed.clone(), said.clone());
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    for n in 0_u64.. {
                        if stop.load(Ordering::SeqCst) {
                            break;
                        }
                        let key = format!("{task}-{n}");
                        match write(&storage, &key, n).await {
                            Ok(()) => {
                                acknowledged.push(key);
                                done[task].fetch_add(1, Ordering::SeqCst);
                            }
                            Err(error) => {
                                failed[task].fetch_add(1, Ordering::SeqCst);
                                *said[task].lock().unwrap() = error.to_string();
                            }
                        }
                        sleep(Duration::from_millis(2)).await;
                    }
                    acknowledged
                })
            })
            .collect();
        Self { namespace, stop, done, failed, said, tasks }
    }

    /// Waits until a write has failed since the beginning.
    pub(crate) async fn has_failed(&self) {
        let one = async {
            while sum(&self.failed) == 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(RECOVERY, one).await.expect("no write fails");
    }

    /// Waits until each task has had a hundred writes done while none of any task failed: of keys on every master.
    pub(crate) async fn is_steady(&self) {
        let deadline = Instant::now() + RECOVERY;
        loop {
            let (failed, begun) = (sum(&self.failed), each(&self.done));
            let steady = || each(&self.done).iter().zip(&begun).all(|(now, begun)| *now >= begun + 100);
            while !steady() && sum(&self.failed) == failed {
                let (failed, said) = (each(&self.failed), &self.said);
                assert!(
                    Instant::now() < deadline,
                    "it does not recover: {failed:?} failures, at last {said:?}"
                );
                sleep(Duration::from_millis(10)).await;
            }
            if sum(&self.failed) == failed {
                return;
            }
        }
    }

    /// Stops the tasks and looks for everything that was acknowledged, on a connection where no write waits.
    pub(crate) async fn end(self, url: &str) -> Tally {
        let storage = storage(url, &self.namespace, 0).await;
        self.stop.store(true, Ordering::SeqCst);
        let (mut acknowledged, mut lost) = (0, 0);
        for task in self.tasks {
            for key in timeout(RECOVERY, task).await.expect("no task hangs").expect("no task panics") {
                acknowledged += 1;
                if storage.get(&key).await.unwrap().as_deref() != Some(key.as_bytes()) {
                    lost += 1;
                }
            }
        }
        Tally { acknowledged, lost, failed: sum(&self.failed) }
    }
}

fn each(counts: &Counts) -> Vec<usize> {
    counts.iter().map(|count| count.load(Ordering::SeqCst)).collect()
}

fn sum(counts: &Counts) -> usize {
    each(counts).iter().sum()
}

/// A write, by turns a `set` and a swap; where it is not acknowledged, the error is of the right kind, and comes in time.
async fn write(storage: &RedisStorage, key: &str, n: u64) -> Result<()> {
    let begin = Instant::now();
    let outcome = if n.is_multiple_of(2) {
        storage.set(key, bytes(key), None).await
    } else {
        storage.compare_and_swap(key, None, Some(bytes(key)), None).await.map(|swap| {
            assert_eq!(swap, Swap::Swapped, "of a key that nobody has written");
        })
    };
    let elapsed = begin.elapsed();
    assert!(elapsed < IN_TIME, "an answer after {elapsed:?}: {outcome:?}");
    if let Err(error) = &outcome {
        assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error}");
    }
    outcome
}
