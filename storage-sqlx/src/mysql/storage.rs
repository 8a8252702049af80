use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, ErrorKind, Operation, Page, Result, Storage, StorageError, Swap, Touch,
    Touched, async_trait, ttl,
};
use sqlx::{MySql, MySqlPool};

use crate::sql::{
    client::{Client, Repeat, column},
    connections::Connections,
    engine::Engine,
    pool::Pool,
    space::{Space, untouched},
    statement::Arg,
    sweeper::Sweeper,
};

use super::{MysqlConfig, schema, statements::Statements};

/// How many rows a sweep removes at a time.
const BATCH: u64 = 1_000;

/// Storage in a table of MySQL or MariaDB.
///
/// Clones share everything and are closed together. Every operation is one statement and one round trip, but for these:
/// a touch that extends takes two, a swap that is refused two, and one that creates a value where an expired one still
/// lies two, as MySQL has no `UPDATE ... RETURNING`. The clock is the server's, read as a statement begins. A touch
/// within its slack writes nothing.
///
/// A connection that was lost (the server restarted, a firewall forgot it) is noticed when it is used: reads are then
/// sent again over a new connection; a write fails with
/// [`ErrorKind::Unavailable`](cloakroom_storage::ErrorKind::Unavailable), as nobody knows whether it took effect. All
/// other idle connections are closed with the first that is lost.
///
/// Expired rows of all namespaces are removed by a task in the background, which ends with the last clone or at
/// [`close`](Storage::close).
///
/// ```no_run
/// use cloakroom_storage::{Bytes, Storage};
/// use cloakroom_storage_sqlx::{MysqlConfig, MysqlStorage};
///
/// # async fn example() -> Result<(), cloakroom_storage::StorageError> {
/// let storage = MysqlStorage::connect(&MysqlConfig::new("mysql://app@localhost/shop")).await?;
/// storage.set("key", Bytes::from_static(b"value"), None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MysqlStorage {
    inner: Arc<Inner>,
    sweeper: Arc<Sweeper>,
}

struct Inner {
    space: Space,
    client: Client<MySql>,
    statements: Statements,
    max_value_bytes: usize,
}

/// The largest value, whatever the server's `max_allowed_packet` is: more than this, and a value needs more of its log
/// than servers have by default.
const MAX_VALUE_BYTES: usize = 8 * 1024 * 1024;

/// The largest value that a packet of so many bytes can swap, which takes the old one and the new one in one statement.
fn max_value_bytes(packet: i64, prepared: bool) -> usize {
    let packet = usize::try_from(packet).unwrap_or(0).saturating_sub(4_096);
    // In a statement's text, a byte has two digits.
    (packet / if prepared { 2 } else { 4 }).min(MAX_VALUE_BYTES)
}

impl MysqlStorage {
    /// Connects, checks the table, and creates it where it is missing.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`](cloakroom_storage::ErrorKind::Misconfigured) for what a person has to change (the
    /// URL, the password, the database, a right, a table that does not fit), with the cure;
    /// [`ErrorKind::Unavailable`](cloakroom_storage::ErrorKind::Unavailable) where the server cannot be reached.
    pub async fn connect(config: &MysqlConfig) -> Result<Self> {
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
    pub async fn with_pool(pool: MySqlPool, config: &MysqlConfig) -> Result<Self> {
        Self::open(Connections::Callers(pool), config).await
    }

    async fn open(connections: Connections<MySql>, config: &MysqlConfig) -> Result<Self> {
        config.check()?;
        let space = Space::new(MySql::BACKEND, config.namespace()?);
        let client = Client::new(connections, config.statement_cache(), config.limits().patience);
        let packet = schema::set_up(&client, config).await?;
        let max_value_bytes = max_value_bytes(packet, config.statement_cache());
        let statements = Statements::new(&config.quoted_table());
        let inner = Arc::new(Inner { space, client, statements, max_value_bytes });
        let purged = Arc::clone(&inner);
        let sweeper = Sweeper::start(config.sweep_interval(), MySql::BACKEND, move || {
            let inner = Arc::clone(&purged);
            async move { inner.purge().await }
        });
        Ok(Self { inner, sweeper: Arc::new(sweeper) })
    }
}

impl Inner {
    async fn get(&self, operation: Operation, key: &[u8]) -> Result<Option<Bytes>> {
        let args = [Arg::Bytes(key)];
        let value = self.client.value(operation, Repeat::Harmless, &self.statements.get, &args).await?;
        Ok(value.map(Bytes::from))
    }

    async fn delete(&self, operation: Operation, key: &[u8]) -> Result<()> {
        let args = [Arg::Bytes(key)];
        self.client.execute(operation, Repeat::Never, &self.statements.delete, &args).await.map(drop)
    }

    async fn purge(&self) -> Result<u64> {
        let (operation, statement) = (Operation::PurgeExpired, &self.statements.purge);
        let mut purged = 0;
        loop {
            self.space.check_open(operation)?;
            let batch = self.client.execute(operation, Repeat::Harmless, statement, &[]).await?;
            purged += batch;
            if batch < BATCH {
                return Ok(purged);
            }
        }
    }

