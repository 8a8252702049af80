use std::{
    iter,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cloakroom::{Backends, Namespace, Storage};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::sleep;

use crate::{
    Failure, Invariant, Options, Report, Resources, Violation,
    application::Application,
    check::{PATIENCE, patiently},
    crew::Crew,
    ledger::{Ledger, Shared},
    order::{Done, Ending, Place, Task, WRITES_PER_TASK},
    visitor::{Refusal, Visitor},
};

/// Rounds that are under way at once.
const AT_ONCE: usize = 4;
/// How many sessions a principal has when they are revoked, beside those that sign in meanwhile.
const SIGNED_IN: usize = 2;
/// The share of the soak that is the warm-up.
const WARM_UP: usize = 10;

/// Runs a soak: starts this program again as its workers, with the argument [`WORK`](crate::WORK), and tells them what
/// to do.
///
/// # Errors
/// [`Failure`] where the promises could not be checked. Where they were broken, the report says so.
pub async fn soak(options: &Options, backends: &Backends) -> Result<Report, Failure> {
    options.check()?;
    let (namespace, neighbours) = fresh_namespaces()?;
    let neighbour = backends.open(&options.config(neighbours)).await?;
    let storage = backends.open(&options.config(namespace.clone())).await?;
    let capabilities = storage.capabilities();
    if !capabilities.atomic_swap {
        return Err(Failure::NoAtomicSwap(capabilities.backend));
    }
    let places = (0..options.processes).map(|process| Place::new(process, options, &namespace));
    let conductor = Conductor {
        crew: Crew::start(places).await?,
        application: Application::new(storage)?,
        neighbour,
        processes: options.processes,
        tasks: options.tasks,
        numbers: AtomicU64::new(0),
        ledger: Mutex::default(),
        report: Mutex::new(Report {
            backend: capabilities.backend.to_owned(),
            processes: options.processes,
            ..Report::default()
        }),
    };
    conductor.conduct(options).await
}

/// What all tasks of all processes do together.
#[derive(Debug, Clone, Copy)]
enum Round {
    Write,
    SignOut,
    Revoke,
}

pub(crate) struct Conductor {
    crew: Crew,
    pub(crate) application: Application,
    pub(crate) neighbour: Arc<dyn Storage>,
    pub(crate) processes: usize,
    pub(crate) tasks: usize,
    numbers: AtomicU64,
    ledger: Mutex<Ledger>,
    report: Mutex<Report>,
}

impl Conductor {
    async fn conduct(self, options: &Options) -> Result<Report, Failure> {
        let begun = Instant::now();
        self.settle_neighbour().await?;
        let mut held = vec![self.at_rest().await?];
        let deck = deck(options);
        match options.seconds.map(Duration::from_secs) {
            None => {
                let (warm_up, rest) = deck.split_at(deck.len().div_ceil(WARM_UP));
                let bar = progress(deck.len());
                self.play(warm_up.iter().copied(), &bar).await?;
                held.push(self.at_rest().await?);
                self.play(rest.iter().copied(), &bar).await?;
            }
            Some(length) => {
                let bar = progress(0);
                let until = |end: Duration| {
                    let endless = iter::repeat_with(|| shuffled(deck.clone())).flatten();
                    endless.take_while(move |_| begun.elapsed() < end)
                };
                self.play(until(length / 10), &bar).await?;
                held.push(self.at_rest().await?);
                self.play(until(length), &bar).await?;
            }
        }
        held.push(self.at_rest().await?);
        self.report().seconds = begun.elapsed().as_secs_f64();
        self.check_leaks(&held);
        self.check_ledger().await?;
        self.check_reset().await?;
        Ok(self.report.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    async fn play(&self, rounds: impl Iterator<Item = Round>, bar: &ProgressBar) -> Result<(), Failure> {
        stream::iter(rounds)
            .map(async |round| {
                match round {
                    Round::Write => self.write().await?,
                    Round::SignOut => self.sign_out().await?,
                    Round::Revoke => self.revoke().await?,
                }
                bar.inc(1);
                Ok(())
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn write(&self) -> Result<(), Failure> {
        let (round, id) = self.begin().await?;
        let done = self.crew.all(round, |_| Task::Write { session: id.clone() }).await?;
        let written = done.iter().map(|done| done.written.clone()).collect();
        let all = self.record(done);
        let mut ledger = self.ledger();
        ledger.counted(round, all.counted, all.uncertain);
        ledger.shared.push(Shared { round, id, written });
        Ok(())
    }

    async fn sign_out(&self) -> Result<(), Failure> {
        let (round, id) = self.begin().await?;
        let ending = if fastrand::bool() { Ending::SignOut } else { Ending::Delete };
        let ends = fastrand::usize(0..self.processes);
        let task =
            |process| Task::SignOut { session: id.clone(), ending: (process == ends).then_some(ending) };
        let done = self.record(self.crew.all(round, task).await?);
        if !done.has_ended {
            self.report().undecided += 1;
            return Ok(());
        }
        self.report().sign_outs += 1;
        for id in iter::once(id).chain(done.ids) {
            self.check_ended(round, &id).await?;
            self.ledger().ended.push((round, id));
        }
        Ok(())
    }

    async fn revoke(&self) -> Result<(), Failure> {
        let round = self.next_number();
        let principal = format!("user-{round}");
        let mut sessions = Vec::new();
        for _ in 0..SIGNED_IN {
            sessions.push(self.given(&format!("/sign-in/{principal}")).await?);
        }
        let revokes = fastrand::usize(0..self.processes);
        let task = |process| Task::Revoke {
            principal: principal.clone(),
            sessions: sessions.clone(),
            revokes: process == revokes,
        };
        let done = self.record(self.crew.all(round, task).await?);
        if !done.has_ended {
            self.report().undecided += 1;
            return Ok(());
        }
        self.report().revocations += 1;
        let mut revoked = sessions;
        revoked.extend(done.ids);
        for id in &revoked {
            self.check_revoked(round, id).await?;
        }
        // A sign-in that came after the revocation stands, and the next one finds it.
        patiently(async || self.application.store.revoke(&principal, None).await).await?;
        for id in &done.sign_ins {
            self.check_revoked(round, id).await?;
        }
        revoked.extend(done.sign_ins);
        self.ledger().revoked.extend(revoked.into_iter().map(|id| (round, id)));
        Ok(())
    }

    /// A session of a new round, and its id.
    async fn begin(&self) -> Result<(u64, String), Failure> {
        let round = self.next_number();
        Ok((round, self.given(&format!("/begin/{round}")).await?))
    }

    /// The id that such a request is given.
    async fn given(&self, path: &str) -> Result<String, Failure> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut visitor = Visitor::default();
            match (visitor.get(&self.application, path).await, visitor.id()) {
                (Ok(_), Some(id)) => return Ok(id.to_owned()),
                (Err(Refusal { passes: true, .. }), _) if Instant::now() < deadline => {
                    sleep(Duration::from_millis(100)).await;
                }
                (Err(refusal), _) => return Err(Failure::NotBegun(refusal.what)),
                (Ok(_), None) => return Err(Failure::NotBegun("no cookie is set".to_owned())),
            }
        }
    }

    fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// What all processes have done together.
    fn record(&self, done: Vec<Done>) -> Done {
        let mut all = done.into_iter().fold(Done::default(), Done::and);
        let mut report = self.report();
        report.tally.add(std::mem::take(&mut all.tally));
        report.violations.append(&mut all.violations);
        all
    }

    async fn at_rest(&self) -> Result<Vec<Option<Resources>>, Failure> {
        let done = self.crew.all(self.next_number(), |_| Task::Rest).await?;
        Ok(done.into_iter().map(|done| done.resources).collect())
    }

    pub(crate) fn broken(&self, invariant: Invariant, what: &str) {
        self.report().violations.push(Violation::new(invariant, what));
    }

    pub(crate) fn report(&self) -> MutexGuard<'_, Report> {
        self.report.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The rounds, mixed.
fn deck(options: &Options) -> Vec<Round> {
    let a_round = options.processes * options.tasks * WRITES_PER_TASK;
    let rounds = [
        (Round::Write, options.writes.div_ceil(a_round)),
        (Round::SignOut, options.races),
        (Round::Revoke, options.revocations),
    ];
    shuffled(rounds.into_iter().flat_map(|(round, count)| iter::repeat_n(round, count)).collect())
}

fn shuffled(mut deck: Vec<Round>) -> Vec<Round> {
    fastrand::shuffle(&mut deck);
    deck
}

/// One that no other soak of the storage has, and one beside it.
fn fresh_namespaces() -> Result<(Namespace, Namespace), Failure> {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let name = format!("soak-{nanos:x}-{:x}", std::process::id());
    let namespace = |name: &str| Namespace::new(name).map_err(|error| Failure::Storage(error.into()));
    Ok((namespace(&name)?, namespace(&format!("{name}-neighbour"))?))
}

/// On the terminal, if there is one. Without a length, it counts only.
pub(crate) fn progress(length: usize) -> ProgressBar {
    let bar = match u64::try_from(length) {
        Ok(0) | Err(_) => ProgressBar::no_length(),
        Ok(length) => ProgressBar::new(length),
    };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {per_sec} {elapsed}");
    bar.with_style(style.expect("the template is well-formed")).with_message("soaking")
}
