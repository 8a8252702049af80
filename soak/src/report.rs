use std::{collections::BTreeMap, fmt};

use comfy_table::{Table, presets};
use serde::{Deserialize, Serialize};

use crate::Resources;

/// What a soak checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Invariant {
    /// Every write that was acknowledged is there.
    NoLostUpdate,
    /// A session that was ended is gone, whatever raced its end.
    NoResurrection,
    /// Nobody is signed in after a revocation.
    NobodyAfterRevocation,
    /// A session holds its own keys only, and other namespaces are as they were.
    NoForeignKey,
    /// A process at rest holds what it held after the warm-up.
    NoLeak,
    /// Errors are those of a storage that is away or slow.
    NoUnexpectedError,
}

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// How.
    pub what: String,
}

impl Violation {
    pub(crate) fn new(invariant: Invariant, what: &str) -> Self {
        Self { invariant, what: what.to_owned() }
    }
}

/// What was done meanwhile.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tally {
    /// How many requests were sent.
    pub requests: u64,
    /// Slow requests that had read a session which was gone when they wrote to it: races that took place.
    pub overtaken: u64,
    /// Errors that may be, by their names.
    pub errors: BTreeMap<String, u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.overtaken += other.overtaken;
        for (name, count) in other.errors {
            *self.errors.entry(name).or_default() += count;
        }
    }
}

/// How a soak went.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The storage.
    pub backend: String,
    /// How many processes sent requests.
    pub processes: usize,
    /// For how long, in seconds.
    pub seconds: f64,
    /// What was done meanwhile.
    pub tally: Tally,
    /// Sessions that all tasks of all processes wrote to.
    pub shared_sessions: usize,
    /// Writes to them that were acknowledged, each of which was looked for.
    pub writes: usize,
    /// Increments of shared counters that were acknowledged.
    pub increments: u64,
    /// Sign-outs that raced slow requests and were acknowledged.
    pub sign_outs: u64,
    /// Revocations that raced requests, new ids and sign-ins.
    pub revocations: u64,
    /// Races whose sign-out or revocation failed, so that they show nothing.
    pub undecided: u64,
    /// What each process held at rest: before the first request, after the warm-up, at the end.
    pub resources: Vec<Vec<Resources>>,
    /// Every promise that was broken.
    pub violations: Vec<Violation>,
}

impl Report {
    /// Whether every promise was kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// How often this promise was broken.
    #[must_use]
    pub fn count(&self, invariant: Invariant) -> usize {
        self.violations.iter().filter(|violation| violation.invariant == invariant).count()
    }

    /// The report as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report is plain data")
    }

    fn invariants(&self) -> Table {
        let mut table = table(["promise", "checked", "broken"]);
        let ended =
            format!("{} sign-outs, which overtook {} slow requests", self.sign_outs, self.tally.overtaken);
        let writes = format!(
            "{} writes to {} sessions, {} increments",
            self.writes, self.shared_sessions, self.increments
        );
        let leaks = if self.resources.is_empty() { "not measured" } else { "each process at rest" };
        for (promise, checked, invariant) in [
            ("no lost update", writes, Invariant::NoLostUpdate),
            ("no resurrection", ended, Invariant::NoResurrection),
            (
                "nobody after a revocation",
                format!("{} revocations", self.revocations),
                Invariant::NobodyAfterRevocation,
            ),
            ("no foreign key", "each session, a neighbour".to_owned(), Invariant::NoForeignKey),
            ("no leak", leaks.to_owned(), Invariant::NoLeak),
            (
                "no unexpected error",
                format!("{} requests", self.tally.requests),
                Invariant::NoUnexpectedError,
            ),
        ] {
            table.add_row([promise.to_owned(), checked, self.count(invariant).to_string()]);
        }
        table
    }

    fn holdings(&self) -> Table {
        let mut table = table(["process", "at rest", "memory, KiB", "sockets", "files", "tasks"]);
        for (process, held) in self.resources.iter().enumerate() {
            for (when, held) in ["at first", "after the warm-up", "at the end"].into_iter().zip(held) {
                let Resources { memory, sockets, files, tasks } = held;
                let numbers = [memory, sockets, files, tasks].map(ToString::to_string);
                table.add_row([process.to_string(), when.to_owned()].into_iter().chain(numbers));
            }
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} processes on {}, {:.1} s\n", self.processes, self.backend, self.seconds)?;
        writeln!(f, "{}", self.invariants())?;
        if !self.resources.is_empty() {
            writeln!(f, "\n{}", self.holdings())?;
        }
        for (error, count) in &self.tally.errors {
            writeln!(f, "\n{count} requests failed: {error}")?;
        }
        if self.undecided > 0 {
            writeln!(f, "\n{} races show nothing, as their sign-out or revocation failed", self.undecided)?;
        }
        const SHOWN: usize = 20;
        for violation in self.violations.iter().take(SHOWN) {
            write!(f, "\n{:?}: {}", violation.invariant, violation.what)?;
        }
        match self.violations.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::ASCII_MARKDOWN).set_header(header);
    table
}
