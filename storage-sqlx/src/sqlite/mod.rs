mod config;
mod engine;
mod schema;
mod statements;
mod storage;

pub use config::{SqliteConfig, Synchronous};
pub use storage::SqliteStorage;
