//! Many callers at once.

use std::sync::Arc;

use tokio::{sync::Barrier, task::JoinSet};

use crate::case::{Failure, Verdict};

/// Starts `runners` tasks at the same moment, and returns what they return.
pub(crate) async fn race<R, T>(runners: usize, runner: impl Fn(usize) -> R) -> Verdict<Vec<T>>
where
    R: Future<Output = Verdict<T>> + Send + 'static,
    T: Send + 'static,
{
    let start = Arc::new(Barrier::new(runners));
    let mut running = JoinSet::new();
    for number in 0..runners {
        let (start, run) = (Arc::clone(&start), runner(number));
        running.spawn(async move {
            start.wait().await;
            run.await
        });
    }
    let mut returned = Vec::with_capacity(runners);
    while let Some(joined) = running.join_next().await {
        returned.push(joined.map_err(|error| Failure::new(format!("a task panicked: {error}")))??);
    }
    Ok(returned)
}
