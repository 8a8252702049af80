use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, Operation, Page, Result, Storage, Swap, Touch, Touched, async_trait, ttl,
};
use sqlx::{PgPool, Postgres};

use crate::sql::{
    client::{Client, Repeat, column},
    connections::Connections,
    engine::Engine,
    pool::Pool,
    space::{Space, untouched},
    statement::Arg,
    sweeper::Sweeper,
};

use super::{
    PostgresConfig,
    batcher::{BatchLimits, Batcher},
    questions::{Looks, Replacement, Replacements, Table},
    schema,
    statements::Statements,
};

/// How many rows a sweep removes at a time.
const BATCH: u64 = 1_000;

/// Storage in a table of PostgreSQL.
///
/// Clones share everything and are closed together. Every operation is one statement and one round trip, but for a
/// touch that extends, two where it has slack; the clock is the server's. A touch within its slack writes nothing.
///
/// Under load operations share statements: beside eight reads (fewer where there are fewer connections), others wait until
/// fewer than three statements are under way, and are then sent as one, of at most 64; the same goes for swaps of one
/// value for another. An error of the server is met by all who share a statement.
///
/// A connection that was lost (the server restarted, a firewall forgot it) is noticed when it is used: reads and
/// touches are then sent again over a new connection; a write fails with
/// [`ErrorKind::Unavailable`](cloakroom_storage::ErrorKind::Unavailable), as nobody knows whether it took effect. All
/// other idle connections are closed with the first that is lost.
///
/// Expired rows of all namespaces are removed by a task in the background, which ends with the last clone or at
/// [`close`](Storage::close).
///
/// ```no_run
/// use cloakroom_storage::{Bytes, Storage};
/// use cloakroom_storage_sqlx::{PostgresConfig, PostgresStorage};
///
/// # async fn example() -> Result<(), cloakroom_storage::StorageError> {
/// let storage = PostgresStorage::connect(&PostgresConfig::new("postgres://app@localhost/shop")).await?;
/// storage.set("key", Bytes::from_static(b"value"), None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct PostgresStorage {
    inner: Arc<Inner>,
    sweeper: Arc<Sweeper>,
}

struct Inner {
    space: Space,
    table: Arc<Table>,
    looks: Arc<Batcher<Looks>>,
    replacements: Arc<Batcher<Replacements>>,
}

/// Up to so many callers each have a statement of their own; among more, statements for many are sent when fewer than
/// so many are under way. Measured: 8 callers are served a quarter slower together than alone, 32 twice as fast.
const MOST_ALONE: usize = 8;
const MOST_TOGETHER: usize = 3;

impl PostgresStorage {
    /// Connects, checks the table, and creates it where it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`](cloakroom_storage::ErrorKind::Misconfigured) for what a person has to change (the
    /// URL, the password, the database, a right, a table that does not fit), with the cure;
    /// [`ErrorKind::Unavailable`](cloakroom_storage::ErrorKind::Unavailable) where the server cannot be reached.
    pub async fn connect(config: &PostgresConfig) -> Result<Self> {
        let pool = Pool::new(config.options()?, config.limits());
        Self::open(Connections::Ours(Arc::new(pool)), config).await
    }

    /// On a pool of the caller's, which [`close`](Storage::close) leaves open; the URL and the options about
    /// connections are not used.
    ///
    /// sqlx pings a connection before each use, unless the pool was made with
    /// [`test_before_acquire(false)`](sqlx::pool::PoolOptions::test_before_acquire), and after each use, always. The
    /// second ping is not waited for, but keeps the connection busy for a round trip.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn with_pool(pool: PgPool, config: &PostgresConfig) -> Result<Self> {
        Self::open(Connections::Callers(pool), config).await
    }

    async fn open(connections: Connections<Postgres>, config: &PostgresConfig) -> Result<Self> {
        config.check()?;
        let space = Space::new(Postgres::BACKEND, config.namespace()?);
        let limits = config.limits();
        let most = connections.most();
        let client = Client::new(connections, config.statement_cache(), limits.patience);
        schema::set_up(&client, config).await?;
        let table = Arc::new(Table { client, statements: Statements::new(&config.quoted_table()) });
        let batches = BatchLimits {
            // Only what is prepared can be asked together.
            alone: if config.statement_cache() { MOST_ALONE.min(most) } else { usize::MAX },
            together: MOST_TOGETHER.min(most),
            patience: limits.connect_timeout.saturating_add(limits.patience.unwrap_or_default().response),
        };
        let looks = Batcher::new(Looks(Arc::clone(&table)), batches);
        let replacements = Batcher::new(Replacements(Arc::clone(&table)), batches);
        let inner = Arc::new(Inner { space, table, looks, replacements });
        let purged = Arc::clone(&inner);
        let sweeper = Sweeper::start(config.sweep_interval(), Postgres::BACKEND, move || {
            let inner = Arc::clone(&purged);
            async move { inner.purge().await }
        });
        Ok(Self { inner, sweeper: Arc::new(sweeper) })
    }

    fn parts(&self) -> (&Space, &Table) {
        (&self.inner.space, &self.inner.table)
    }
}

impl Inner {
    async fn get(&self, operation: Operation, key: Vec<u8>) -> Result<Option<Bytes>> {
        let look = self.looks.ask(operation, key).await?;
        Ok(look.map(|(value, _)| value.into()))
    }

