//! What the clients ask for, and what a right answer is.

use crate::contender::Contender;

/// One kind of request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Workload {
    /// A cookie; the handler reads one value.
    Read,
    /// A cookie; the handler changes one value.
    Write,
    /// A cookie; the handler leaves the session alone.
    Untouched,
    /// No cookie; the handler leaves the session alone.
    Anonymous,
    /// No cookie; the handler looks for a value, which is not there.
    AnonymousRead,
}

impl Workload {
    pub(crate) const ALL: [Self; 5] =
        [Self::Read, Self::Write, Self::Untouched, Self::Anonymous, Self::AnonymousRead];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Untouched => "cookie, untouched",
            Self::Anonymous => "anonymous",
            Self::AnonymousRead => "anonymous read",
        }
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Read => "/read",
            Self::Write => "/write",
            Self::Untouched | Self::Anonymous => "/plain",
            Self::AnonymousRead => "/peek",
        }
    }

    pub(crate) fn sends_cookie(self) -> bool {
        matches!(self, Self::Read | Self::Write | Self::Untouched)
    }

    /// The right answer to a client whose session's counter stands at `counter`; `None` where any number is,
    /// as the contender without sessions counts for all clients together.
    pub(crate) fn answer(self, contender: Contender, counter: u64) -> Option<u64> {
        match self {
            Self::Read => contender.has_sessions().then_some(counter),
            Self::Write => contender.has_sessions().then_some(counter + 1),
            Self::Untouched | Self::Anonymous | Self::AnonymousRead => Some(0),
        }
    }
}
