//! What the storages of all engines have in common.

pub(crate) mod client;
pub(crate) mod connections;
pub(crate) mod engine;
pub(crate) mod error;
pub(crate) mod limits;
pub(crate) mod migration;
pub(crate) mod pool;
pub(crate) mod space;
pub(crate) mod statement;
pub(crate) mod sweeper;
pub(crate) mod table;
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) mod url;
