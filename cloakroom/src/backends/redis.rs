//! `redis:`, `rediss:`, `valkey:`, `valkeys:`, and each with `+cluster` or `+sentinel`.

use std::{path::PathBuf, sync::Arc, time::Duration};

use cloakroom_storage::{ErrorKind, Operation, Storage, StorageError};
use cloakroom_storage_redis::{RedisConfig, RedisStorage};
use serde::Deserialize;

use crate::{StorageConfig, duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default, deserialize_with = "duration::optional")]
    connect_timeout: Option<Duration>,
    root_certificate: Option<PathBuf>,
    wait_replicas: Option<usize>,
    #[serde(default, deserialize_with = "duration::optional")]
    wait_timeout: Option<Duration>,
}

pub(super) async fn open(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
    let options: Options = config.options.read("redis")?;
    let mut redis = RedisConfig::new(config.url)
        .with_namespace(config.namespace)
        // The layer around the storage ends an operation; this ends what is left of it on the connection.
        .with_response_timeout(config.timeout);
    if let Some(limit) = options.connect_timeout {
        redis = redis.with_connect_timeout(limit);
    }
    if let Some(path) = options.root_certificate {
        let pem = std::fs::read(path).map_err(|error| {
            misconfigured("the file that `root_certificate` names cannot be read").with_source(error)
        })?;
        redis = redis.with_root_certificate(pem);
    }
    match (options.wait_replicas, options.wait_timeout) {
        (Some(replicas), timeout) => {
            redis = redis.with_wait_replicas(replicas, timeout.unwrap_or(config.timeout / 2));
        }
        (None, Some(_)) => {
            return Err(misconfigured("`wait_timeout` needs `wait_replicas`, the number to wait for"));
        }
        (None, None) => {}
    }
    Ok(Arc::new(RedisStorage::connect(&redis).await?))
}

fn misconfigured(detail: &'static str) -> StorageError {
    StorageError::new(ErrorKind::Misconfigured, "redis", Operation::Open).with_detail(detail)
}