    async fn delete(&self, operation: Operation, key: &[u8]) -> Result<()> {
        let args = [Arg::Bytes(key)];
        let Table { client, statements } = &*self.table;
        client.execute(operation, Repeat::Never, &statements.delete, &args).await.map(drop)
    }

    async fn purge(&self) -> Result<u64> {
        let operation = Operation::PurgeExpired;
        let Table { client, statements } = &*self.table;
        let mut purged = 0;
        loop {
            self.space.check_open(operation)?;
            let batch = client.execute(operation, Repeat::Harmless, &statements.purge, &[]).await?;
            purged += batch;
            if batch < BATCH {
                return Ok(purged);
            }
        }
    }
}

impl fmt::Debug for PostgresStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStorage")
            .field("space", &self.inner.space)
            .field("sweeper", &self.sweeper)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Storage for PostgresStorage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let key = self.inner.space.key(Operation::Get, key)?;
        self.inner.get(Operation::Get, key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        let (space, Table { client, statements }) = self.parts();
        let key = space.key(Operation::Set, key)?;
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            return self.inner.delete(Operation::Set, &key).await;
        }
        let args = [Arg::Bytes(&key), Arg::Bytes(&value), Arg::Number(ttl.map(ttl::to_millis_i64))];
        client.execute(Operation::Set, Repeat::Never, &statements.set, &args).await.map(drop)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let key = self.inner.space.key(Operation::Delete, key)?;
        self.inner.delete(Operation::Delete, &key).await
    }

    async fn reset(&self) -> Result<()> {
        let (space, Table { client, statements }) = self.parts();
        let mut after = Some(space.start().to_vec());
        while let Some(last) = after {
            space.check_open(Operation::Reset)?;
            let args = [Arg::Bytes(&last), Arg::Bytes(space.end())];
            after = client.value(Operation::Reset, Repeat::Never, &statements.reset, &args).await?;
        }
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Postgres::BACKEND).with_atomic_swap().with_atomic_touch().with_scan().with_close()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        let operation = Operation::GetAndTouch;
        let (space, Table { client, statements }) = self.parts();
        let key = space.key(operation, key)?;
        if !touch.slack.is_zero() {
            // Most touches come to nothing, and to find that out costs the server less than to be ready to write.
            let look = self.inner.looks.ask(operation, key.clone()).await?;
            let Some((value, remaining)) = look else { return Ok(None) };
            if remaining.is_none_or(|remaining| remaining >= ttl::to_millis_i64(touch.threshold())) {
                return Ok(Some(untouched(value, remaining)));
            }
        }
        let millis = |ttl| Arg::Number(Some(ttl::to_millis_i64(ttl)));
        let args = [Arg::Bytes(&key), millis(touch.ttl), millis(touch.threshold())];
        let row = client.row(operation, Repeat::Harmless, &statements.touch, &args).await?;
        let Some(row) = row else { return Ok(None) };
        let value: Vec<u8> = column(operation, &row, 0)?;
        if column(operation, &row, 1)? {
            let remaining = Some(ttl::clamp(touch.ttl));
            return Ok(Some(Touched { value: value.into(), extended: true, remaining }));
        }
        Ok(Some(untouched(value, column(operation, &row, 2)?)))
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let operation = Operation::CompareAndSwap;
        let Inner { space, table, replacements, .. } = &*self.inner;
        let statements = &table.statements;
        let stored = space.key(operation, key)?;
        let (key, ttl) = (Arg::Bytes(&stored), ttl.map(ttl::to_millis_i64));
        let new = new.filter(|_| ttl != Some(0));
        loop {
            let (swapped, current) = match (expected, &new) {
                (None, None) => {
                    let current = self.inner.get(operation, stored).await?;
                    return Ok(if current.is_none() { Swap::Swapped } else { Swap::Conflict { current } });
                }
                (None, Some(new)) => {
                    let args = [key, Arg::Bytes(new), Arg::Number(ttl)];
                    table.swap(operation, &statements.create, &args).await?
                }
                (Some(expected), Some(new)) => {
                    let (key, expected, new) = (stored.clone(), expected.to_vec(), new.clone());
                    replacements.ask(operation, Replacement { key, expected, new, ttl }).await?
                }
                (Some(expected), None) => {
                    table.swap(operation, &statements.remove, &[key, Arg::Bytes(expected)]).await?
                }
            };
            if swapped {
                return Ok(Swap::Swapped);
            }
            if current.as_deref() != expected {
                return Ok(Swap::Conflict { current: current.map(Bytes::from) });
            }
            // Refused because of what another wrote just now: the statement did not see that yet.
        }
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        let (space, Table { client, statements }) = self.parts();
        space.check_open(Operation::Scan)?;
        client.page(&statements.scan, space, after, limit).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.inner.purge().await
    }

    async fn ping(&self) -> Result<()> {
        let (space, Table { client, statements }) = self.parts();
        space.check_open(Operation::Ping)?;
        client.row(Operation::Ping, Repeat::Harmless, &statements.ping, &[]).await.map(drop)
    }

    async fn close(&self) -> Result<()> {
        self.inner.space.close();
        self.sweeper.stop();
        self.inner.table.client.close().await;
        Ok(())
    }
}
