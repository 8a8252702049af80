//! The stores, each over a pool of the size that its driver has by default.

use std::fmt::Debug;

use axum_session::{DatabasePool, SessionConfig, SessionNullPool, SessionStore};
use axum_session_redispool::SessionRedisPool;
use axum_session_sqlx::{SessionPgPool, SessionSqlitePool};
use cloakroom_bench_server::Failure;
use redis_pool::RedisPool;
use sqlx::{
    PgPool, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use time::Duration;

const WHAT: &str = "a store of axum_session";

fn config() -> SessionConfig {
    SessionConfig::default().with_table_name("axum_sessions").with_lifetime(Duration::minutes(30))
}

pub(crate) async fn memory() -> Result<SessionStore<SessionNullPool>, Failure> {
    SessionStore::new(None, config()).await.map_err(Failure::set_up(WHAT))
}

/// With no copy in the process's memory.
async fn database<P>(pool: P) -> Result<SessionStore<P>, Failure>
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    let config = config().with_memory_lifetime(Duration::ZERO);
    SessionStore::new(Some(pool), config).await.map_err(Failure::set_up(WHAT))
}

pub(crate) async fn redis(url: &str) -> Result<SessionStore<SessionRedisPool>, Failure> {
    let client = redis::Client::open(url).map_err(Failure::set_up(WHAT))?;
    database(RedisPool::from(client).into()).await
}

pub(crate) async fn postgres(url: &str) -> Result<SessionStore<SessionPgPool>, Failure> {
    database(PgPool::connect(url).await.map_err(Failure::set_up(WHAT))?.into()).await
}

/// With the journal that does not make readers wait, and no wait for the disk at each write, as Cloakroom has it.
pub(crate) async fn sqlite(url: &str) -> Result<SessionStore<SessionSqlitePool>, Failure> {
    let options: SqliteConnectOptions = url.parse().map_err(Failure::set_up(WHAT))?;
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    database(SqlitePool::connect_with(options).await.map_err(Failure::set_up(WHAT))?.into()).await
}
