//! The stores, each over a pool of the size that its documentation or its driver has by default.

use cloakroom_bench_server::Failure;
use tower_sessions::MemoryStore;
use tower_sessions_redis_store::{
    RedisStore,
    fred::prelude::{ClientLike, Config, Pool},
};
use tower_sessions_sqlx_store::{
    PostgresStore, SqliteStore,
    sqlx::{
        PgPool, SqlitePool,
        sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    },
};

const WHAT: &str = "a store of tower-sessions";

/// The connections of the example in the store's documentation.
const REDIS_CONNECTIONS: usize = 6;

pub(crate) fn memory() -> MemoryStore {
    MemoryStore::default()
}

pub(crate) async fn redis(url: &str) -> Result<RedisStore<Pool>, Failure> {
    let config = Config::from_url(url).map_err(Failure::set_up(WHAT))?;
    let pool = Pool::new(config, None, None, None, REDIS_CONNECTIONS).map_err(Failure::set_up(WHAT))?;
    pool.connect();
    pool.wait_for_connect().await.map_err(Failure::set_up(WHAT))?;
    Ok(RedisStore::new(pool))
}

pub(crate) async fn postgres(url: &str) -> Result<PostgresStore, Failure> {
    let store = PostgresStore::new(PgPool::connect(url).await.map_err(Failure::set_up(WHAT))?);
    store.migrate().await.map_err(Failure::set_up(WHAT))?;
    Ok(store)
}

/// With the journal that does not make readers wait, and no wait for the disk at each write, as Cloakroom has it.
pub(crate) async fn sqlite(url: &str) -> Result<SqliteStore, Failure> {
    let options: SqliteConnectOptions = url.parse().map_err(Failure::set_up(WHAT))?;
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal);
    let store = SqliteStore::new(SqlitePool::connect_with(options).await.map_err(Failure::set_up(WHAT))?);
    store.migrate().await.map_err(Failure::set_up(WHAT))?;
    Ok(store)
}
