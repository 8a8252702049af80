//! A server, seen from behind the storage.

#![allow(dead_code, reason = "no test target uses all of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cloakroom_storage::{Bytes, ErrorKind, Namespace, Result, Storage, StorageError};
use cloakroom_storage_sqlx::{
    MysqlConfig, MysqlStorage, PostgresConfig, PostgresStorage,
    sqlx::{
        self, AssertSqlSafe, Executor, MySqlPool, PgPool, Row, mysql::MySqlPoolOptions,
        postgres::PgPoolOptions,
    },
};

pub(crate) const SECRET: &str = "s3cret";

/// A connection beside those of the storage.
pub(crate) enum Server {
    Postgres { url: String, raw: PgPool },
    Mysql { url: String, raw: MySqlPool },
}

/// A lock that is held.
pub(crate) enum Held {
    Postgres(sqlx::Transaction<'static, sqlx::Postgres>),
    Mysql(sqlx::pool::PoolConnection<sqlx::MySql>),
}

impl Held {
    pub(crate) async fn release(self) {
        match self {
            Self::Postgres(held) => held.commit().await.unwrap(),
            Self::Mysql(mut held) => {
                held.execute("UNLOCK TABLES; DO RELEASE_LOCK('cloakroom')").await.unwrap();
            }
        }
    }
}

/// What a test asks of a storage.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) table: String,
    pub(crate) namespace: Namespace,
    pub(crate) creates_table: bool,
    pub(crate) max_connections: u32,
    pub(crate) sweep_interval: Option<Duration>,
    pub(crate) response_timeout: Duration,
    pub(crate) maintenance_timeout: Duration,
}

impl Options {
    pub(crate) fn of(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            namespace: Namespace::new("shop").unwrap(),
            creates_table: true,
            max_connections: 4,
            sweep_interval: None,
            // For a busy machine.
            response_timeout: Duration::from_secs(60),
            maintenance_timeout: Duration::from_secs(60),
        }
    }
}

impl Server {
    pub(crate) async fn new(url: &str) -> Self {
        let url = url.to_owned();
        // Patient, as many tests prove their passwords at once.
        let patience = Duration::from_secs(60);
        if url.starts_with("postgres") {
            let options = PgPoolOptions::new().max_connections(2).acquire_timeout(patience);
            Self::Postgres { raw: options.connect(&url).await.unwrap(), url }
        } else {
            let options = MySqlPoolOptions::new().max_connections(2).acquire_timeout(patience);
            Self::Mysql { raw: options.connect(&url).await.unwrap(), url }
        }
    }

    pub(crate) fn is_postgres(&self) -> bool {
        matches!(self, Self::Postgres { .. })
    }

    pub(crate) fn url(&self) -> &str {
        match self {
            Self::Postgres { url, .. } | Self::Mysql { url, .. } => url,
        }
    }

    pub(crate) async fn open(&self, options: &Options) -> Result<Arc<dyn Storage>> {
        self.open_at(self.url(), options).await
    }

    pub(crate) async fn open_at(&self, url: &str, options: &Options) -> Result<Arc<dyn Storage>> {
        let patience = Duration::from_secs(60);
        Ok(match self {
            Self::Postgres { .. } => {
                let config = PostgresConfig::new(url).with_connect_timeout(patience);
                Arc::new(PostgresStorage::connect(&self.postgres(config, options)).await?)
            }
            Self::Mysql { .. } => {
                let config = MysqlConfig::new(url).with_connect_timeout(patience);
                Arc::new(MysqlStorage::connect(&self.mysql(config, options)).await?)
            }
        })
    }

    pub(crate) async fn open_on_pool(&self, options: &Options) -> Result<Arc<dyn Storage>> {
        Ok(match self {
            Self::Postgres { raw, .. } => {
                let config = self.postgres(PostgresConfig::new(""), options);
                Arc::new(PostgresStorage::with_pool(raw.clone(), &config).await?)
            }
            Self::Mysql { raw, .. } => {
                let config = self.mysql(MysqlConfig::new(""), options);
                Arc::new(MysqlStorage::with_pool(raw.clone(), &config).await?)
            }
        })
    }

