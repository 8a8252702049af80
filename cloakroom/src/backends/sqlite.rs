//! `sqlite:PATH` and `sqlite::memory:`.

use std::{sync::Arc, time::Duration};

use cloakroom_storage::{Storage, StorageError};
use cloakroom_storage_sqlx::{SqliteConfig, SqliteStorage, Synchronous};
use serde::Deserialize;

use crate::{StorageConfig, duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default, deserialize_with = "duration::optional")]
    connect_timeout: Option<Duration>,
    #[serde(default, deserialize_with = "duration::optional")]
    busy_timeout: Option<Duration>,
    table: Option<String>,
    create_table: Option<bool>,
    max_readers: Option<u32>,
    synchronous: Option<Level>,
    #[serde(default, deserialize_with = "duration::optional_or_never")]
    sweep_interval: Option<Option<Duration>>,
}

#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Level(Synchronous);

impl TryFrom<String> for Level {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.as_str() {
            "normal" => Ok(Self(Synchronous::Normal)),
            "full" => Ok(Self(Synchronous::Full)),
            _ => Err("it is `normal` or `full`"),
        }
    }
}

pub(super) async fn open(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
    let options: Options = config.options.read("sqlite")?;
    let mut sqlite = SqliteConfig::new(config.url).with_namespace(config.namespace);
    if let Some(limit) = options.connect_timeout {
        sqlite = sqlite.with_connect_timeout(limit);
    }
    if let Some(limit) = options.busy_timeout {
        sqlite = sqlite.with_busy_timeout(limit);
    }
    if let Some(table) = options.table {
        sqlite = sqlite.with_table(table);
    }
    if let Some(create) = options.create_table {
        sqlite = sqlite.with_create_table(create);
    }
    if let Some(readers) = options.max_readers {
        sqlite = sqlite.with_max_readers(readers);
    }
    if let Some(Level(level)) = options.synchronous {
        sqlite = sqlite.with_synchronous(level);
    }
    if let Some(interval) = options.sweep_interval {
        sqlite = sqlite.with_sweep_interval(interval);
    }
    Ok(Arc::new(SqliteStorage::connect(&sqlite).await?))
}
