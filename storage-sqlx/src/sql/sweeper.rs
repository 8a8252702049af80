use std::{
    fmt,
    hash::{BuildHasher, Hasher, RandomState},
    time::Duration,
};

use cloakroom_storage::Result;
use tokio::{task::JoinHandle, time::sleep};

/// How often expired rows are removed where nothing else is said.
pub(crate) const DEFAULT_INTERVAL: Duration = Duration::from_secs(60);

/// The task that removes expired rows now and then; it ends when this is stopped or dropped.
pub(crate) struct Sweeper {
    task: Option<JoinHandle<()>>,
}

impl Sweeper {
    /// Purges at about the interval; `None` and zero: never.
    pub(crate) fn start<P, F>(interval: Option<Duration>, backend: &'static str, purge: P) -> Self
    where
        P: Fn() -> F + Send + 'static,
        F: Future<Output = Result<u64>> + Send + 'static,
    {
        let interval = interval.filter(|interval| !interval.is_zero());
        let task = interval.map(|interval| tokio::spawn(sweep(interval, backend, purge)));
        Self { task }
    }

    pub(crate) fn stop(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweeper")
            .field("runs", &self.task.as_ref().is_some_and(|task| !task.is_finished()))
            .finish()
    }
}

async fn sweep<P, F>(interval: Duration, backend: &'static str, purge: P)
where
    P: Fn() -> F,
    F: Future<Output = Result<u64>>,
{
    loop {
        sleep(jittered(interval)).await;
        match purge().await {
            Ok(purged) => tracing::debug!(backend, purged, "expired rows are removed"),
            Err(error) => tracing::warn!(
                backend,
                %error,
                "expired rows could not be removed; they are not read, but take up space until the next try"
            ),
        }
    }
}

/// Between three and five quarters of the interval, so that nodes which start together do not sweep together.
fn jittered(interval: Duration) -> Duration {
    // Each state has keys of its own, which are random.
    let random = RandomState::new().build_hasher().finish() % 1_000;
    let thousandths = 750 + u32::try_from(random / 2).unwrap_or(0);
    interval / 1_000 * thousandths
}
