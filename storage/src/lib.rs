//! The storage contract of Cloakroom: expiring key-value state over bytes, on any engine.
//!
//! [`Storage`] is the trait that every backend implements, and its documentation is the contract that the
//! conformance suite (`cloakroom-conformance`) holds backends to. A backend writes four methods and
//! overrides the others where its engine can do better; [`Capabilities`] says which.
//!
//! Layers wrap any storage and are storages themselves:
//!
//! ```
//! use std::time::Duration;
//! use cloakroom_storage::{Prefixed, Storage, StorageExt, Timeout, Traced};
//!
//! fn hardened(storage: impl Storage) -> impl Storage {
//!     storage
//!         .layer(Timeout::new(Duration::from_millis(250)))
//!         .layer(Traced::new())
//!         .layer(Prefixed::new("shop").expect("a valid namespace"))
//! }
//! ```
//!
//! # A backend in twenty lines
//!
//! ```
//! use std::{collections::HashMap, sync::Mutex, time::{Duration, Instant}};
//! use cloakroom_storage::{async_trait, check_key, Bytes, Operation, Result, Storage, ttl};
//!
//! #[derive(Default)]
//! struct MapStorage(Mutex<HashMap<String, (Bytes, Option<Instant>)>>);
//!
//! #[async_trait]
//! impl Storage for MapStorage {
//!     async fn get(&self, key: &str) -> Result<Option<Bytes>> {
//!         check_key("map", Operation::Get, key)?;
//!         let map = self.0.lock().unwrap();
//!         let live = map.get(key).filter(|(_, deadline)| deadline.is_none_or(|at| Instant::now() < at));
//!         Ok(live.map(|(value, _)| value.clone()))
//!     }
//!
//!     async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
//!         check_key("map", Operation::Set, key)?;
//!         let deadline = ttl.map(|ttl| Instant::now() + ttl::clamp(ttl));
//!         self.0.lock().unwrap().insert(key.to_owned(), (value, deadline));
//!         Ok(())
//!     }
//!
//!     async fn delete(&self, key: &str) -> Result<()> {
//!         check_key("map", Operation::Delete, key)?;
//!         self.0.lock().unwrap().remove(key);
//!         Ok(())
//!     }
//!
//!     async fn reset(&self) -> Result<()> {
//!         self.0.lock().unwrap().clear();
//!         Ok(())
//!     }
//! }
//! ```

//! # Features
//!
//! - `circuit-breaker`: the layer `CircuitBreaker`.
//! - `encrypted`: the layer `Encrypted`.
//! - `metered`: the layer `Metered`.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod capabilities;
mod error;
mod ext;
mod forward;
mod key;
mod layers;
mod scan;
mod storage;
mod swap;
mod touch;
pub mod ttl;

pub use async_trait::async_trait;
pub use bytes::Bytes;

pub use capabilities::Capabilities;
pub use error::{ErrorKind, Operation, Result, StorageError};
pub use ext::{StorageExt, StorageLayer};
pub use key::{MAX_KEY_BYTES, MAX_NAMESPACE_BYTES, Namespace, check_key};
#[cfg(feature = "circuit-breaker")]
pub use layers::{CircuitBreaker, CircuitBreakerStorage};
pub use layers::{
    Counted, CountedStorage, OperationCounts, Prefixed, PrefixedStorage, Retry, RetryStorage, Timeout,
    TimeoutStorage, Traced, TracedStorage, count_operations,
};
#[cfg(feature = "encrypted")]
pub use layers::{Encrypted, EncryptedStorage, EncryptionKey, KeyRing};
#[cfg(feature = "metered")]
pub use layers::{Metered, MeteredStorage};
pub use scan::{Cursor, Entry, Page};
pub use storage::Storage;
pub use swap::Swap;
pub use touch::{Touch, Touched};
