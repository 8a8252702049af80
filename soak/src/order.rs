//! What the conductor and its workers say to each other, a line of JSON each.

use std::time::Duration;

use cloakroom::{Namespace, StorageConfig};
use serde::{Deserialize, Serialize};

use crate::{Failure, Options, Resources, report::Tally, report::Violation};

/// How many keys a task sets in a shared session, one after the other.
pub(crate) const WRITES_PER_TASK: usize = 4;

/// What a worker is told first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) process: usize,
    pub(crate) tasks: usize,
    storage: String,
    storage_options: Vec<(String, String)>,
    namespace: String,
    timeout: Duration,
}

impl Place {
    pub(crate) fn new(process: usize, options: &Options, namespace: &Namespace) -> Self {
        Self {
            process,
            tasks: options.tasks,
            storage: options.storage.clone(),
            storage_options: options.storage_options.clone(),
            namespace: namespace.as_str().to_owned(),
            timeout: options.timeout,
        }
    }

    pub(crate) fn config(&self) -> Result<StorageConfig, Failure> {
        let options = Options {
            storage_options: self.storage_options.clone(),
            timeout: self.timeout,
            ..Options::new(&self.storage)
        };
        Ok(options.config(Namespace::new(&self.namespace).map_err(|error| Failure::Storage(error.into()))?))
    }
}

/// What a worker is told then: the order of that number.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) number: u64,
    pub(crate) task: Task,
}

/// Sessions are named by their ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Task {
    /// Every task of every process sets keys of its own in this session, and counts.
    Write { session: String },
    /// Slow requests write to this session, while the process that is told to ends it.
    SignOut { session: String, ending: Option<Ending> },
    /// The sessions of this principal write and get new ids, and new ones sign in, while the process that is told to
    /// revokes them all.
    Revoke { principal: String, sessions: Vec<String>, revokes: bool },
    /// Nothing: the worker tells what it holds at rest.
    Rest,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Ending {
    /// By a request of the session.
    SignOut,
    /// By its id, as an administrator does.
    Delete,
}

/// What a worker tells when it has carried out the order of that number.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) number: u64,
    pub(crate) done: Done,
}

/// What does not belong to the order is empty.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) tally: Tally,
    pub(crate) violations: Vec<Violation>,
    /// The writes of this process, by their numbers, that were acknowledged.
    pub(crate) written: Vec<usize>,
    /// Increments of the counter that were acknowledged.
    pub(crate) counted: u64,
    /// Increments that may have been made.
    pub(crate) uncertain: u64,
    /// The ids that the session, or the principal's sessions, were given.
    pub(crate) ids: Vec<String>,
    /// The ids of new sign-ins.
    pub(crate) sign_ins: Vec<String>,
    /// The sign-out, deletion or revocation of this process was acknowledged.
    pub(crate) has_ended: bool,
    pub(crate) resources: Option<Resources>,
}

impl Done {
    /// The same order, as other tasks or processes have carried it out.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.tally.add(other.tally);
        self.violations.extend(other.violations);
        self.written.extend(other.written);
        self.counted += other.counted;
        self.uncertain += other.uncertain;
        self.ids.extend(other.ids);
        self.sign_ins.extend(other.sign_ins);
        self.has_ended |= other.has_ended;
        self.resources = self.resources.or(other.resources);
        self
    }
}

/// The key of a process's write.
pub(crate) fn key(process: usize, write: usize) -> String {
    format!("{process}-{write}")
}

/// The key, in the storage and not in a session, of the counter that a round increments.
pub(crate) fn counter(round: u64) -> String {
    const COUNTERS: u64 = 4;
    format!("counter-{}", round % COUNTERS)
}
