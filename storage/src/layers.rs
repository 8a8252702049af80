//! One file a layer; each is a storage that keeps the contract of what it wraps.

mod counted;
mod prefixed;
mod timeout;
mod traced;

pub use counted::{Counted, CountedStorage, OperationCounts, count_operations};
pub use prefixed::{Prefixed, PrefixedStorage};
pub use timeout::{Timeout, TimeoutStorage};
pub use traced::{Traced, TracedStorage};
