//! What the tests need servers of.

use super::recipe::{self, Recipe};

/// A kind of server, whatever it is made to do (a cluster, TLS) by the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    Redis,
    Valkey,
    Postgres,
    Pgbouncer,
    Mariadb,
    Mysql,
    Mongodb,
    Ferretdb,
    Dynamodb,
}

impl Service {
    pub(crate) const ALL: [Self; 9] = [
        Self::Redis,
        Self::Valkey,
        Self::Postgres,
        Self::Pgbouncer,
        Self::Mariadb,
        Self::Mysql,
        Self::Mongodb,
        Self::Ferretdb,
        Self::Dynamodb,
    ];

    /// As in `cloakroom_conformance::Service`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
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

    /// `CLOAKROOM_<what>_<name>`.
    pub(crate) fn variable(self, what: &str) -> String {
        format!("CLOAKROOM_{what}_{}", self.name().to_ascii_uppercase())
    }

    /// The image that is taken where it is to be had, if there is one that starts like the others.
    pub(crate) fn official(self) -> Option<&'static str> {
        Some(match self {
            Self::Redis => "redis:8.2",
            Self::Valkey => "valkey/valkey:8.1",
            Self::Postgres => "postgres:17",
            Self::Mariadb => "mariadb:11.8",
            Self::Mysql => "mysql:8.4",
            Self::Mongodb => "mongo:8",
            Self::Pgbouncer | Self::Ferretdb => return None,
            Self::Dynamodb => "amazon/dynamodb-local:2.6.1",
        })
    }

    /// What is built where the official image is not to be had.
    pub(crate) fn stand_in(self) -> &'static Recipe {
        match self {
            Self::Redis => &recipe::REDIS,
            Self::Valkey => &recipe::VALKEY,
            Self::Postgres | Self::Pgbouncer => &recipe::POSTGRESQL,
            Self::Mariadb => &recipe::MARIADB,
            Self::Mysql => &recipe::MYSQL,
            Self::Mongodb => &recipe::FERRETDB_DOCUMENTDB,
            Self::Ferretdb => &recipe::FERRETDB,
            Self::Dynamodb => &recipe::DYNAMODB_LOCAL,
        }
    }

    /// What is built where the stand-in cannot be: its packages are of a release that changes from day to day.
    pub(crate) fn second_stand_in(self) -> Option<&'static Recipe> {
        match self {
            Self::Mysql => Some(&recipe::MARIADB),
            Self::Mongodb => Some(&recipe::FERRETDB),
            _ => None,
        }
    }
}
