//! `postgres:` and `postgresql:`.

use std::{sync::Arc, time::Duration};

use cloakroom_storage::{Storage, StorageError};
use cloakroom_storage_sqlx::{PostgresConfig, PostgresStorage};
use serde::Deserialize;

use crate::{StorageConfig, duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default, deserialize_with = "duration::optional")]
    connect_timeout: Option<Duration>,
    schema: Option<String>,
    table: Option<String>,
    create_table: Option<bool>,
    unlogged: Option<bool>,
    statement_cache: Option<bool>,
    max_connections: Option<u32>,
    #[serde(default, deserialize_with = "duration::optional_or_never")]
    sweep_interval: Option<Option<Duration>>,
}

pub(super) async fn open(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
    let options: Options = config.options.read("postgres")?;
    let mut postgres = PostgresConfig::new(config.url)
        .with_namespace(config.namespace)
        // The layer around the storage ends an operation; this ends what is left of it on the connection.
        .with_response_timeout(config.timeout);
    if let Some(limit) = options.connect_timeout {
        postgres = postgres.with_connect_timeout(limit);
    }
    if let Some(schema) = options.schema {
        postgres = postgres.with_schema(schema);
    }
    if let Some(table) = options.table {
        postgres = postgres.with_table(table);
    }
    if let Some(create) = options.create_table {
        postgres = postgres.with_create_table(create);
    }
    if let Some(unlogged) = options.unlogged {
        postgres = postgres.with_unlogged(unlogged);
    }
    if let Some(cache) = options.statement_cache {
        postgres = postgres.with_statement_cache(cache);
    }
    if let Some(connections) = options.max_connections {
        postgres = postgres.with_max_connections(connections);
    }
    if let Some(interval) = options.sweep_interval {
        postgres = postgres.with_sweep_interval(interval);
    }
    Ok(Arc::new(PostgresStorage::connect(&postgres).await?))
}
