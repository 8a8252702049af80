//! Cloakroom's storage backend on Redis and Valkey: single server, Sentinel, Cluster.
//!
//! ```no_run
//! use std::time::Duration;
//! use cloakroom_storage::{Bytes, Storage};
//! use cloakroom_storage_redis::{RedisConfig, RedisStorage};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), cloakroom_storage::StorageError> {
//! let config = RedisConfig::new("redis://:secret@10.0.0.1:6379").with_namespace("shop".parse()?);
//! let storage = RedisStorage::connect(&config).await?;
//! storage.set("ticket", Bytes::from_static(b"coat"), Some(Duration::from_secs(60))).await?;
//! assert_eq!(storage.get("ticket").await?, Some(Bytes::from_static(b"coat")));
//! # Ok(())
//! # }
//! ```
//!
//! [`RedisConfig`] lists the URLs, [`RedisStorage`] says what it promises. It needs Redis 6.2 or newer, or Valkey.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod asking;
mod call;
mod cluster;
mod command;
mod config;
mod connection;
mod dial;
mod fault;
mod line;
mod script;
mod sentinel;
mod server;
mod storage;
mod testimony;
mod tries;
mod url;
mod walk;
mod whole;

pub use config::RedisConfig;
pub use connection::RedisConnection;
pub use redis;
pub use storage::RedisStorage;
