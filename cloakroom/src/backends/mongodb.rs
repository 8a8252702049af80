//! `mongodb:` and `mongodb+srv:`.

use std::{sync::Arc, time::Duration};

use cloakroom_storage::{Storage, StorageError};
use cloakroom_storage_mongodb::{MongodbConfig, MongodbStorage};
use serde::Deserialize;

use crate::{StorageConfig, duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default, deserialize_with = "duration::optional")]
    connect_timeout: Option<Duration>,
    database: Option<String>,
    collection: Option<String>,
    max_pool_size: Option<u32>,
    #[serde(default, deserialize_with = "duration::optional_or_never")]
    sweep_interval: Option<Option<Duration>>,
}

pub(super) async fn open(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
    let options: Options = config.options.read("mongodb")?;
    let mut mongodb = MongodbConfig::new(config.url).with_namespace(config.namespace);
    if let Some(limit) = options.connect_timeout {
        mongodb = mongodb.with_connect_timeout(limit);
    }
    if let Some(database) = options.database {
        mongodb = mongodb.with_database(database);
    }
    if let Some(collection) = options.collection {
        mongodb = mongodb.with_collection(collection);
    }
    if let Some(connections) = options.max_pool_size {
        mongodb = mongodb.with_max_pool_size(connections);
    }
    if let Some(interval) = options.sweep_interval {
        mongodb = mongodb.with_sweep_interval(interval.unwrap_or_default());
    }
    Ok(Arc::new(MongodbStorage::connect(&mongodb).await?))
}
