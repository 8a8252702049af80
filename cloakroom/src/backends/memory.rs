//! `memory:` and `memory:?max_bytes=67108864`.

use std::sync::Arc;

use cloakroom_storage::{ErrorKind, Operation, Storage, StorageError};
use cloakroom_storage_memory::{MemoryConfig, MemoryStorage};

use crate::StorageConfig;

pub(super) async fn open(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
    let options = options(&config.url)?;
    Ok(Arc::new(MemoryStorage::with_config(options).namespace(&config.namespace)))
}

fn options(url: &str) -> Result<MemoryConfig, StorageError> {
    let mut options = MemoryConfig::default();
    let (_, rest) = url.split_once(':').unwrap_or((url, ""));
    if rest.is_empty() {
        return Ok(options);
    }
    let Some(query) = rest.strip_prefix('?') else {
        return Err(misconfigured(
            "the URL has no host and no path: `memory:` or `memory:?max_bytes=67108864`",
        ));
    };
    for (option, value) in form_urlencoded::parse(query.as_bytes()) {
        options = match &*option {
            "max_bytes" => options.with_max_bytes(bytes(&value)?),
            _ => {
                return Err(misconfigured(format!(
                    "unknown option `{option}`; the known one is `max_bytes`"
                )));
            }
        };
    }
    Ok(options)
}

fn bytes(value: &str) -> Result<u64, StorageError> {
    let positive = value.parse().ok().filter(|bytes| *bytes > 0);
    positive
        .ok_or_else(|| misconfigured("`max_bytes` is a whole number of bytes above zero, such as 67108864"))
}

fn misconfigured(detail: impl Into<std::borrow::Cow<'static, str>>) -> StorageError {
    StorageError::new(ErrorKind::Misconfigured, "memory", Operation::Open).with_detail(detail)
}
