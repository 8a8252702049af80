use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, Operation, Page, Result, Storage, Swap, Touch, Touched, async_trait, ttl,
};
use sqlx::{Sqlite, SqlitePool};
use tokio::time::{Instant, sleep};

use crate::sql::{
    client::{Client, Repeat, column},
    connections::Connections,
    engine::Engine,
    error::storage_error,
    limits::Limits,
    pool::Pool,
    space::{Space, untouched},
    statement::Arg,
    sweeper::Sweeper,
};

use super::{SqliteConfig, schema, statements::Statements};

const BATCH: u64 = 1_000;

/// Storage in a SQLite database: a file that processes of one machine may share, or memory.
///
/// Clones share everything and are closed together. Files are in WAL mode: readers and the one writer do not wait for
/// each other. Every operation is one statement, two where a touch extends or a swap is refused.
///
/// Expired rows are removed by a task in the background, which ends with the last clone or at
/// [`close`](Storage::close).
///
/// ```
/// use cloakroom_storage::{Bytes, Storage};
/// use cloakroom_storage_sqlx::{SqliteConfig, SqliteStorage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cloakroom_storage::StorageError> {
/// let storage = SqliteStorage::connect(&SqliteConfig::new("sqlite::memory:")).await?;
/// storage.set("key", Bytes::from_static(b"value"), None).await?;
/// assert!(storage.clone().get("key").await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SqliteStorage {
    inner: Arc<Inner>,
    sweeper: Arc<Sweeper>,
}

struct Inner {
    space: Space,
    reader: Client<Sqlite>,
    writer: Client<Sqlite>,
    statements: Statements,
}

impl SqliteStorage {
    /// Opens the database, and creates the file and the table where they are missing.
    ///
    /// Each call with `sqlite::memory:` makes a database of its own; its clones share it.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`](cloakroom_storage::ErrorKind::Misconfigured) for a URL, a file or a table that
    /// does not fit, with the cure; [`ErrorKind::Unavailable`](cloakroom_storage::ErrorKind::Unavailable) where the
    /// file stays locked.
    pub async fn connect(config: &SqliteConfig) -> Result<Self> {
        let options = config.options()?;
        let limits = |max_connections| Limits {
            max_connections,
            connect_timeout: config.connect_timeout(),
            // Neither firewall nor server; and a database in memory goes with its connection.
            patience: None,
        };
        let writer = Connections::Ours(Arc::new(Pool::new(options.clone(), limits(1))));
        let reader = match config.is_in_memory() {
            true => writer.clone(),
            false => Connections::Ours(Arc::new(Pool::new(options, limits(config.max_readers())))),
        };
        first_connect(&writer, config.busy_timeout()).await?;
        Self::open(reader, writer, config).await
    }

    /// On a pool of the caller's, which [`close`](Storage::close) leaves open; the URL and the options about
    /// connections are not used.
    ///
    /// Have it in WAL mode with a busy timeout. A pool of several connections in memory needs
    /// [`shared_cache`](sqlx::sqlite::SqliteConnectOptions::shared_cache), and may then fail with locked tables: give
    /// it one connection.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn with_pool(pool: SqlitePool, config: &SqliteConfig) -> Result<Self> {
        let connections = Connections::Callers(pool);
        Self::open(connections.clone(), connections, config).await
    }

    async fn open(
        reader: Connections<Sqlite>,
        writer: Connections<Sqlite>,
        config: &SqliteConfig,
    ) -> Result<Self> {
        config.check()?;
        let space = Space::new(Sqlite::BACKEND, config.namespace()?);
        schema::set_up(&writer, config).await?;
        let inner = Arc::new(Inner {
            space,
            reader: Client::new(reader, true, None),
            writer: Client::new(writer, true, None),
            statements: Statements::new(&config.quoted_table()),
        });
        let purged = Arc::clone(&inner);
        let sweeper = Sweeper::start(config.sweep_interval(), Sqlite::BACKEND, move || {
            let inner = Arc::clone(&purged);
            async move { inner.purge().await }
        });
        Ok(Self { inner, sweeper: Arc::new(sweeper) })
    }
}

/// Changing a new file to WAL mode fails at once, not after the busy timeout, where others do the same.
async fn first_connect(writer: &Connections<Sqlite>, patience: Duration) -> Result<()> {
    let begun = Instant::now();
    loop {
        match writer.acquire(false).await {
            Ok(lease) => {
                lease.give_back();
                return Ok(());
            }
            Err(sqlx::Error::Database(error))
                if error.code().is_some_and(|code| code == "5" || code == "261")
                    && begun.elapsed() < patience =>
            {
                sleep(Duration::from_millis(10)).await;
            }
            Err(error) => return Err(storage_error::<Sqlite>(Operation::Open, error)),
        }
    }
}

