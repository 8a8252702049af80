use std::{fmt, time::Duration};

use bytes::Bytes;

/// What [`Storage::get_and_touch`](crate::Storage::get_and_touch) should do to the TTL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touch {
    /// The TTL that an extended value gets.
    pub ttl: Duration,
    /// How much of `ttl` may have passed before the touch writes: without it every read would be a write.
    pub slack: Duration,
}

impl Touch {
    /// Extends to `ttl` if less than `ttl - slack` remains.
    #[must_use]
    pub const fn new(ttl: Duration, slack: Duration) -> Self {
        Self { ttl, slack }
    }

    /// The TTL below which a touch extends: `ttl - slack`.
    #[must_use]
    pub const fn threshold(&self) -> Duration {
        self.ttl.saturating_sub(self.slack)
    }
}

/// A value that was read and touched.
#[derive(Clone, PartialEq, Eq)]
pub struct Touched {
    /// The live value.
    pub value: Bytes,
    /// Whether the TTL was extended to [`Touch::ttl`].
    pub extended: bool,
    /// The TTL that remains after the touch; `None`: the value never expires.
    pub remaining: Option<Duration>,
}

impl fmt::Debug for Touched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Touched")
            .field("value", &format_args!("{} bytes", self.value.len()))
            .field("extended", &self.extended)
            .field("remaining", &self.remaining)
            .finish()
    }
}
