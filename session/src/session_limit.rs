use std::num::NonZeroUsize;

/// What happens when somebody signs in who has as many sessions as are allowed:
/// [`SessionConfig::max_sessions`](crate::SessionConfig::max_sessions).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Excess {
    /// The save of the new session fails with
    /// [`SessionError::TooManySessions`](crate::SessionError::TooManySessions).
    RefuseNew,
    /// The sessions that signed in longest ago are deleted.
    EvictOldest,
}

/// How many sessions a principal may have at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SessionLimit {
    pub(crate) most: NonZeroUsize,
    pub(crate) excess: Excess,
}
