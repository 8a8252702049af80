use std::io;

use cloakroom::{ConfigError, ConnectError, SessionError};

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// An option is missing, or makes no sense.
    #[error("{0} is missing or out of range")]
    Option(&'static str),
    /// Each process has a storage of its own.
    #[error(
        "`memory:` is each process's own; name a storage that processes share, such as `sqlite:/tmp/soak.db`"
    )]
    NotShared,
    /// The storage has no atomic swap.
    #[error("{0} does not claim `atomic_swap` here, so that writes are lost by design")]
    NoAtomicSwap(&'static str),
    /// The storage does not open.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The sessions are not configured well.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A session that was to be raced for could not be begun.
    #[error("no session can be begun: {0}")]
    NotBegun(String),
    /// What was to be checked could not be read, or the soak not be set up.
    #[error("the storage was away for too long, or failed: {0}")]
    Storage(#[source] SessionError),
    /// A process or a file failed.
    #[error("cannot {what}: {reason}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// How it failed.
        reason: io::Error,
    },
    /// A process says something that no worker says.
    #[error("a worker and its conductor do not understand each other: {0}")]
    Garbled(#[from] serde_json::Error),
    /// A process has ended before its time.
    #[error("a worker has ended too early; it may have said why")]
    WorkerEnded,
}

impl Failure {
    /// For `map_err`: an input or output that failed.
    pub fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Io { what, reason }
    }
}
