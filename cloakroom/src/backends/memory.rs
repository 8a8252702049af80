//! `memory:`.

use std::{num::NonZeroU64, sync::Arc};

use cloakroom_storage::{ErrorKind, Operation, Storage, StorageError};
use cloakroom_storage_memory::{MemoryConfig, MemoryStorage};
use serde::Deserialize;

use crate::StorageConfig;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    max_bytes: Option<NonZeroU64>,
}

pub(super) async fn open(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
    if config.url.split_once(':').is_some_and(|(_, rest)| !rest.is_empty()) {
        let error = StorageError::new(ErrorKind::Misconfigured, "memory", Operation::Open);
        return Err(
            error.with_detail("the URL is `memory:` and nothing more; its bound is the option `max_bytes`")
        );
    }
    let options: Options = config.options.read("memory")?;
    let bounded = options
        .max_bytes
        .map_or_else(MemoryConfig::default, |bytes| MemoryConfig::default().with_max_bytes(bytes.get()));
    Ok(Arc::new(MemoryStorage::with_config(bounded).namespace(&config.namespace)))
}
