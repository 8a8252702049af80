mod config;
mod engine;
mod schema;
mod statements;
mod storage;

pub use config::PostgresConfig;
pub use storage::PostgresStorage;
