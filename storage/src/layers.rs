//! One file a layer; each is a storage that keeps the contract of what it wraps.

#[cfg(feature = "circuit-breaker")]
mod circuit_breaker;
mod counted;
#[cfg(feature = "encrypted")]
mod encrypted;
#[cfg(feature = "metered")]
mod metered;
mod prefixed;
mod retry;
mod timeout;
mod traced;

#[cfg(feature = "circuit-breaker")]
pub use circuit_breaker::{CircuitBreaker, CircuitBreakerStorage};
pub use counted::{Counted, CountedStorage, OperationCounts, count_operations};
#[cfg(feature = "encrypted")]
pub use encrypted::{Encrypted, EncryptedStorage, EncryptionKey, KeyRing};
#[cfg(feature = "metered")]
pub use metered::{Metered, MeteredStorage};
pub use prefixed::{Prefixed, PrefixedStorage};
pub use retry::{Retry, RetryStorage};
pub use timeout::{Timeout, TimeoutStorage};
pub use traced::{Traced, TracedStorage};
