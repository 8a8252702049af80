//! One file a layer; each is a storage that keeps the contract of what it wraps.

mod counted;
#[cfg(feature = "encrypted")]
mod encrypted;
#[cfg(feature = "metered")]
mod metered;
mod prefixed;
mod retry;
mod timeout;
mod traced;

pub use counted::{Counted, CountedStorage, OperationCounts, count_operations};
#[cfg(feature = "encrypted")]
pub use encrypted::{Encrypted, EncryptedStorage, EncryptionKey, KeyRing};
#[cfg(feature = "metered")]
pub use metered::{Metered, MeteredStorage};
pub use prefixed::{Prefixed, PrefixedStorage};
pub use retry::{Retry, RetryStorage};
pub use timeout::{Timeout, TimeoutStorage};
pub use traced::{Traced, TracedStorage};
