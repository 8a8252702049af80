use std::io;

use cloakroom_conformance::Unavailable;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// An option makes no sense.
    #[error("{0} is out of range")]
    Option(&'static str),
    /// A server, a connection or a file failed.
    #[error("{what}: {reason}")]
    Io { what: &'static str, reason: io::Error },
    /// A contender did not do what it was asked for, so that its speed means nothing.
    #[error("{contender} is wrong: {what}")]
    Wrong { contender: String, what: String },
    /// A server that a backend needs is not there.
    #[error("{0}")]
    Missing(Unavailable),
    /// A rival's server lies not beside this program.
    #[error("the server of {0} is not there; `cargo xtask bench` builds it")]
    NotBuilt(&'static str),
    /// A contender's server does not serve.
    #[error(transparent)]
    Server(#[from] cloakroom_bench_server::Failure),
    /// A contender could not be set up.
    #[error("{what}: {reason}")]
    SetUp { what: &'static str, reason: String },
}

impl Failure {
    /// For `map_err`: an input or output that failed.
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Io { what, reason }
    }

    /// For `map_err`: a set-up that failed.
    pub(crate) fn set_up<E: std::error::Error>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |reason| Self::SetUp { what, reason: reason.to_string() }
    }
}
