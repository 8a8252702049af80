use std::{env, fmt};

/// A server that tests run against.
///
/// The first test that needs one [starts](Self::url) its container, which later test programs find and use too.
/// Where an environment variable names a server that is running already, that one is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// One Redis server.
    Redis,
    /// One Redis server that speaks TLS only.
    RedisTls,
    /// Three Redis masters with a replica each.
    RedisCluster,
    /// A Redis master and its replica, watched by three sentinels.
    RedisSentinel,
    /// One Valkey server.
    Valkey,
    /// PostgreSQL.
    Postgres,
    /// MariaDB, or MySQL where the image is one.
    Mariadb,
    /// MongoDB, or what speaks its wire protocol.
    Mongodb,
    /// Amazon's DynamoDB Local.
    Dynamodb,
}

impl Service {
    /// The name that tests and environment variables have it by, such as `redis-cluster`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::RedisTls => "redis-tls",
            Self::RedisCluster => "redis-cluster",
            Self::RedisSentinel => "redis-sentinel",
            Self::Valkey => "valkey",
            Self::Postgres => "postgres",
            Self::Mariadb => "mariadb",
            Self::Mongodb => "mongodb",
            Self::Dynamodb => "dynamodb",
        }
    }

    /// The URL of a running server, started by the first call.
    ///
    /// `CLOAKROOM_URL_REDIS_CLUSTER` and its like name a server to use instead.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn url(self) -> Result<String, Unavailable> {
        let variable = self.variable("URL");
        env::var(&variable).map_err(|_| Unavailable(format!("{variable} is not set")))
    }

    /// `CLOAKROOM_<what>_<name>`.
    fn variable(self, what: &str) -> String {
        format!("CLOAKROOM_{what}_{}", self.name().replace('-', "_").to_ascii_uppercase())
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a service is not there for the tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}
