mod config;
mod engine;
mod schema;
mod statements;
mod storage;

pub use config::MysqlConfig;
pub use storage::MysqlStorage;
