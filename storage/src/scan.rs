use std::{fmt, time::Duration};

use bytes::Bytes;

/// Where a scan goes on: opaque, made by one storage and understood by it alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor of a backend's own making.
    #[must_use]
    pub fn new(position: impl Into<String>) -> Self {
        Self(position.into())
    }

    /// What the backend put into it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A position may be a key.
        f.write_str("Cursor(..)")
    }
}

/// One live key of a scan.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, as the caller of this storage spells it: without namespace or prefix.
    pub key: String,
    /// The value.
    pub value: Bytes,
    /// The TTL that remains; `None`: never expires.
    pub ttl: Option<Duration>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &format_args!("{} bytes", self.key.len()))
            .field("value", &format_args!("{} bytes", self.value.len()))
            .field("ttl", &self.ttl)
            .finish()
    }
}

/// A page of a scan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Live keys, in no order that the contract promises. A page may be empty though more follow.
    pub entries: Vec<Entry>,
    /// Where the next page begins; `None`: this was the last.
    pub next: Option<Cursor>,
}
