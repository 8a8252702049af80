use std::{fmt, time::Duration};

use cloakroom_storage::{Namespace, Operation, Result};
use sqlx::{Postgres, postgres::PgConnectOptions};

use crate::sql::{
    error::{misconfigured, storage_error},
    limits::{Limits, Patience},
    sweeper::DEFAULT_INTERVAL,
    table::{DEFAULT_TABLE, check_name, quote},
    url::{check_options, prepares_nothing},
};

use super::schema;

/// What sqlx 0.9 reads after a `?`.
const URL_OPTIONS: &[&str] = &[
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// How a [`PostgresStorage`](crate::PostgresStorage) is made.
///
/// The URL is `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, or `postgresql:`, with everything that
/// [`PgConnectOptions`] reads after a `?`: `sslmode` (`verify-full` for a server that is not on this machine),
/// `sslrootcert`, `application_name`, `options`, `host=/a/socket/folder`. What it leaves out is taken from the
/// variables of [libpq](https://www.postgresql.org/docs/current/libpq-envars.html), such as `PGPASSWORD`.
///
/// ```
/// use cloakroom_storage_sqlx::PostgresConfig;
///
/// let config = PostgresConfig::new("postgres://app:secret@db.internal/shop?sslmode=verify-full")
///     .with_namespace("carts".parse()?)
///     .with_max_connections(20);
/// assert!(!format!("{config:?}").contains("secret"));
/// # Ok::<(), cloakroom_storage::StorageError>(())
/// ```
#[derive(Clone)]
pub struct PostgresConfig {
    url: String,
    namespace: Option<Namespace>,
    schema: Option<String>,
    table: String,
    creates_table: bool,
    unlogged: bool,
    statement_cache: bool,
    max_connections: u32,
    connect_timeout: Duration,
    patience: Patience,
    sweep_interval: Option<Duration>,
}

impl PostgresConfig {
    /// The database of that URL, with the defaults of each `with_` method. No I/O.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            namespace: None,
            schema: None,
            table: DEFAULT_TABLE.to_owned(),
            creates_table: true,
            unlogged: false,
            statement_cache: true,
            max_connections: 10,
            connect_timeout: Duration::from_secs(5),
            patience: Patience::default(),
            sweep_interval: Some(DEFAULT_INTERVAL),
        }
    }

    /// The namespace; `cloakroom` by default.
    #[must_use]
    pub fn with_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = Some(namespace);
        self
    }

    /// The schema of the table, which has to exist; by default the first of the `search_path`. 1 to 52 bytes.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = Some(schema.into());
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
    /// Otherwise [`schema_sql`](Self::schema_sql) has to be run by hand, and the application's user needs the rights
    /// to `SELECT`, `INSERT`, `UPDATE` and `DELETE` only.
    #[must_use]
    pub fn with_create_table(mut self, creates_table: bool) -> Self {
        self.creates_table = creates_table;
        self
    }

    /// Whether the table is created `UNLOGGED`: about twice as many writes a second, but a crash of the server
    /// empties it, and replicas do not have it. `false` by default.
    ///
    /// See <https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-UNLOGGED>.
    #[must_use]
    pub fn with_unlogged(mut self, unlogged: bool) -> Self {
        self.unlogged = unlogged;
        self
    }

    /// Whether statements are prepared; `true` by default. Behind a pooler that hands each transaction to another
    /// connection, such as pgbouncer in transaction mode, prepared statements get lost: with `false`, each operation is
    /// one plain statement with its parameters, in hexadecimal, in its text. That is still one round trip, but takes the
    /// server longer, and may show keys and values in the server's log. `statement-cache-capacity=0` in the URL says the
    /// same.
    #[must_use]
    pub fn with_statement_cache(mut self, statement_cache: bool) -> Self {
        self.statement_cache = statement_cache;
        self
    }

    /// How long connecting, and waiting for a connection that is in use, may take; 5 seconds by default.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server may take to answer before the operation fails with
    /// [`ErrorKind::Timeout`](cloakroom_storage::ErrorKind::Timeout) and the connection is closed; 5 seconds by
    /// default. The write may still take effect, as nobody knows what became of it.
    ///
    /// This is the last resort against servers that fall silent. The limit of an operation that users wait for is
    /// the [`Timeout`](cloakroom_storage::Timeout) layer's.
    #[must_use]
    pub fn with_response_timeout(mut self, timeout: Duration) -> Self {
        self.patience.response = timeout;
        self
    }

    /// The same for what goes through many rows or waits for others that do: opening, `reset` and `purge_expired`,
    /// for each of their statements, of 1,000 rows at most. 30 seconds by default, and never less than the
    /// [response timeout](Self::with_response_timeout).
    #[must_use]
    pub fn with_maintenance_timeout(mut self, timeout: Duration) -> Self {
        self.patience.maintenance = timeout;
        self
    }

    /// The most connections, in use, idle and in the making, 10 by default; 0 counts as 1. They are made when they are
    /// needed. One that was not used for 10 minutes, or is half an hour old, is closed when the storage next takes or
    /// gives back a connection, not before.
    #[must_use]
    pub fn with_max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections;
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
    /// [`ErrorKind::Misconfigured`](cloakroom_storage::ErrorKind::Misconfigured) for a name that cannot be.
    pub fn schema_sql(&self) -> Result<String> {
        self.check()?;
        Ok(schema::steps(self).concat().join(";\n") + ";")
    }

    pub(super) fn check(&self) -> Result<()> {
        if let Some(schema) = &self.schema {
            check_name("postgres", "schema", schema)?;
        }
        check_name("postgres", "table", &self.table)
    }

    pub(super) fn namespace(&self) -> Result<Namespace> {
        self.namespace.clone().map_or_else(|| Namespace::new("cloakroom"), Ok)
    }

    pub(super) fn table(&self) -> &str {
        &self.table
    }

    /// With its schema, if one is configured.
    pub(super) fn quoted_table(&self) -> String {
        let table = quote(&self.table, '"');
        match &self.schema {
            Some(schema) => format!("{}.{table}", quote(schema, '"')),
            None => table,
        }
    }

    pub(super) fn creates_table(&self) -> bool {
        self.creates_table
    }

    pub(super) fn unlogged(&self) -> bool {
        self.unlogged
    }

    pub(super) fn statement_cache(&self) -> bool {
        self.statement_cache && !prepares_nothing(&self.url)
    }

    pub(super) fn limits(&self) -> Limits {
        let (max_connections, connect_timeout) = (self.max_connections, self.connect_timeout);
        Limits { max_connections, connect_timeout, patience: Some(self.patience) }
    }

    pub(super) fn sweep_interval(&self) -> Option<Duration> {
        self.sweep_interval
    }

    pub(super) fn options(&self) -> Result<PgConnectOptions> {
        let scheme = self.url.split_once(':').map_or("", |(scheme, _)| scheme);
        if !matches!(scheme, "postgres" | "postgresql") {
            return Err(misconfigured::<Postgres>(
                "the URL has another scheme than postgres: and postgresql:",
            ));
        }
        check_options::<Postgres>(&self.url, URL_OPTIONS)?;
        let options: PgConnectOptions =
            self.url.parse().map_err(|error| storage_error::<Postgres>(Operation::Open, error))?;
        // Of no use to us, and poolers refuse it.
        Ok(options.extra_float_digits(None))
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresConfig")
            .field("namespace", &self.namespace)
            .field("schema", &self.schema)
            .field("table", &self.table)
            .field("creates_table", &self.creates_table)
            .field("unlogged", &self.unlogged)
            .field("statement_cache", &self.statement_cache)
            .field("limits", &self.limits())
            .field("sweep_interval", &self.sweep_interval)
            // The URL holds a password.
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_for_no_statements_is_off() {
        let config = |query: &str| PostgresConfig::new(format!("postgres://app@localhost/shop{query}"));
        for query in ["?statement-cache-capacity=0", "?sslmode=disable&statement-cache-capacity=0#"] {
            assert!(!config(query).statement_cache(), "{query}");
        }
        for query in ["", "?statement-cache-capacity=10"] {
            assert!(config(query).statement_cache(), "{query}");
            assert!(!config(query).with_statement_cache(false).statement_cache(), "{query}");
        }
    }

    #[test]
    fn an_option_that_is_not_known_is_refused_and_no_value_shown() {
        for (query, named) in
            [("ssl_mode=hush", "`ssl_mode`"), ("sslmode=prefer&passwrod=hush", "`passwrod`")]
        {
            let error =
                PostgresConfig::new(format!("postgres://app@localhost/shop?{query}")).options().unwrap_err();
            let text = format!("{error} {error:?}");
            assert!(text.contains(named) && text.contains("sslmode"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
        let torn =
            PostgresConfig::new("postgres://app:se?cret@localhost/shop").options().unwrap_err().to_string();
        assert!(torn.contains("%3F") && !torn.contains("cret"), "{torn}");
    }
}