    /// With one connection, which is waited for no longer than a moment.
    pub(crate) async fn open_impatient(&self, options: &Options) -> Arc<dyn Storage> {
        let moment = Duration::from_secs(3);
        match self {
            Self::Postgres { url, .. } => {
                let config = self.postgres(PostgresConfig::new(url), options).with_max_connections(1);
                let config = config.with_connect_timeout(moment);
                Arc::new(PostgresStorage::connect(&config).await.unwrap())
            }
            Self::Mysql { url, .. } => {
                let config = self.mysql(MysqlConfig::new(url), options).with_max_connections(1);
                let config = config.with_connect_timeout(moment);
                Arc::new(MysqlStorage::connect(&config).await.unwrap())
            }
        }
    }

    /// Takes the lock that those take who make a table, as one does who is stuck.
    pub(crate) async fn hold_start(&self) -> Held {
        match self {
            Self::Postgres { raw, .. } => {
                let mut held = raw.begin().await.unwrap();
                held.execute("SELECT pg_advisory_xact_lock(7164223571444789103)").await.unwrap();
                Held::Postgres(held)
            }
            Self::Mysql { raw, .. } => {
                let mut held = raw.acquire().await.unwrap();
                let row = held.fetch_one("SELECT GET_LOCK('cloakroom', 60)").await.unwrap();
                assert_eq!(row.get::<i64, _>(0), 1);
                Held::Mysql(held)
            }
        }
    }

    /// Locks the table, so that whoever wants to write to it waits.
    pub(crate) async fn hold(&self, table: &str) -> Held {
        let table = self.quote(table);
        match self {
            Self::Postgres { raw, .. } => {
                let mut held = raw.begin().await.unwrap();
                held.execute(AssertSqlSafe(format!("LOCK TABLE {table}"))).await.unwrap();
                Held::Postgres(held)
            }
            Self::Mysql { raw, .. } => {
                let mut held = raw.acquire().await.unwrap();
                held.execute(AssertSqlSafe(format!("LOCK TABLES {table} WRITE"))).await.unwrap();
                Held::Mysql(held)
            }
        }
    }

    pub(crate) fn schema_sql(&self, options: &Options) -> Result<String> {
        match self {
            Self::Postgres { .. } => self.postgres(PostgresConfig::new(""), options).schema_sql(),
            Self::Mysql { .. } => self.mysql(MysqlConfig::new(""), options).schema_sql(),
        }
    }

    fn postgres(&self, config: PostgresConfig, options: &Options) -> PostgresConfig {
        config
            .with_table(&options.table)
            .with_namespace(options.namespace.clone())
            .with_create_table(options.creates_table)
            .with_max_connections(options.max_connections)
            .with_sweep_interval(options.sweep_interval)
            .with_response_timeout(options.response_timeout)
            .with_maintenance_timeout(options.maintenance_timeout)
    }

    fn mysql(&self, config: MysqlConfig, options: &Options) -> MysqlConfig {
        config
            .with_table(&options.table)
            .with_namespace(options.namespace.clone())
            .with_create_table(options.creates_table)
            .with_max_connections(options.max_connections)
            .with_sweep_interval(options.sweep_interval)
            .with_response_timeout(options.response_timeout)
            .with_maintenance_timeout(options.maintenance_timeout)
    }

