//! The storages keep the contract.

use std::{process::ExitCode, sync::LazyLock, time::Duration};

use cloakroom_conformance::{Factory, Service, Suite, test_main};
use cloakroom_storage::{Namespace, StorageError};
use cloakroom_storage_sqlx::{
    MysqlConfig, MysqlStorage, PostgresConfig, PostgresStorage, SqliteConfig, SqliteStorage, sqlx,
};
use tempfile::TempDir;
use tokio::sync::OnceCell;

fn main() -> ExitCode {
    test_main([
        sqlite_file(),
        sqlite_memory(),
        postgres(),
        postgres_without_prepared_statements(),
        postgres_behind_pgbouncer(),
        mariadb(),
        mariadb_without_prepared_statements(),
        mysql(),
        mysql_without_prepared_statements(),
    ])
}

/// Every storage has connections of its own to one file, as processes would.
fn sqlite_file() -> Suite {
    let folder = LazyLock::new(|| TempDir::new().unwrap());
    Suite::new(
        "sqlite",
        Factory::new(move |namespace: Namespace| {
            let url = format!("sqlite:{}/a file.db", folder.path().display());
            async move { SqliteStorage::connect(&SqliteConfig::new(url).with_namespace(namespace)).await }
        }),
    )
}

/// All storages share the one connection of a pool that is handed in.
fn sqlite_memory() -> Suite {
    static POOL: OnceCell<sqlx::SqlitePool> = OnceCell::const_new();
    Suite::new(
        "sqlite in memory",
        Factory::new(|namespace: Namespace| async move {
            let options =
                sqlx::sqlite::SqlitePoolOptions::new().max_connections(1).test_before_acquire(false);
            let pool = POOL
                .get_or_try_init(|| options.idle_timeout(None).max_lifetime(None).connect("sqlite::memory:"))
                .await
                .map_err(|error| error.to_string())?;
            let config = SqliteConfig::new("").with_namespace(namespace);
            SqliteStorage::with_pool(pool.clone(), &config).await.map_err(|error| error.to_string())
        }),
    )
}

fn postgres() -> Suite {
    Suite::on("postgres", Service::Postgres, |url, namespace| async move {
        PostgresStorage::connect(&patient(PostgresConfig::new(url)).with_namespace(namespace)).await
    })
}

fn postgres_without_prepared_statements() -> Suite {
    Suite::on("postgres without prepared statements", Service::Postgres, |url, namespace| async move {
        let config = patient(PostgresConfig::new(url)).with_namespace(namespace).with_statement_cache(false);
        PostgresStorage::connect(&config).await
    })
}

/// In transaction mode. Its URL switches the statement cache off.
fn postgres_behind_pgbouncer() -> Suite {
    Suite::on("postgres behind pgbouncer", Service::Pgbouncer, |url, namespace| async move {
        PostgresStorage::connect(&patient(PostgresConfig::new(url)).with_namespace(namespace)).await
    })
}

fn mariadb() -> Suite {
    Suite::on("mariadb", Service::Mariadb, prepared)
}

fn mariadb_without_prepared_statements() -> Suite {
    Suite::on("mariadb without prepared statements", Service::Mariadb, unprepared)
}

fn mysql() -> Suite {
    Suite::on("mysql", Service::Mysql, prepared)
}

fn mysql_without_prepared_statements() -> Suite {
    Suite::on("mysql without prepared statements", Service::Mysql, unprepared)
}

async fn prepared(url: String, namespace: Namespace) -> Result<MysqlStorage, StorageError> {
    let config = MysqlConfig::new(url).with_namespace(namespace);
    MysqlStorage::connect(&config.with_connect_timeout(PATIENCE)).await
}

async fn unprepared(url: String, namespace: Namespace) -> Result<MysqlStorage, StorageError> {
    let config = MysqlConfig::new(url).with_namespace(namespace).with_statement_cache(false);
    MysqlStorage::connect(&config.with_connect_timeout(PATIENCE)).await
}

/// A password takes long to prove in a debug build, and many cases connect at once.
const PATIENCE: Duration = Duration::from_secs(60);

fn patient(config: PostgresConfig) -> PostgresConfig {
    config.with_max_connections(4).with_connect_timeout(PATIENCE)
}
