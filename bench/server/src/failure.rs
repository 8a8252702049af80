use std::{fmt::Display, io, process::ExitCode};

/// Why a server does not serve.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The program was not started as the benchmark does.
    #[error("a server is started as PROGRAM URL THREADS, by `cargo xtask bench`")]
    Order,
    /// The rival has no store for such a URL.
    #[error("there is no store for {0}: URLs")]
    NoStore(String),
    /// A socket or a pipe failed.
    #[error("{what}: {reason}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// How it failed.
        reason: io::Error,
    },
    /// The sessions could not be set up.
    #[error("{what}: {reason}")]
    SetUp {
        /// What was to be done.
        what: &'static str,
        /// How it failed.
        reason: String,
    },
}

impl Failure {
    /// For `map_err`: an input or output that failed.
    pub fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Io { what, reason }
    }

    /// For `map_err`: a set-up that failed. The errors of some rivals are no `Error`, but all can be shown.
    pub fn set_up<E: Display>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |reason| Self::SetUp { what, reason: reason.to_string() }
    }
}

/// How a server's program ends: what failed is said.
#[must_use]
pub fn ended(outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
