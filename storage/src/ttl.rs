//! The one conversion of TTLs for every backend: milliseconds, rounded up, saturating.

use std::time::Duration;

/// The longest TTL that is told apart from never: 1,000 years. Longer ones mean the same as this one.
///
/// Every engine can add it to its clock: epoch milliseconds stay far below 2^53, SQL dates below year 9999.
pub const MAX: Duration = Duration::from_millis(MAX_MILLIS);

const MAX_MILLIS: u64 = 1_000 * 365 * 24 * 60 * 60 * 1_000;

/// `ttl`, or [`MAX`] if it is longer.
#[must_use]
pub const fn clamp(ttl: Duration) -> Duration {
    if ttl.as_millis() > MAX_MILLIS as u128 { MAX } else { ttl }
}

/// Whole milliseconds, rounded up (a value is never gone early, and only zero is zero), at most [`MAX`].
///
/// ```
/// use std::time::Duration;
/// use cloakroom_storage::ttl;
///
/// assert_eq!(ttl::to_millis(Duration::from_nanos(1)), 1);
/// assert_eq!(ttl::to_millis(Duration::ZERO), 0);
/// assert_eq!(ttl::to_millis(Duration::MAX), ttl::to_millis(ttl::MAX));
/// ```
#[must_use]
pub fn to_millis(ttl: Duration) -> u64 {
    let millis = ttl.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).map_or(MAX_MILLIS, |millis| millis.min(MAX_MILLIS))
}

/// [`to_millis`] for engines whose integers are signed.
#[must_use]
pub fn to_millis_i64(ttl: Duration) -> i64 {
    i64::try_from(to_millis(ttl)).unwrap_or(i64::MAX)
}

/// Whole seconds, rounded up, at most [`MAX`]: for an engine's own reaper, never for liveness.
#[must_use]
pub fn to_secs(ttl: Duration) -> u64 {
    to_millis(ttl).div_ceil(1_000)
}
