//! Tasks that write and read all the time, while the server or the network suffers.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use cloakroom::{
    Backends, ErrorKind, Storage, StorageConfig,
    storage::{Bytes, Touch},
};
use cloakroom_conformance::fresh_namespace;
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

const TASKS: usize = 8;
const HOUR: Duration = Duration::from_secs(60 * 60);

/// The limit of an operation.
pub(crate) const LIMIT: Duration = Duration::from_secs(1);
/// That of one that must not fail, on a machine that has better things to do.
const LONG_LIMIT: Duration = Duration::from_secs(25);
/// How much later than at its limit a task may be told, on a machine that has better things to do.
const GRACE: Duration = Duration::from_secs(2);
/// How long a connection may take, and how long one goes unnoticed that is lost on the way.
const CONNECT_LIMIT: &str = "10s";
/// How long a client may take to find a server that is back: some such connections, one after the other.
const RECOVERY: Duration = Duration::from_secs(60);

/// Tasks that write and read as fast as they can, each its own keys, on one client.
pub(crate) struct Load {
    storage: Arc<dyn Storage>,
    stop: Arc<AtomicBool>,
    /// How many operations each task has had done, and how many have failed.
    pub(crate) done: Counts,
    pub(crate) failed: Counts,
    tasks: Vec<JoinHandle<Vec<String>>>,
}

pub(crate) type Counts = Arc<[AtomicUsize; TASKS]>;

impl Load {
    pub(crate) async fn begin(url: &str) -> Self {
        Self::new(url, LIMIT, None).await
    }

    /// Operations may take long, as they should not fail.
    pub(crate) async fn that_may_take_long(url: &str) -> Self {
        Self::new(url, LONG_LIMIT, None).await
    }

    /// Every second operation is given up after that time at most, as where a visitor goes away: its future is dropped.
    pub(crate) async fn that_gives_up(url: &str, within: Duration) -> Self {
        Self::new(url, LONG_LIMIT, Some(within)).await
    }

    async fn new(url: &str, limit: Duration, patience: Option<Duration>) -> Self {
        let config = StorageConfig::new(url)
            .with_namespace(fresh_namespace())
            .with_timeout(limit)
            .with_option("connect_timeout", CONNECT_LIMIT);
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
                        let step = Step::ALL[usize::try_from(n / 2 % 4).unwrap()];
                        if let Some(patience) = patience.filter(|_| n % 2 == 0) {
                            let within = patience.mul_f64(fraction(n));
                            // What it would have been told, nobody hears: not even the next operation.
                            let _ = timeout(within, step.take(&*storage, &key, earlier, limit)).await;
                            continue;
                        }
                        let is_done = step.take(&*storage, &key, earlier, limit).await;
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

    /// How many operations of all tasks have failed.
    pub(crate) fn failures(&self) -> usize {
        self.failed.iter().map(|count| count.load(Ordering::SeqCst)).sum()
    }

    /// Waits until each task has more of these than now.
    pub(crate) async fn every_task_has(&self, counts: &Counts, what: &str) {
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
    pub(crate) async fn end(self) {
        self.stop.store(true, Ordering::SeqCst);
        let (mut acknowledged, mut lost) = (0, 0);
        for task in self.tasks {
            for key in timeout(RECOVERY, task).await.expect("no task hangs").expect("no task panics") {
                acknowledged += 1;
                if found(&*self.storage, &key).await.as_deref() != Some(key.as_bytes()) {
                    lost += 1;
                }
            }
        }
        assert_eq!(lost, 0, "of {acknowledged} acknowledged writes");
    }
}

/// What is there, as soon as the last of what was lost on the way has been noticed.
async fn found(storage: &dyn Storage, key: &str) -> Option<Bytes> {
    let deadline = Instant::now() + RECOVERY;
    loop {
        match storage.get(key).await {
            Err(error) if error.is_retryable() && Instant::now() < deadline => {}
            outcome => return outcome.unwrap(),
        }
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

    /// Writes under a new key or reads an earlier one, whose value it must be: every key has its own, so that the
    /// answer to another operation is found out. Whether that was done; where it was not, the error is of the right kind and
    /// comes in time.
    async fn take(self, storage: &dyn Storage, key: &str, earlier: &str, limit: Duration) -> bool {
        let begin = Instant::now();
        let value = || key.to_owned().into();
        let is_its = |found: Option<&[u8]>| {
            assert!(
                earlier == key || found == Some(earlier.as_bytes()),
                "the answer is another operation's, or none"
            );
        };
        let outcome = match self {
            Self::Set => storage.set(key, value(), None).await,
            // A client that sends it twice would lose the race against itself.
            Self::Create => storage
                .compare_and_swap(key, None, Some(value()), None)
                .await
                .map(|swap| assert!(swap.is_swapped(), "nobody else has this key: {swap:?}")),
            Self::Get => storage.get(earlier).await.map(|found| is_its(found.as_deref())),
            Self::Touch => storage
                .get_and_touch(earlier, Touch::new(HOUR, HOUR / 2))
                .await
                .map(|found| is_its(found.as_ref().map(|touched| &*touched.value))),
        };
        let elapsed = begin.elapsed();
        assert!(elapsed < limit + GRACE, "an answer after {elapsed:?}: {outcome:?}");
        let Err(error) = outcome else { return true };
        assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error}");
        assert!(error.is_retryable(), "{error}");
        false
    }
}

/// Another part of one each time.
fn fraction(n: u64) -> f64 {
    f64::from(u8::try_from(n % 97).unwrap()) / 97.0
}
