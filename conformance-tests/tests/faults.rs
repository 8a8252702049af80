//! What a client sees of a server that is killed, restarted or paused under load: an error in time, and nothing of
//! it afterwards.

use std::{
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use cloakroom::{Backends, ErrorKind, Storage, StorageConfig};
use cloakroom_conformance::{Server, Service, ServiceTest, service_tests_main};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

const TASKS: usize = 8;

/// The limit of an operation.
const LIMIT: Duration = Duration::from_secs(1);
/// How much later than at its limit a task may be told, on a machine that has better things to do.
const GRACE: Duration = Duration::from_secs(2);
/// How long a client may take to find a server that is back.
const RECOVERY: Duration = Duration::from_secs(30);

fn main() -> ExitCode {
    service_tests_main(Service::ALL.into_iter().flat_map(|service| {
        [
            ServiceTest::with_server(service, "a_killed_server_costs_errors_in_time_and_no_data", killed),
            ServiceTest::with_server(service, "a_paused_server_costs_errors_in_time_and_no_data", paused),
        ]
    }))
}

async fn killed(server: Server) {
    let load = Load::begin(server.url()).await;
    load.every_task_has(&load.done, "written").await;
    server.kill().await.unwrap();
    load.every_task_has(&load.failed, "failed while the server was down").await;
    server.restart().await.unwrap();
    load.every_task_has(&load.done, "recovered").await;
    load.end().await;
}

async fn paused(server: Server) {
    let load = Load::begin(server.url()).await;
    load.every_task_has(&load.done, "written").await;
    server.pause().await.unwrap();
    load.every_task_has(&load.failed, "failed while the server was paused").await;
    server.resume().await.unwrap();
    load.every_task_has(&load.done, "recovered").await;
    load.end().await;
}

/// Tasks that write as fast as they can, each its own keys.
struct Load {
    storage: Arc<dyn Storage>,
    stop: Arc<AtomicBool>,
    /// How many operations each task has had done, and how many have failed.
    done: Counts,
    failed: Counts,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

type Counts = Arc<[AtomicUsize; TASKS]>;

impl Load {
    async fn begin(url: &str) -> Self {
        let config = StorageConfig::new(url).with_timeout(LIMIT).with_option("connect_timeout", "30s");
        let storage = Backends::new().open(&config).await.unwrap();
        let (done, failed, stop) = (Counts::default(), Counts::default(), Arc::<AtomicBool>::default());
        let tasks = (0..TASKS)
            .map(|task| {
                let (storage, stop) = (storage.clone(), stop.clone());
                let (done, failed) = (done.clone(), failed.clone());
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    for n in 0_u64.. {
                        if stop.load(Ordering::SeqCst) {
                            break;
                        }
                        let key = format!("{task}-{n}");
                        if write(&*storage, &key).await {
                            acknowledged.push(key);
                            done[task].fetch_add(1, Ordering::SeqCst);
                        } else {
                            failed[task].fetch_add(1, Ordering::SeqCst);
                        }
                        sleep(Duration::from_millis(5)).await;
                    }
                    acknowledged
                })
            })
            .collect();
        Self { storage, stop, done, failed, tasks }
    }

    /// Waits until each task has more of these than now.
    async fn every_task_has(&self, counts: &Counts, what: &str) {
        let count = || counts.iter().map(|count| count.load(Ordering::SeqCst)).collect::<Vec<_>>();
        let before = count();
        let all = async {
            while count().iter().zip(&before).any(|(now, before)| now < &(before + 3)) {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let waited = timeout(RECOVERY, all).await;
        assert!(
            waited.is_ok(),
            "not every task has {what} within {RECOVERY:?}: {before:?}, now {:?}",
            count()
        );
    }

    /// Stops the tasks and looks for everything that was acknowledged.
    async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        let (mut acknowledged, mut lost) = (0, 0);
        for task in self.tasks {
            for key in timeout(RECOVERY, task).await.expect("no task hangs").expect("no task panics") {
                acknowledged += 1;
                if self.storage.get(&key).await.unwrap().as_deref() != Some(key.as_bytes()) {
                    lost += 1;
                }
            }
        }
        assert_eq!(lost, 0, "of {acknowledged} acknowledged writes");
    }
}

/// Whether the write was acknowledged; where it was not, the error is of the right kind and comes in time.
async fn write(storage: &dyn Storage, key: &str) -> bool {
    let begin = Instant::now();
    let outcome = storage.set(key, key.to_owned().into(), None).await;
    let elapsed = begin.elapsed();
    assert!(elapsed < LIMIT + GRACE, "an answer after {elapsed:?}: {outcome:?}");
    let Err(error) = outcome else { return true };
    assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error}");
    assert!(error.is_retryable(), "{error}");
    false
}
