use std::time::Duration;

use cloakroom_storage::{Namespace, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};

use crate::sql::{
    error::{misconfigured, storage_error},
    sweeper::DEFAULT_INTERVAL,
    table::{DEFAULT_TABLE, check_name, quote},
};
use cloakroom_storage::Operation;
use sqlx::Sqlite;

use super::schema;

/// How a [`SqliteStorage`](crate::SqliteStorage) is made.
///
/// The URL is `sqlite:PATH`: `sqlite:sessions.db` and `sqlite://sessions.db` in the working folder,
/// `sqlite:/var/lib/shop/sessions.db` from the root, `sqlite::memory:` in memory. A `?`, `#` or `%` of the path is
/// percent-encoded, anything else may be. The file is created where it is missing, its folder is not. After a `?`
/// the URL takes `mode=rw` (the file has to exist), `mode=rwc` (the default), `cache`, `immutable` and `vfs`, as
/// SQLite's own [URIs](https://www.sqlite.org/uri.html) do.
///
/// ```
/// use cloakroom_storage_sqlx::{SqliteConfig, Synchronous};
///
/// let config = SqliteConfig::new("sqlite:/var/lib/shop/sessions.db")
///     .with_namespace("shop".parse()?)
///     .with_synchronous(Synchronous::Full);
/// # let _ = config;
/// # Ok::<(), cloakroom_storage::StorageError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SqliteConfig {
    url: String,
    namespace: Option<Namespace>,
    table: String,
    creates_table: bool,
    connect_timeout: Duration,
    busy_timeout: Duration,
    max_readers: u32,
    synchronous: Synchronous,
    sweep_interval: Option<Duration>,
}

/// What a power failure may take with it. A crash of the application takes nothing in either.
///
/// See <https://www.sqlite.org/pragma.html#pragma_synchronous>.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Synchronous {
    /// The writes of the last moments, with the file never damaged. Several times as many writes a second.
    #[default]
    Normal,
    /// Nothing: each write waits for the disk.
    Full,
}

impl SqliteConfig {
    /// The database of that URL, with the defaults of each `with_` method. No I/O.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            namespace: None,
            table: DEFAULT_TABLE.to_owned(),
            creates_table: true,
            connect_timeout: Duration::from_secs(5),
            busy_timeout: Duration::from_secs(5),
            max_readers: 4,
            synchronous: Synchronous::default(),
            sweep_interval: Some(DEFAULT_INTERVAL),
        }
    }

    /// The namespace; `cloakroom` by default.
    #[must_use]
    pub fn with_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// The table, which all namespaces share; `cloakroom` by default. 1 to 52 bytes of any characters, quoted
    /// wherever the name is used.
    #[must_use]
    pub fn with_table(mut self, table: impl Into<String>) -> Self {
        self.table = table.into();
        self
    }

    /// Whether the table is created where it is missing, and brought up to date where it is old; `true` by default.
    /// Otherwise [`schema_sql`](Self::schema_sql) has to be run by hand.
    #[must_use]
    pub fn with_create_table(mut self, creates_table: bool) -> Self {
        self.creates_table = creates_table;
        self
    }

    /// How long opening a connection, and waiting for one that is in use, may take; 5 seconds by default.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a write waits for those of other processes on the same file; 5 seconds by default.
    #[must_use]
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// The most connections that read at the same time, each of them a thread; 4 by default, 0 counts as 1. There is one more that
    /// writes, as SQLite has one writer at a time. In memory, one connection does both.
    #[must_use]
    pub fn with_max_readers(mut self, readers: u32) -> Self {
        self.max_readers = readers;
        self
    }

    /// What a power failure may take with it; the writes of the last moments by default.
    #[must_use]
    pub fn with_synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// How often expired rows are removed, give or take a quarter; every 60 seconds by default, `None`: never.
    #[must_use]
    pub fn with_sweep_interval(mut self, interval: Option<Duration>) -> Self {
        self.sweep_interval = interval;
        self
    }

    /// The SQL that makes the table, for those whose application may not.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`](cloakroom_storage::ErrorKind::Misconfigured) for a name of a table that cannot be.
    pub fn schema_sql(&self) -> Result<String> {
        self.check()?;
        Ok(schema::steps(self).concat().join(";\n") + ";")
    }

    pub(super) fn check(&self) -> Result<()> {
        check_name("sqlite", "table", &self.table)
    }

    pub(super) fn namespace(&self) -> Result<Namespace> {
        self.namespace.clone().map_or_else(|| Namespace::new("cloakroom"), Ok)
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    pub(super) fn quoted_table(&self) -> String {
        quote(&self.table, '"')
    }

    pub(super) fn creates_table(&self) -> bool {
        self.creates_table
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    pub(super) fn max_readers(&self) -> u32 {
        self.max_readers
    }

    pub(super) fn busy_timeout(&self) -> Duration {
        self.busy_timeout
    }

    pub(super) fn sweep_interval(&self) -> Option<Duration> {
        self.sweep_interval
    }

    /// Whether the database is in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        self.url.contains(":memory:") || self.url.contains("mode=memory")
    }

    pub(super) fn options(&self) -> Result<SqliteConnectOptions> {
        if !self.url.starts_with("sqlite:") {
            return Err(misconfigured::<Sqlite>("the URL has another scheme than sqlite:"));
        }
        let options: SqliteConnectOptions =
            self.url.parse().map_err(|error| storage_error::<Sqlite>(Operation::Open, error))?;
        // Longer than SQLite counts is for ever.
        let busy_timeout = self.busy_timeout.min(Duration::from_millis(i32::MAX.unsigned_abs().into()));
        let options = options.busy_timeout(busy_timeout);
        if self.is_in_memory() {
            return Ok(options);
        }
        let file = options.get_filename();
        if file.as_os_str().is_empty() {
            return Err(misconfigured::<Sqlite>("the URL has no path; say sqlite:PATH or sqlite::memory:"));
        }
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
            return Err(misconfigured::<Sqlite>(format!(
                "the folder {} does not exist; create it, or choose another path",
                folder.display()
            )));
        }
        let creates_file = !self.url.contains("mode=");
        let options = if creates_file { options.create_if_missing(true) } else { options };
        Ok(options.journal_mode(SqliteJournalMode::Wal).synchronous(match self.synchronous {
            Synchronous::Normal => SqliteSynchronous::Normal,
            Synchronous::Full => SqliteSynchronous::Full,
        }))
    }
}
