use std::{env, fmt};

use tokio::sync::OnceCell;

use self::container::Container;

mod certificate;
mod container;
mod probe;
mod recipe;

/// A server that tests run against.
///
/// The first test that needs one [starts](Self::url) its container, which later test programs find and use too.
/// Where an environment variable names a server that is running already, that one is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// One Redis server.
    Redis,
    /// One Redis server, spoken to over TLS; the certificate's authority is a file that the URL names.
    RedisTls,
    /// Three Redis masters with a replica each.
    RedisCluster,
    /// Three Redis masters with a replica each, spoken to over TLS.
    RedisClusterTls,
    /// A Redis master and its replica, watched by three sentinels.
    RedisSentinel,
    /// A Redis master, its replica and three sentinels, all spoken to over TLS.
    RedisSentinelTls,
    /// One Valkey server.
    Valkey,
    /// PostgreSQL.
    Postgres,
    /// PostgreSQL behind PgBouncer in transaction mode; its URL says that no statement is to be prepared.
    Pgbouncer,
    /// MariaDB.
    Mariadb,
    /// MySQL.
    Mysql,
    /// MongoDB, or what speaks its wire protocol and knows updates by pipelines.
    Mongodb,
    /// FerretDB 1, which speaks MongoDB's wire protocol and knows plain operators only.
    Ferretdb,
    /// Amazon's DynamoDB Local.
    Dynamodb,
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 14] = [
        Self::Redis,
        Self::RedisTls,
        Self::RedisCluster,
        Self::RedisClusterTls,
        Self::RedisSentinel,
        Self::RedisSentinelTls,
        Self::Valkey,
        Self::Postgres,
        Self::Pgbouncer,
        Self::Mariadb,
        Self::Mysql,
        Self::Mongodb,
        Self::Ferretdb,
        Self::Dynamodb,
    ];

    /// The name that tests and environment variables have it by, such as `redis-cluster`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::RedisTls => "redis-tls",
            Self::RedisCluster => "redis-cluster",
            Self::RedisClusterTls => "redis-cluster-tls",
            Self::RedisSentinel => "redis-sentinel",
            Self::RedisSentinelTls => "redis-sentinel-tls",
            Self::Valkey => "valkey",
            Self::Postgres => "postgres",
            Self::Pgbouncer => "pgbouncer",
            Self::Mariadb => "mariadb",
            Self::Mysql => "mysql",
            Self::Mongodb => "mongodb",
            Self::Ferretdb => "ferretdb",
            Self::Dynamodb => "dynamodb",
        }
    }

    /// What it runs from: an image such as `redis:8`, or the variable that names a running server.
    #[must_use]
    pub fn origin(self) -> String {
        let variable = self.url_variable();
        if env::var_os(&variable).is_some() { variable } else { recipe::image(self) }
    }

    /// The URL of a running server, which every test program on this machine shares.
    ///
    /// `CLOAKROOM_URL_REDIS_CLUSTER` and its like name a server to use. Without one, the first call starts a
    /// container; it has the label `org.cloakroom.tests=1` and stays until `cargo xtask test` has ended, or until
    /// `docker rm --force $(docker ps --all --quiet --filter label=org.cloakroom.tests)`.
    ///
    /// # Errors
    /// Why there is none: no container engine answers, the image is not there, the server does not start.
    pub async fn url(self) -> Result<String, Unavailable> {
        static SHARED: [OnceCell<Result<String, Unavailable>>; Service::ALL.len()] =
            [const { OnceCell::const_new() }; Service::ALL.len()];
        if let Ok(url) = env::var(self.url_variable()) {
            return Ok(url);
        }
        self.check_image()?;
        SHARED[self as usize]
            .get_or_init(async || Ok(Container::shared(self).await?.url().await?))
            .await
            .clone()
    }

    /// Starts a server that no one else uses, for tests that stop it.
    ///
    /// # Errors
    /// As [`url`](Self::url). A server that a variable names is not one's own to stop, so that it is of no use here.
    pub async fn start(self) -> Result<Server, Unavailable> {
        if env::var_os(self.url_variable()).is_some() {
            let variable = self.url_variable();
            return Err(Unavailable(format!("the server of {variable} is not ours to stop; unset it")));
        }
        self.check_image()?;
        let container = Container::private(self).await?;
        Ok(Server { url: container.url().await?, container })
    }

    /// `cargo xtask test` has tried to make the image ready, and says where it could not.
    fn check_image(self) -> Result<(), Unavailable> {
        let variable = format!("CLOAKROOM_MISSING_{}", recipe::image_name(self));
        env::var(variable).map_or(Ok(()), |reason| Err(Unavailable::new(self, reason)))
    }

    fn url_variable(self) -> String {
        format!("CLOAKROOM_URL_{}", self.variable_name())
    }

    /// Its name as a part of a variable's.
    fn variable_name(self) -> String {
        self.name().replace('-', "_").to_ascii_uppercase()
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A server of a test's own, under one address for as long as it lives. Dropping it removes it.
#[derive(Debug)]
pub struct Server {
    container: Container,
    url: String,
}

impl Server {
    /// Where it is reached, also after a restart.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Ends it without patience: the engine asks its first process to stop and kills all in the same moment.
    ///
    /// # Errors
    /// Where the container engine refuses.
    pub async fn kill(&self) -> Result<(), Unavailable> {
        self.container.kill().await
    }

    /// Starts it again, with what it had written to its disk, and waits until it answers.
    ///
    /// # Errors
    /// Where the container engine refuses, or the server does not answer within a minute.
    pub async fn restart(&self) -> Result<(), Unavailable> {
        self.container.restart().await
    }

    /// Sends a signal, such as `KILL`, `STOP` and `CONT`, to one of its processes, by the number it has there: for
    /// services of several servers.
    ///
    /// # Errors
    /// Where the container engine refuses, or there is no such process.
    pub async fn signal(&self, signal: &str, process: u32) -> Result<(), Unavailable> {
        self.container.signal(signal, process).await
    }

    /// Stops all of its processes where they are: connections stay open and nobody answers.
    ///
    /// # Errors
    /// Where the container engine refuses.
    pub async fn pause(&self) -> Result<(), Unavailable> {
        self.container.pause().await
    }

    /// Lets it go on after [`pause`](Self::pause).
    ///
    /// # Errors
    /// Where the container engine refuses.
    pub async fn resume(&self) -> Result<(), Unavailable> {
        self.container.resume().await
    }
}

/// Why a service is not there for the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(String);

impl Unavailable {
    fn new(service: Service, reason: impl fmt::Display) -> Self {
        Self(format!(
            "{service} ({}) is not there; `cargo xtask test` prepares it, or {} may name a running one: {reason}",
            service.origin(),
            service.url_variable(),
        ))
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}
