//! Cloakroom's storage backend on PostgreSQL, MySQL, MariaDB and SQLite.
//!
//! Each engine is behind a feature: `postgres`, `mysql` (MariaDB too) and `sqlite`; `tls` encrypts the connections
//! of the first two.
//!
#![cfg_attr(
    feature = "sqlite",
    doc = r#"
```
use std::time::Duration;
use cloakroom_storage::{Bytes, Storage};
use cloakroom_storage_sqlx::{SqliteConfig, SqliteStorage};

# #[tokio::main(flavor = "current_thread")]
# async fn main() -> Result<(), cloakroom_storage::StorageError> {
let storage = SqliteStorage::connect(&SqliteConfig::new("sqlite::memory:")).await?;
storage.set("ticket", Bytes::from_static(b"coat"), Some(Duration::from_secs(60))).await?;
assert_eq!(storage.get("ticket").await?, Some(Bytes::from_static(b"coat")));
# Ok(())
# }
```
"#
)]
//! All namespaces share one table, each under its own prefix of the key. The table is created where it is missing,
//! and checked where it is there.
//!
//! # One round trip
//!
//! An operation is one prepared statement: one round trip. The pool of sqlx would make it two, as it pings each
//! connection that comes back, so the storages keep a small pool of their own; a pool that the caller hands in is
//! used as it is.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
mod sql;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "mysql")]
pub use mysql::{MysqlConfig, MysqlStorage};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresConfig, PostgresStorage};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteConfig, SqliteStorage, Synchronous};
/// The driver, for those who hand in a pool of their own.
#[cfg(any(feature = "postgres", feature = "mysql", feature = "sqlite"))]
pub use sqlx;
