mod batcher;
mod config;
mod engine;
mod questions;
mod schema;
mod statements;
mod storage;

pub use config::PostgresConfig;
pub use storage::PostgresStorage;
