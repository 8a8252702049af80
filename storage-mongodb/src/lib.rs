//! Cloakroom's storage backend on MongoDB and what speaks its wire protocol.
//!
//! ```no_run
//! use std::time::Duration;
//! use cloakroom_storage::{Bytes, Storage};
//! use cloakroom_storage_mongodb::{MongodbConfig, MongodbStorage};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), cloakroom_storage::StorageError> {
//! let config = MongodbConfig::new("mongodb://db.internal/shop").with_namespace("sessions".parse()?);
//! let storage = MongodbStorage::connect(&config).await?;
//! storage.set("ticket", Bytes::from_static(b"coat"), Some(Duration::from_secs(60))).await?;
//! assert_eq!(storage.get("ticket").await?, Some(Bytes::from_static(b"coat")));
//! # Ok(())
//! # }
//! ```
//!
//! # One document a key
//!
//! `{ _id: "namespace:key", value: <binary>, expires: <date> }`; a value that never expires has no `expires`.
//! Many namespaces share a collection: each is a range of `_id`.
//!
//! # One command an operation
//!
//! Every operation is one command on one document, found by its `_id`: one round trip, atomic, and the same on a
//! sharded cluster. Two cases take a second round trip: a swap to nothing that is refused reads the current value,
//! and the creation of one key by two clients at once may have to be tried again.
//!
//! # What the server is asked at first
//!
//! [`MongodbStorage::connect`] tries the commands that it is going to use, on a document of its own, and asks the server
//! what it is.
//!
//! - **Where they work** (MongoDB 4.4 and newer), updates are pipelines that read the server's clock (`$$NOW`), so
//!   that application servers whose clocks differ agree.
//! - **Where they do not**, commands carry the time, and predicates on the old value make them atomic. The time is
//!   the server's own as its answer to `hello` tells it, counted on by this machine's monotonic clock and
//!   corrected once a minute. A touch that extends and a refused swap take two round trips.
//! - **Where the server says that it is FerretDB 1**, reads and writes of one command can be interleaved by
//!   others, so neither atomic swaps nor atomic touches are [claimed](cloakroom_storage::Capabilities).
//! - **Where there is no TTL index**, the storage sweeps its namespace itself.
//! - **Where the server says that it is DocumentDB**, the engine on PostgreSQL, or FerretDB 2 in front of it, a deletion
//!   is one of all documents with that `_id`: its deletion of one passes by a document that is being written.
//!
//! The second to the fourth are said once each, as a warning.
//!
//! # Failover
//!
//! Writes are acknowledged when a majority of the members has them in its journal (`w: "majority"`, `j: true`), and
//! reads ask the primary for what a majority has (`readConcern: "majority"`). So what was acknowledged survives a
//! failover: a session that was destroyed does not come back. What remains: a primary that was cut off from the
//! others does not notice it for some seconds, and until then answers reads, but acknowledges no write.
//! `readConcernLevel=linearizable` in the URL closes that gap for [`get`](cloakroom_storage::Storage::get), at the
//! price of waiting for a majority on each.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod clock;
mod collection;
mod config;
mod document;
mod engine;
mod error;
mod operators;
mod pipelines;
mod probe;
mod product;
mod storage;
mod sweeper;
mod url;

pub use config::MongodbConfig;
pub use storage::MongodbStorage;

/// The driver, for applications that hand in a client of their own.
pub use mongodb;