impl Inner {
    async fn get(&self, operation: Operation, key: &[u8]) -> Result<Option<Bytes>> {
        let args = [Arg::Bytes(key)];
        let value = self.reader.value(operation, Repeat::Harmless, &self.statements.get, &args).await?;
        Ok(value.map(Bytes::from))
    }

    async fn delete(&self, operation: Operation, key: &[u8]) -> Result<()> {
        let args = [Arg::Bytes(key)];
        self.writer.execute(operation, Repeat::Never, &self.statements.delete, &args).await.map(drop)
    }

    async fn purge(&self) -> Result<u64> {
        let mut purged = 0;
        loop {
            self.space.check_open(Operation::PurgeExpired)?;
            let batch =
                self.writer.execute(Operation::PurgeExpired, Repeat::Harmless, &self.statements.purge, &[]);
            let batch = batch.await?;
            purged += batch;
            if batch < BATCH {
                return Ok(purged);
            }
        }
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
            self.writer.execute(Operation::CompareAndSwap, Repeat::Never, statement, args).await
        };
        let changed = match (expected, new) {
            (None, None) => return Ok(false),
            (None, Some(new)) => run(&self.statements.create, &[key, Arg::Bytes(new), ttl]).await?,
            (Some(expected), Some(new)) => {
                run(&self.statements.replace, &[key, Arg::Bytes(expected), Arg::Bytes(new), ttl]).await?
            }
            (Some(expected), None) => run(&self.statements.remove, &[key, Arg::Bytes(expected)]).await?,
        };
        Ok(changed > 0)
    }
}

impl fmt::Debug for SqliteStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStorage")
            .field("space", &self.inner.space)
            .field("sweeper", &self.sweeper)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Storage for SqliteStorage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let key = self.inner.space.key(Operation::Get, key)?;
        self.inner.get(Operation::Get, &key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        let key = self.inner.space.key(Operation::Set, key)?;
        if ttl.is_some_and(|ttl| ttl.is_zero()) {
            return self.inner.delete(Operation::Set, &key).await;
        }
        let args = [Arg::Bytes(&key), Arg::Bytes(&value), Arg::Number(ttl.map(ttl::to_millis_i64))];
        let Inner { writer, statements, .. } = &*self.inner;
        writer.execute(Operation::Set, Repeat::Never, &statements.set, &args).await.map(drop)
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let key = self.inner.space.key(Operation::Delete, key)?;
        self.inner.delete(Operation::Delete, &key).await
    }

    async fn reset(&self) -> Result<()> {
        let Inner { space, reader, writer, statements } = &*self.inner;
        let mut after = space.start().to_vec();
        loop {
            space.check_open(Operation::Reset)?;
            let args = [Arg::Bytes(&after), Arg::Bytes(space.end())];
            let end = reader.value(Operation::Reset, Repeat::Harmless, &statements.batch_end, &args).await?;
            let args = [Arg::Bytes(&after), Arg::Bytes(end.as_deref().unwrap_or(space.end()))];
            writer.execute(Operation::Reset, Repeat::Never, &statements.reset, &args).await?;
            match end {
                Some(end) => after = end,
                None => return Ok(()),
            }
        }
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(Sqlite::BACKEND).with_atomic_swap().with_atomic_touch().with_scan().with_close()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        let operation = Operation::GetAndTouch;
        let Inner { space, reader, writer, statements } = &*self.inner;
        let key = space.key(operation, key)?;
        loop {
            let row = reader.row(operation, Repeat::Harmless, &statements.look, &[Arg::Bytes(&key)]).await?;
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
            if writer.execute(operation, Repeat::Never, &statements.extend, &args).await? > 0 {
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
        let Inner { space, reader, statements, .. } = &*self.inner;
        space.check_open(Operation::Scan)?;
        reader.page(&statements.scan, space, after, limit).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.inner.purge().await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.space.check_open(Operation::Ping)?;
        let Inner { reader, statements, .. } = &*self.inner;
        reader.row(Operation::Ping, Repeat::Harmless, &statements.ping, &[]).await.map(drop)
    }

    async fn close(&self) -> Result<()> {
        self.inner.space.close();
        self.sweeper.stop();
        self.inner.reader.close().await;
        self.inner.writer.close().await;
        Ok(())
    }
}
