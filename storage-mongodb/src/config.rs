use std::{fmt, time::Duration};

use cloakroom_storage::Namespace;

/// How a [`MongodbStorage`](crate::MongodbStorage) is made. Nothing is contacted before it is.
///
/// ```
/// use std::time::Duration;
/// use cloakroom_storage_mongodb::MongodbConfig;
///
/// let config = MongodbConfig::new("mongodb://app:secret@db1.internal,db2.internal/shop?replicaSet=rs0")
///     .with_collection("state")
///     .with_namespace("sessions".parse()?)
///     .with_connect_timeout(Duration::from_secs(2));
/// assert!(!format!("{config:?}").contains("secret"));
/// # Ok::<(), cloakroom_storage::StorageError>(())
/// ```
#[derive(Clone)]
pub struct MongodbConfig {
    url: String,
    namespace: Namespace,
    database: Option<String>,
    collection: String,
    connect_timeout: Duration,
    max_pool_size: Option<u32>,
    sweep_interval: Duration,
}

impl MongodbConfig {
    /// The database, the namespace and the collection that are used if none is named.
    const DEFAULT_NAME: &str = "cloakroom";

    /// A connection string [as the driver takes it](https://www.mongodb.com/docs/manual/reference/connection-string/):
    /// `mongodb://user:password@host:port,host:port/database?option=value`, or `mongodb+srv://`.
    ///
    /// The database in its path is the one that is used, and the one that the user is looked up in unless
    /// `authSource` names another. `w`, `journal` and `readConcernLevel` in it replace ours; `readPreference` does
    /// not, as only the primary knows the newest state of a session.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            namespace: Namespace::new(Self::DEFAULT_NAME).expect("the default namespace is well-formed"),
            database: None,
            collection: Self::DEFAULT_NAME.to_owned(),
            connect_timeout: Duration::from_secs(5),
            max_pool_size: None,
            sweep_interval: Duration::from_secs(60),
        }
    }

    /// The namespace, `cloakroom` by default: what every `_id` begins with.
    #[must_use]
    pub fn with_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// The database, whatever the URL's path says. By default the one in the path, or else `cloakroom`.
    #[must_use]
    pub fn with_database(mut self, database: impl Into<String>) -> Self {
        self.database = Some(database.into());
        self
    }

    /// The collection, `cloakroom` by default. It is created if it is not there.
    #[must_use]
    pub fn with_collection(mut self, collection: impl Into<String>) -> Self {
        self.collection = collection.into();
        self
    }

    /// How long [`connect`](crate::MongodbStorage::connect) may take, 5 seconds by default.
    ///
    /// Nine tenths of it are also how long an operation waits for a server that it can use, and how long
    /// establishing a connection may take, unless the URL says `serverSelectionTimeoutMS` or `connectTimeoutMS`.
    #[must_use]
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// The most connections to each server; by default what `maxPoolSize` in the URL says, or else the driver's 10.
    #[must_use]
    pub fn with_max_pool_size(mut self, connections: u32) -> Self {
        self.max_pool_size = Some(connections);
        self
    }

    /// How often expired values are removed where the server has no TTL index: every 60 seconds by default, more or
    /// less a quarter. Zero: never.
    #[must_use]
    pub fn with_sweep_interval(mut self, interval: Duration) -> Self {
        self.sweep_interval = interval;
        self
    }

    /// The connection string, with the password that may be in it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The database that was set; `None`: the one in the URL's path, or else `cloakroom`.
    #[must_use]
    pub fn database(&self) -> Option<&str> {
        self.database.as_deref()
    }

    /// The name of the database, of which the URL's path may give one.
    pub(crate) fn database_or<'a>(&'a self, in_url: Option<&'a str>) -> &'a str {
        self.database.as_deref().or(in_url).unwrap_or(Self::DEFAULT_NAME)
    }

    /// The collection.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// How long connecting may take.
    #[must_use]
    pub fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// The most connections to each server; `None`: as the URL says, or else the driver's default.
    #[must_use]
    pub fn max_pool_size(&self) -> Option<u32> {
        self.max_pool_size
    }

    /// How often expired values are removed where the server has no TTL index.
    #[must_use]
    pub fn sweep_interval(&self) -> Duration {
        self.sweep_interval
    }
}

impl fmt::Debug for MongodbConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Of the URL not even parts: where a password is not encoded, no one can tell where it ends.
        f.debug_struct("MongodbConfig")
            .field("namespace", &self.namespace.as_str())
            .field("database", &self.database)
            .field("collection", &self.collection)
            .field("connect_timeout", &self.connect_timeout)
            .field("max_pool_size", &self.max_pool_size)
            .field("sweep_interval", &self.sweep_interval)
            .finish_non_exhaustive()
    }
}
