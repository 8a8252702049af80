//! Cloakroom's embedded storage: expiring key-value state in the memory of this process.
//!
//! ```
//! use std::time::Duration;
//! use cloakroom_storage::{Bytes, Storage};
//! use cloakroom_storage_memory::{MemoryConfig, MemoryStorage};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), cloakroom_storage::StorageError> {
//! let storage = MemoryStorage::with_config(MemoryConfig::new().with_max_bytes(16 * 1024 * 1024));
//! storage.set("ticket", Bytes::from_static(b"coat"), Some(Duration::from_secs(60))).await?;
//! assert_eq!(storage.get("ticket").await?, Some(Bytes::from_static(b"coat")));
//! # Ok(())
//! # }
//! ```
//!
//! It needs no service and no background task. What it holds is gone with the process and is seen by no other
//! process: right for development, tests, and a single server whose users may log in again after a restart.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod config;
mod entry;
mod space;
mod storage;

pub use config::MemoryConfig;
pub use storage::MemoryStorage;
