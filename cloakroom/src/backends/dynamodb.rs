//! `dynamodb:TABLE`.

use std::{sync::Arc, time::Duration};

use cloakroom_storage::{ErrorKind, Operation, Storage, StorageError};
use cloakroom_storage_dynamodb::{DynamodbConfig, DynamodbStorage};
use serde::Deserialize;

use crate::{StorageConfig, duration};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default, deserialize_with = "duration::optional")]
    connect_timeout: Option<Duration>,
    region: Option<String>,
    endpoint: Option<String>,
    profile: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    create_table: Option<bool>,
}

pub(super) async fn open(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
    let options: Options = config.options.read("dynamodb")?;
    let mut dynamodb = DynamodbConfig::new(config.url).with_namespace(config.namespace);
    if let Some(limit) = options.connect_timeout {
        dynamodb = dynamodb.with_connect_timeout(limit);
    }
    if let Some(region) = options.region {
        dynamodb = dynamodb.with_region(region);
    }
    if let Some(endpoint) = options.endpoint {
        dynamodb = dynamodb.with_endpoint(endpoint);
    }
    if let Some(profile) = options.profile {
        dynamodb = dynamodb.with_profile(profile);
    }
    if let Some(create) = options.create_table {
        dynamodb = dynamodb.with_create_table(create);
    }
    match (options.access_key_id, options.secret_access_key) {
        (Some(id), Some(secret)) => dynamodb = dynamodb.with_access_key(id, secret),
        (None, None) => {}
        _ => {
            let error = StorageError::new(ErrorKind::Misconfigured, "dynamodb", Operation::Open);
            return Err(error.with_detail("`access_key_id` and `secret_access_key` go together"));
        }
    }
    Ok(Arc::new(DynamodbStorage::connect(&dynamodb).await?))
}
