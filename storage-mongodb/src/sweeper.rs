//! What a storage does in the background, where its server lacks something.

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{task::JoinHandle, time::sleep};
use tracing::{debug, warn};

use crate::engine::{Dialect, Engine};

/// How often the copy of the server's clock is corrected.
const CORRECTION: Duration = Duration::from_secs(60);

/// Tasks that end with the storage.
#[derive(Default)]
pub(crate) struct Background(Mutex<Vec<JoinHandle<()>>>);

impl Background {
    /// Starts what the engine needs; `sweep_interval`: how often to sweep, zero for never.
    pub(crate) fn start(engine: &Arc<Engine>, sweep_interval: Duration) -> Self {
        let mut tasks = Vec::new();
        if matches!(engine.dialect, Dialect::Operators { .. }) {
            tasks.push(tokio::spawn(correct_the_clock(Arc::clone(engine))));
        }
        if !sweep_interval.is_zero() {
            tasks.push(tokio::spawn(sweep(Arc::clone(engine), sweep_interval)));
        }
        Self(Mutex::new(tasks))
    }

    pub(crate) fn stop(&self) {
        for task in self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
    }
}

async fn sweep(engine: Arc<Engine>, interval: Duration) {
    loop {
        sleep(jittered(interval)).await;
        match engine.purge_expired().await {
            Ok(removed) => debug!(removed, "mongodb: swept"),
            Err(fault) => warn!(kind = ?fault.kind(), "mongodb: the sweep failed, and is tried again later"),
        }
    }
}

async fn correct_the_clock(engine: Arc<Engine>) {
    let Dialect::Operators { clock, .. } = &engine.dialect else { return };
    loop {
        sleep(jittered(CORRECTION)).await;
        if let Err(fault) = clock.correct(&engine.database).await {
            warn!(kind = ?fault.kind(), "mongodb: the server was not asked for the time, and is asked again later");
        }
    }
}

/// Three to five quarters of it, so that nodes that were started together do not sweep together.
fn jittered(interval: Duration) -> Duration {
    let random = RandomState::new().build_hasher().finish() % 512;
    interval / 4 * 3 + interval / 1_024 * u32::try_from(random).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_spread_over_three_to_five_quarters() {
        let minute = Duration::from_secs(60);
        let drawn: Vec<_> = (0..200).map(|_| jittered(minute)).collect();
        assert!(drawn.iter().all(|drawn| (minute * 3 / 4..=minute * 5 / 4).contains(drawn)));
        assert!(drawn.iter().any(|one| drawn.iter().any(|other| one.abs_diff(*other) > minute / 8)));
    }
}
