//! Sessions and expiring key-value state for Rust web applications, on any storage backend.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod backends;
mod config;
mod connect;
mod error;
mod load;
mod location;

pub use backends::Backends;
pub use config::StorageConfig;
pub use connect::connect;
pub use error::ConnectError;

/// The storage contract, its errors and its layers: the whole of `cloakroom-storage`.
pub mod storage {
    pub use cloakroom_storage::*;
}

pub use cloakroom_storage::{ErrorKind, Namespace, Storage, StorageError, StorageExt};
