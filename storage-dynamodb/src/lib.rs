//! Cloakroom's storage on DynamoDB: expiring key-value state in a table, of which others may have a part.
//!
//! ```no_run
//! use std::time::Duration;
//! use cloakroom_storage::{Bytes, Storage};
//! use cloakroom_storage_dynamodb::{DynamodbConfig, DynamodbStorage};
//!
//! # #[tokio::main]
//! # async fn main() -> Result<(), cloakroom_storage::StorageError> {
//! let config = DynamodbConfig::new("dynamodb:sessions?region=eu-west-1").with_namespace("shop".parse()?);
//! let storage = DynamodbStorage::connect(&config).await?;
//! storage.set("ticket", Bytes::from_static(b"coat"), Some(Duration::from_secs(60))).await?;
//! # Ok(())
//! # }
//! ```
//!
//! DynamoDB has no clock that a request could use, so expiry goes by the clock of the node that reads or writes:
//! keep the nodes' clocks together (NTP). A node whose clock is more than three seconds off warns when it connects.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod backoff;
mod client;
mod clock;
mod config;
mod date;
mod error;
mod item;
mod options;
mod refusal;
mod reset;
mod scan;
mod storage;
mod swap;
mod table;
mod touch;
mod url;

/// The SDK's crate, for a client of one's own: [`DynamodbStorage::with_client`].
pub use aws_sdk_dynamodb;

pub use config::DynamodbConfig;
pub use storage::DynamodbStorage;
