use std::path::Path;

use cloakroom_conformance::Service;

use crate::error::Failure;

/// What state is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Backend {
    Memory,
    Redis,
    Postgres,
    Sqlite,
    Mariadb,
    Mongodb,
    Dynamodb,
}

impl Backend {
    pub(crate) const ALL: [Self; 7] = [
        Self::Memory,
        Self::Redis,
        Self::Postgres,
        Self::Sqlite,
        Self::Mariadb,
        Self::Mongodb,
        Self::Dynamodb,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
            Self::Mariadb => "mariadb",
            Self::Mongodb => "mongodb",
            Self::Dynamodb => "dynamodb",
        }
    }

    /// Whether most rivals have a store for it: those are compared over HTTP.
    pub(crate) fn has_rivals(self) -> bool {
        matches!(self, Self::Memory | Self::Redis | Self::Postgres | Self::Sqlite)
    }

    /// The server, which is started if it does not run yet; `None`: it is embedded.
    fn service(self) -> Option<Service> {
        match self {
            Self::Memory | Self::Sqlite => None,
            Self::Redis => Some(Service::Redis),
            Self::Postgres => Some(Service::Postgres),
            Self::Mariadb => Some(Service::Mariadb),
            Self::Mongodb => Some(Service::Mongodb),
            Self::Dynamodb => Some(Service::Dynamodb),
        }
    }

    /// Where it is, for the one who is called `user`: whoever shares a server keeps out of the others' way by
    /// itself, and a file is a user's own.
    pub(crate) async fn url(self, folder: &Path, user: &str) -> Result<String, Failure> {
        match self.service() {
            Some(service) => service.url().await.map_err(Failure::Missing),
            None if self == Self::Sqlite => Ok(format!("sqlite:{}", folder.join(user).display())),
            None => Ok("memory:".to_owned()),
        }
    }
}
