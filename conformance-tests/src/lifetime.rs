//! Judging a TTL from outside: what is certain whatever the load of the machine.

use std::time::Duration;

use cloakroom_storage::{Bytes, Storage, StorageError};
use tokio::time::{Instant, sleep, sleep_until};

use crate::case::{Verdict, ensure};

/// How much later than its TTL a value may be gone, for an engine that counts in milliseconds and whose clock
/// is another process's.
const GRANULARITY: Duration = Duration::from_millis(20);

const POLL: Duration = Duration::from_millis(5);

/// The moments just before and just after a write: its TTL began somewhere between them.
pub(crate) struct Lifetime {
    before: Instant,
    after: Instant,
    ttl: Duration,
}

impl Lifetime {
    /// Of the TTL that `write` gives.
    pub(crate) async fn of<T, E>(
        ttl: Duration,
        write: impl Future<Output = Result<T, E>>,
    ) -> Result<(Self, T), E> {
        let before = Instant::now();
        let written = write.await?;
        Ok((Self { before, after: Instant::now(), ttl }, written))
    }

    /// Reads until the value is gone. Broken if that is a moment too early, or if a read that began after the
    /// TTL still finds it.
    pub(crate) async fn watch(&self, storage: &dyn Storage, key: &str) -> Verdict {
        loop {
            let began = Instant::now();
            let found = storage.get(key).await?.is_some();
            if !found {
                let lived = self.before.elapsed();
                ensure!(lived >= self.ttl, "gone after {lived:?}, before its TTL of {:?}", self.ttl);
                return Ok(());
            }
            let over = self.after + self.ttl + GRANULARITY;
            ensure!(began < over, "still readable {:?} after a TTL of {:?}", began - self.after, self.ttl);
            sleep(POLL).await;
        }
    }

    /// Waits, without a read that might reap the value, until it is certainly expired.
    pub(crate) async fn pass(&self) {
        sleep_until(self.after + self.ttl + GRANULARITY).await;
    }

    /// Broken unless `remaining` is what may be left of the TTL now, at the end of the call that returned it.
    pub(crate) fn check_remaining(&self, remaining: Option<Duration>) -> Verdict {
        let Some(remaining) = remaining else {
            return Err(crate::case::Failure::new("a value with a TTL was said never to expire"));
        };
        let most = self.ttl + GRANULARITY;
        let least = self.ttl.saturating_sub(self.before.elapsed() + GRANULARITY);
        ensure!(
            (least..=most).contains(&remaining),
            "{remaining:?} was said to remain of a TTL of {:?}, not between {least:?} and {most:?}",
            self.ttl
        );
        Ok(())
    }
}

/// Stores a value and waits until it is certainly expired, but perhaps not reaped.
pub(crate) async fn set_expired(storage: &dyn Storage, key: &str, value: &'static str) -> Verdict {
    let ttl = Duration::from_millis(30);
    let (lifetime, ()) = Lifetime::of(ttl, storage.set(key, Bytes::from(value), Some(ttl))).await?;
    lifetime.pass().await;
    Ok(())
}

/// Broken unless the value stays readable well past a TTL that it should not have.
pub(crate) async fn check_outlives(storage: &dyn Storage, key: &str, ttl: Duration) -> Verdict {
    let end = Instant::now() + ttl + GRANULARITY;
    loop {
        let now = Instant::now();
        ensure!(storage.get(key).await?.is_some(), "the value is gone");
        if now >= end {
            return Ok(());
        }
        sleep(POLL).await;
    }
}

/// [`Lifetime::of`] for a `set`.
pub(crate) async fn set_for(
    storage: &dyn Storage,
    key: &str,
    value: &'static str,
    ttl: Duration,
) -> Result<Lifetime, StorageError> {
    Ok(Lifetime::of(ttl, storage.set(key, Bytes::from(value), Some(ttl))).await?.0)
}
