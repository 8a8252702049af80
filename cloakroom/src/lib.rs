//! Sessions and expiring key-value state for Rust web applications, on any storage backend.
//!
//! ```
//! # #[cfg(all(feature = "axum", feature = "memory"))] mod example {
//! use axum::{Router, routing::get};
//! use cloakroom::{Session, SessionError, SessionLayer};
//!
//! async fn visits(session: Session) -> Result<String, SessionError> {
//!     let visits = session.get::<u64>("visits")?.unwrap_or(0) + 1;
//!     session.set("visits", &visits)?;
//!     Ok(format!("visit number {visits}"))
//! }
//!
//! pub async fn app() -> Result<Router, cloakroom::ConnectError> {
//!     let storage = cloakroom::connect("memory:").await?;
//!     Ok(Router::new().route("/", get(visits)).layer(SessionLayer::new(storage)))
//! }
//! # }
//! ```
//!
//! The storage is swapped in the configuration, and nothing else changes:
//!
//! ```
//! use cloakroom::{Backends, ConnectError, SessionLayer, StorageConfig};
//!
//! async fn sessions() -> Result<SessionLayer, ConnectError> {
//!     let config = StorageConfig::load("shop.toml")?;
//!     Ok(SessionLayer::new(Backends::new().open(&config).await?))
//! }
//! ```
//!
//! # What is where
//!
//! - Sessions: [`SessionLayer`] goes around the router, [`Session`] into the handler.
//! - Storage: [`connect`] and [`StorageConfig`] open a [`Storage`], which keeps any other expiring state too;
//!   [`storage`] has its whole contract and its layers.
//! - Backends of others: [`Backends::register`].
//!
//! # Features
//!
//! | feature | default | what it brings |
//! | --- | --- | --- |
//! | `memory` | yes | the embedded backend, `memory:` |
//! | `redis` | no | Redis and Valkey, also behind Sentinel and as a cluster: `redis:`, `redis+cluster:` … |
//! | `postgres`, `mysql`, `sqlite` | no | SQL databases: `postgres:`, `mysql:` and `mariadb:`, `sqlite:`; need Rust 1.94 |
//! | `mongodb` | no | MongoDB: `mongodb:`, `mongodb+srv:` |
//! | `dynamodb` | no | Amazon DynamoDB: `dynamodb:` |
//! | `axum` | yes | [`Session`] as an axum extractor, [`SessionError`] as a response |
//! | `circuit-breaker` | no | the layer [`storage::CircuitBreaker`](https://docs.rs/cloakroom-storage): a storage that is down is not asked |
//! | `encrypted` | no | the layer [`storage::Encrypted`](https://docs.rs/cloakroom-storage): values encrypted at rest |
//! | `metered` | no | the layer [`storage::Metered`](https://docs.rs/cloakroom-storage): durations for the `metrics` facade |
//! | `json`, `messagepack` | no | further encodings of session values, beside postcard: [`Codec`] |

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod backends;
mod config;
mod connect;
mod duration;
mod error;
mod load;
mod location;
mod options;

pub use backends::Backends;
pub use config::StorageConfig;
pub use connect::connect;
pub use error::ConnectError;
pub use options::Options;

/// The embedded backend: the whole of `cloakroom-storage-memory`.
#[cfg(feature = "memory")]
pub mod memory {
    pub use cloakroom_storage_memory::*;
}

/// The backend on Redis and Valkey, for those who have a connection of their own: the whole of
/// `cloakroom-storage-redis`.
#[cfg(feature = "redis")]
pub mod redis {
    pub use cloakroom_storage_redis::*;
}

/// The backends on PostgreSQL, MySQL, MariaDB and SQLite, for those who have a pool of their own: the whole of
/// `cloakroom-storage-sqlx`.
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub mod sqlx {
    pub use cloakroom_storage_sqlx::*;
}

/// The backend on MongoDB, for those who have a client of their own: the whole of `cloakroom-storage-mongodb`.
#[cfg(feature = "mongodb")]
pub mod mongodb {
    pub use cloakroom_storage_mongodb::*;
}

/// The backend on DynamoDB, for those who have a client of their own: the whole of `cloakroom-storage-dynamodb`.
#[cfg(feature = "dynamodb")]
pub mod dynamodb {
    pub use cloakroom_storage_dynamodb::*;
}

/// The storage contract, its errors and its layers: the whole of `cloakroom-storage`.
pub mod storage {
    pub use cloakroom_storage::*;
}

pub use cloakroom_session::{
    AsKey, Clock, Codec, ConfigError, CookieOptions, Excess, Extractor, FormBody, IdGenerator, Key,
    MAX_ID_BYTES, Outage, PathParams, SameSite, SavePolicy, Session, SessionBody, SessionConfig,
    SessionError, SessionId, SessionLayer, SessionLayerBuilder, SessionService, SignedIn, Stage, Store,
    default_error_handler,
};
pub use cloakroom_storage::{ErrorKind, Namespace, Storage, StorageError, StorageExt};

/// The examples of the project's front page compile and run.
#[cfg(all(doctest, feature = "axum", feature = "memory"))]
#[doc = include_str!("../../README.md")]
struct ReadMe;
