//! What the conductor looks for, after each race and at the end.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use cloakroom::{Session, SessionError};
use tokio::time::sleep;

use crate::{
    Failure, Invariant, Resources,
    application::{ROUND, name, passes},
    conductor::{Conductor, progress},
    ledger::Values,
    order::counter,
    worker::count,
};

/// How long the storage may be away when something is to be checked.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// How many keys the neighbour has.
const NEIGHBOURS: usize = 50;

impl Conductor {
    /// The session of that id, if it is there and can be read.
    async fn find(&self, id: &str) -> Result<Option<Session>, Failure> {
        let found = patiently(async || match self.application.store.load_by_id(id).await {
            Ok(session) => Ok(Some(session)),
            Err(SessionError::NotFound) => Ok(None),
            Err(error) if passes(&error) => Err(error),
            Err(error) => {
                self.broken(Invariant::NoUnexpectedError, &name(&error));
                Ok(None)
            }
        });
        found.await
    }

    /// What comes after the sign-out may begin a session of its own, but has none of the old one's data.
    pub(crate) async fn check_ended(&self, round: u64, id: &str) -> Result<(), Failure> {
        if self.find(id).await?.is_some_and(|session| !matches!(session.get::<u64>(ROUND), Ok(None))) {
            self.broken(Invariant::NoResurrection, &format!("round {round}: the session is back"));
        }
        Ok(())
    }

    pub(crate) async fn check_revoked(&self, round: u64, id: &str) -> Result<(), Failure> {
        if self.find(id).await?.is_some_and(|session| session.principal().is_some()) {
            self.broken(Invariant::NobodyAfterRevocation, &format!("round {round}: somebody is signed in"));
        }
        Ok(())
    }

    pub(crate) fn check_leaks(&self, held: &[Vec<Option<Resources>>]) {
        for process in 0..self.processes {
            let held: Vec<_> = held.iter().filter_map(|held| held[process]).collect();
            let [_, warm, end] = held[..] else { continue };
            for leak in end.leaks_since(&warm) {
                self.broken(Invariant::NoLeak, &format!("process {process}: {leak}"));
            }
            self.report().resources.push(held);
        }
    }

    pub(crate) async fn check_ledger(&self) -> Result<(), Failure> {
        let ledger = std::mem::take(&mut *self.ledger());
        let to_check = ledger.shared.len() + ledger.ended.len() + ledger.revoked.len();
        let bar = progress(to_check).with_message("checking");
        for shared in &ledger.shared {
            let found = self.find(&shared.id).await?;
            let violations = shared.check(self.tasks, found.as_ref().map(values).as_ref());
            let mut report = self.report();
            report.shared_sessions += 1;
            report.writes += shared.acknowledged();
            report.violations.extend(violations);
            bar.inc(1);
        }
        for (key, counter) in &ledger.counters {
            let found = patiently(async || Ok(self.application.storage.get(key).await?)).await?;
            let violation = counter.check(key, found.as_deref().map_or(0, count));
            let mut report = self.report();
            report.increments += counter.acknowledged;
            report.violations.extend(violation);
        }
        for (round, id) in &ledger.ended {
            self.check_ended(*round, id).await?;
            bar.inc(1);
        }
        for (round, id) in &ledger.revoked {
            self.check_revoked(*round, id).await?;
            bar.inc(1);
        }
        Ok(())
    }

    /// Gives the neighbour keys as ours are called.
    pub(crate) async fn settle_neighbour(&self) -> Result<(), Failure> {
        for n in 0..NEIGHBOURS {
            patiently(async || {
                Ok(self.neighbour.set(&neighbour_key(n), neighbour_value(n).into(), None).await?)
            })
            .await?;
        }
        Ok(())
    }

    /// Leaves nothing of the soak behind, and nothing but the soak's gone.
    pub(crate) async fn check_reset(&self) -> Result<(), Failure> {
        patiently(async || self.application.store.reset().await).await?;
        if self.application.storage.capabilities().scan {
            let one = NonZeroUsize::MIN;
            let left = patiently(async || Ok(self.application.storage.scan(None, one).await?)).await?;
            if !left.entries.is_empty() {
                self.broken(Invariant::NoResurrection, "after the reset, something is left");
            }
        }
        for n in 0..NEIGHBOURS {
            let found = patiently(async || Ok(self.neighbour.get(&neighbour_key(n)).await?)).await?;
            if found.as_deref() != Some(neighbour_value(n).as_bytes()) {
                self.broken(Invariant::NoForeignKey, "a neighbour's key was changed");
            }
        }
        patiently(async || Ok(self.neighbour.reset().await?)).await
    }
}

fn values(session: &Session) -> Values {
    let keys = session.keys().into_iter();
    // What is no number is nobody's value.
    keys.map(|key| (key.clone(), session.get::<u64>(&key).ok().flatten().unwrap_or(u64::MAX))).collect()
}

fn neighbour_key(n: usize) -> String {
    match u64::try_from(n) {
        Ok(round @ 0..4) => counter(round),
        _ => format!("neighbour-{n}"),
    }
}

fn neighbour_value(n: usize) -> String {
    format!("the neighbour's {n}")
}

/// Tries again while the storage is away, but not for ever.
pub(crate) async fn patiently<T>(attempt: impl AsyncFn() -> Result<T, SessionError>) -> Result<T, Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match attempt().await {
            Err(error) if passes(&error) && Instant::now() < deadline => {
                sleep(Duration::from_millis(100)).await;
            }
            outcome => return outcome.map_err(Failure::Storage),
        }
    }
}