    pub(crate) async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Postgres { raw, .. } => drop(raw.execute(sql).await.unwrap()),
            Self::Mysql { raw, .. } => drop(raw.execute(sql).await.unwrap()),
        }
    }

    pub(crate) async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Postgres { raw, .. } => raw.fetch_one(sql).await.unwrap().get(0),
            Self::Mysql { raw, .. } => raw.fetch_one(sql).await.unwrap().get(0),
        }
    }

    /// Ends every other connection of the user.
    pub(crate) async fn kill_connections_of(&self, user: &str) {
        match self {
            Self::Postgres { raw, .. } => {
                let sql = format!(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'"
                );
                raw.execute(AssertSqlSafe(sql)).await.unwrap();
            }
            Self::Mysql { raw, .. } => {
                let sql = format!("SELECT id FROM information_schema.PROCESSLIST WHERE user = '{user}'");
                for row in raw.fetch_all(AssertSqlSafe(sql)).await.unwrap() {
                    let id: i64 = row.try_get_unchecked(0).unwrap();
                    // It may have gone by itself.
                    let _ = raw.execute(AssertSqlSafe(format!("KILL {id}"))).await;
                }
            }
        }
    }

    /// A user who may do these things with the table, or anything with everything. Returns the URL with it.
    pub(crate) async fn user(&self, name: &str, rights: &str, table: Option<&str>) -> String {
        match self {
            Self::Postgres { .. } => {
                let superuser = if table.is_none() { "SUPERUSER" } else { "" };
                self.run(&format!("CREATE USER {name} {superuser} PASSWORD '{SECRET}'")).await;
                if let Some(table) = table {
                    self.run(&format!("GRANT {rights} ON {} TO {name}", self.quote(table))).await;
                }
            }
            Self::Mysql { .. } => {
                let table = table.map_or_else(|| "*.*".to_owned(), |table| self.quote(table));
                self.run(&format!("CREATE USER {name} IDENTIFIED BY '{SECRET}'")).await;
                self.run(&format!("GRANT {rights} ON {table} TO {name}")).await;
            }
        }
        with_user(self.url(), name, SECRET)
    }

    pub(crate) async fn drop_user(&self, name: &str) {
        if self.is_postgres() {
            self.run(&format!("DROP OWNED BY {name}")).await;
        }
        self.run(&format!("DROP USER {name}")).await;
    }

    /// How many rows the table has, but for the record of its version.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let version = if self.is_postgres() { "':schema'::bytea" } else { "':schema'" };
        self.number(&format!("SELECT count(*) FROM {} WHERE k <> {version}", self.quote(table))).await
    }

    pub(crate) fn quote(&self, name: &str) -> String {
        match self {
            Self::Postgres { .. } => format!("\"{}\"", name.replace('"', "\"\"")),
            Self::Mysql { .. } => format!("`{}`", name.replace('`', "``")),
        }
    }

    pub(crate) async fn drop_table(&self, table: &str) {
        self.run(&format!("DROP TABLE IF EXISTS {}", self.quote(table))).await;
    }
}

/// A name that no other test, run or machine uses.
pub(crate) fn fresh(what: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    format!("{what}_{millis:x}_{process:x}_{count:x}")
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// The error says its kind and its cure, and no secret.
pub(crate) fn is(error: &StorageError, kind: ErrorKind, says: &str) {
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        shown.push_str(&format!(" {cause} {cause:?}"));
        source = cause.source();
    }
    assert_eq!(error.kind(), kind, "{shown}");
    assert!(shown.contains(says), "{shown} does not say {says:?}");
    assert!(!shown.contains(SECRET), "{shown}");
}

/// Polls until it holds, for as long as is reasonable on a busy machine.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    for _ in 0..1_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

/// The URL with another user, or another database.
pub(crate) fn with_user(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, host) = rest.rsplit_once('@').unwrap();
    format!("{scheme}://{user}:{password}@{host}")
}

pub(crate) fn with_database(url: &str, database: &str) -> String {
    let (before, _) = url.rsplit_once('/').unwrap();
    format!("{before}/{database}")
}

/// All at the same time, in one task; the first is polled first.
pub(crate) async fn futures<F: Future>(all: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = all.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (future, done) in all.iter_mut().zip(&mut done) {
            if done.is_none()
                && let std::task::Poll::Ready(output) = future.as_mut().poll(context)
            {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
