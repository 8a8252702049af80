use std::fmt;

use bytes::Bytes;

/// How a [`Storage::compare_and_swap`](crate::Storage::compare_and_swap) ended.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a swap that lost the race has changed nothing"]
pub enum Swap {
    /// The live value was the expected one, and has been replaced or deleted.
    Swapped,
    /// It was another, and nothing has changed.
    Conflict {
        /// The live value now, for the next try; `None`: there is none.
        current: Option<Bytes>,
    },
}

impl Swap {
    /// Whether the swap took place.
    #[must_use]
    pub const fn is_swapped(&self) -> bool {
        matches!(self, Self::Swapped)
    }
}

impl fmt::Debug for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swapped => f.write_str("Swapped"),
            Self::Conflict { current } => {
                f.debug_struct("Conflict").field("current_bytes", &current.as_ref().map(Bytes::len)).finish()
            }
        }
    }
}
