//! `mysql:` and `mariadb:`.

use std::{sync::Arc, time::Duration};

use cloakroom_storage::{Storage, StorageError};
use cloakroom_storage_sqlx::{MysqlConfig, MysqlStorage};
use serde::Deserialize;

use crate::{StorageConfig, duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default, deserialize_with = "duration::optional")]
    connect_timeout: Option<Duration>,
    table: Option<String>,
    create_table: Option<bool>,
    statement_cache: Option<bool>,
    max_connections: Option<u32>,
    #[serde(default, deserialize_with = "duration::optional_or_never")]
    sweep_interval: Option<Option<Duration>>,
}

pub(super) async fn open(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
    let options: Options = config.options.read("mysql")?;
    let mut mysql = MysqlConfig::new(config.url)
        .with_namespace(config.namespace)
        // The layer around the storage ends an operation; this ends what is left of it on the connection.
        .with_response_timeout(config.timeout);
    if let Some(limit) = options.connect_timeout {
        mysql = mysql.with_connect_timeout(limit);
    }
    if let Some(table) = options.table {
        mysql = mysql.with_table(table);
    }
    if let Some(create) = options.create_table {
        mysql = mysql.with_create_table(create);
    }
    if let Some(cache) = options.statement_cache {
        mysql = mysql.with_statement_cache(cache);
    }
    if let Some(connections) = options.max_connections {
        mysql = mysql.with_max_connections(connections);
    }
    if let Some(interval) = options.sweep_interval {
        mysql = mysql.with_sweep_interval(interval);
    }
    Ok(Arc::new(MysqlStorage::connect(&mysql).await?))
}
