//! The node's clock: the expressions of DynamoDB have none of their own.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloakroom_storage::ttl;

/// A moment, in time since 1970.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now(Duration);

impl Now {
    pub(crate) fn read() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// Whole milliseconds, rounded down. A value is live while this is less than its expiry.
    pub(crate) fn millis(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    /// The expiry, in milliseconds, of what is given `ttl` now: rounded up, so that it is never early.
    pub(crate) fn expiry(self, ttl: Duration) -> u64 {
        let expiry = (self.0 + ttl::clamp(ttl)).as_nanos().div_ceil(1_000_000);
        u64::try_from(expiry).unwrap_or(u64::MAX)
    }

    /// What is left until an expiry.
    pub(crate) fn until(self, expires_at: u64) -> Duration {
        Duration::from_millis(expires_at).saturating_sub(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expiry_is_never_early_and_at_most_a_millisecond_late() {
        let now = Now(Duration::from_nanos(5_000_001));
        assert_eq!(now.millis(), 5);
        assert_eq!(now.expiry(Duration::from_millis(1)), 7);
        assert_eq!(now.expiry(Duration::from_nanos(999_999)), 6);
        assert_eq!(now.expiry(Duration::MAX), ttl::to_millis(Duration::MAX) + 6);
        assert_eq!(now.until(7), Duration::from_nanos(1_999_999));
        assert_eq!(now.until(5), Duration::ZERO);
    }
}
