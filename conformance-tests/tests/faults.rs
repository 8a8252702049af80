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

use cloakroom::{Backends, ErrorKind, Storage, StorageConfig, storage::Touch};
use cloakroom_conformance::{Server, Service, ServiceTest, service_tests_main};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

const TASKS: usize = 8;
const HOUR: Duration = Duration::from_secs(60 * 60);

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

/// Tasks that write and read as fast as they can, each its own keys.
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
                        let earlier = acknowledged.last().unwrap_or(&key);
                        let step = Step::ALL[usize::try_from(n % 4).unwrap()];
                        let is_done = step.take(&*storage, &key, earlier).await;
                        if is_done && step.writes() {
                            acknowledged.push(key);
                        }
                        let counts = if is_done { &done } else { &failed };
                        counts[task].fetch_add(1, Ordering::SeqCst);
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
            while count().iter().zip(&before).any(|(now, before)| now < &(before + 4)) {
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

/// What a task does in turn.
#[derive(Clone, Copy)]
enum Step {
    Set,
    Create,
    Get,
    Touch,
}

impl Step {
    const ALL: [Self; 4] = [Self::Set, Self::Get, Self::Create, Self::Touch];

    fn writes(self) -> bool {
        matches!(self, Self::Set | Self::Create)
    }

    /// Writes under a new key or reads an earlier one. Whether that was done; where it was not, the error is of the
    /// right kind and comes in time.
    async fn take(self, storage: &dyn Storage, key: &str, earlier: &str) -> bool {
        let begin = Instant::now();
        let value = || key.to_owned().into();
        let outcome = match self {
            Self::Set => storage.set(key, value(), None).await,
            // A client that sends it twice would lose the race against itself.
            Self::Create => storage
                .compare_and_swap(key, None, Some(value()), None)
                .await
                .map(|swap| assert!(swap.is_swapped(), "nobody else has this key: {swap:?}")),
            Self::Get => storage.get(earlier).await.map(drop),
            Self::Touch => storage.get_and_touch(earlier, Touch::new(HOUR, HOUR / 2)).await.map(drop),
        };
        let elapsed = begin.elapsed();
        assert!(elapsed < LIMIT + GRACE, "an answer after {elapsed:?}: {outcome:?}");
        let Err(error) = outcome else { return true };
        assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error}");
        assert!(error.is_retryable(), "{error}");
        false
    }
}
