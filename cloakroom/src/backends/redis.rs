//! `redis:`, `rediss:`, `valkey:`, `valkeys:`, each with `+cluster` or `+sentinel`, and `redis+unix:`, `valkey+unix:`.

use std::{borrow::Cow, path::PathBuf, sync::Arc, time::Duration};

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
    client_certificate: Option<PathBuf>,
    client_key: Option<PathBuf>,
    wait_replicas: Option<usize>,
    #[serde(default, deserialize_with = "duration::optional")]
    wait_timeout: Option<Duration>,
    tcp_nodelay: Option<bool>,
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
        redis = redis.with_root_certificate(read("root_certificate", path)?);
    }
    match (options.client_certificate, options.client_key) {
        (Some(certificate), Some(key)) => {
            let (certificate, key) = (read("client_certificate", certificate)?, read("client_key", key)?);
            redis = redis.with_client_certificate(certificate, key);
        }
        (None, None) => {}
        _ => return Err(misconfigured("`client_certificate` and `client_key` go together; name both files")),
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
    if let Some(nodelay) = options.tcp_nodelay {
        redis = redis.with_tcp_nodelay(nodelay);
    }
    Ok(Arc::new(RedisStorage::connect(&redis).await?))
}

/// The file that an option names.
fn read(option: &str, path: PathBuf) -> Result<Vec<u8>, StorageError> {
    std::fs::read(path).map_err(|error| {
        misconfigured(format!("the file that `{option}` names cannot be read")).with_source(error)
    })
}

fn misconfigured(detail: impl Into<Cow<'static, str>>) -> StorageError {
    StorageError::new(ErrorKind::Misconfigured, "redis", Operation::Open).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Why that configuration opens nothing; the port is nobody's.
    async fn refused(options: &[(&str, &str)]) -> StorageError {
        let mut config = StorageConfig::new("rediss://127.0.0.1:1");
        for (name, value) in options {
            config = config.with_option(*name, *value);
        }
        open(config).await.err().expect("nobody listens there")
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_is_misconfigured_and_named_by_its_option() {
        for (option, others) in [
            ("root_certificate", &[][..]),
            ("client_certificate", &[("client_key", "Cargo.toml")]),
            ("client_key", &[("client_certificate", "Cargo.toml")]),
        ] {
            let error = refused(&[&[(option, "/no/such/file")], others].concat()).await;
            assert_eq!(error.kind(), ErrorKind::Misconfigured);
            assert!(error.to_string().contains(&format!("`{option}`")), "{error}");
        }
    }

    #[tokio::test]
    async fn a_client_certificate_and_its_key_go_together() {
        for option in ["client_certificate", "client_key"] {
            let error = refused(&[(option, "/no/such/file")]).await;
            assert_eq!(error.kind(), ErrorKind::Misconfigured);
            assert!(error.to_string().contains("go together"), "{error}");
        }
    }
}