    fn check_size(&self, operation: Operation, value: &Bytes) -> Result<()> {
        if value.len() > self.max_value_bytes {
            let error = StorageError::new(ErrorKind::ValueTooLarge, MySql::BACKEND, operation);
            return Err(error.with_detail(format!(
                "the value has {} bytes, more than {}; a larger max_allowed_packet may allow them",
                value.len(),
                self.max_value_bytes
            )));
        }
        Ok(())
    }

    /// Whether the swap took place.
    async fn swap(
        &self,
        key: &[u8],
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<i64>,
    ) -> Result<bool> {
        let (key, ttl) = (Arg::Bytes(key), Arg::Number(ttl));
        let run = async |statement, args: &[Arg<'_>]| {
            self.client.execute(Operation::CompareAndSwap, Repeat::Never, statement, args).await
        };
        let changed = match (expected, new) {
            (None, None) => return Ok(false),
            (None, Some(new)) => {
                let args = [key, Arg::Bytes(new), ttl];
                if self.client.insert(Operation::CompareAndSwap, &self.statements.create, &args).await? {
                    return Ok(true);
                }
                run(&self.statements.replace_expired, &args).await?
            }
            (Some(expected), Some(new)) => {
                run(&self.statements.replace, &[key, Arg::Bytes(expected), Arg::Bytes(new), ttl]).await?
            }
            (Some(expected), None) => run(&self.statements.remove, &[key, Arg::Bytes(expected)]).await?,
        };
        Ok(changed > 0)
    }
}

impl fmt::Debug for MysqlStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MysqlStorage")
            .field("space", &self.inner.space)
            .field("sweeper", &self.sweeper)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Storage for MysqlStorage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let key = self.inner.space.key(Operation::Get, key)?;
        self.inner.get(Operation::Get, &key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        let Inner { space, client, statements, .. } = &*self.inner;
        let key = space.key(Operation::Set, key)?;
        self.inner.check_size(Operation::Set, &value)?;
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
        let Inner { space, client, statements, .. } = &*self.inner;
        let mut after = space.start().to_vec();
        loop {
            space.check_open(Operation::Reset)?;
            let args = [Arg::Bytes(&after), Arg::Bytes(space.end())];
            let end = client.value(Operation::Reset, Repeat::Harmless, &statements.batch_end, &args).await?;
            let args = [Arg::Bytes(&after), Arg::Bytes(end.as_deref().unwrap_or(space.end()))];
            client.execute(Operation::Reset, Repeat::Never, &statements.reset, &args).await?;
            match end {
                Some(end) => after = end,
                None => return Ok(()),
            }
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(MySql::BACKEND)
            .with_atomic_swap()
            .with_atomic_touch()
            .with_scan()
            .with_close()
            .with_max_value_bytes(self.inner.max_value_bytes)
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        let operation = Operation::GetAndTouch;
        let Inner { space, client, statements, .. } = &*self.inner;
        let key = space.key(operation, key)?;
        loop {
            let row = client.row(operation, Repeat::Harmless, &statements.look, &[Arg::Bytes(&key)]).await?;
            let Some(row) = row else { return Ok(None) };
            let value: Vec<u8> = column(operation, &row, 0)?;
            let expiry: Option<i64> = column(operation, &row, 1)?;
            let remaining: Option<i64> = column(operation, &row, 2)?;
            let threshold = ttl::to_millis_i64(touch.threshold());
            if remaining.is_none_or(|remaining| remaining >= threshold) {
                return Ok(Some(untouched(value, remaining)));
            }
            let args =
                [Arg::Bytes(&key), Arg::Number(expiry), Arg::Number(Some(ttl::to_millis_i64(touch.ttl)))];
            if client.execute(operation, Repeat::Never, &statements.extend, &args).await? > 0 {
                let remaining = Some(ttl::clamp(touch.ttl));
                return Ok(Some(Touched { value: value.into(), extended: true, remaining }));
            }
            // Another was faster, or it has just expired.
        }
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let operation = Operation::CompareAndSwap;
        let key = self.inner.space.key(operation, key)?;
        if let Some(new) = &new {
            self.inner.check_size(operation, new)?;
        }
        let new = new.filter(|_| ttl.is_none_or(|ttl| !ttl.is_zero()));
        loop {
            if self.inner.swap(&key, expected, new.as_deref(), ttl.map(ttl::to_millis_i64)).await? {
                return Ok(Swap::Swapped);
            }
            let current = self.inner.get(operation, &key).await?;
            if current.as_deref() != expected {
                return Ok(Swap::Conflict { current });
            }
            if expected.is_none() && new.is_none() {
                return Ok(Swap::Swapped);
            }
            // It became the expected value just after the swap was refused.
        }
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        let Inner { space, client, statements, .. } = &*self.inner;
        space.check_open(Operation::Scan)?;
        client.page(&statements.scan, space, after, limit).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.inner.purge().await
    }

    async fn ping(&self) -> Result<()> {
        let Inner { space, client, statements, .. } = &*self.inner;
        space.check_open(Operation::Ping)?;
        client.row(Operation::Ping, Repeat::Harmless, &statements.ping, &[]).await.map(drop)
    }

    async fn close(&self) -> Result<()> {
        self.inner.space.close();
        self.sweeper.stop();
        self.inner.client.close().await;
        Ok(())
    }
}
