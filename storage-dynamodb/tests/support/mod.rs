//! What the tests on a running DynamoDB share.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region},
};
use cloakroom_storage_dynamodb::{DynamodbConfig, aws_sdk_dynamodb};

/// A name that no other test or run uses, for a namespace or a table.
pub(crate) fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("t{nanos:x}-{:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The table of that name on the server of `url`.
pub(crate) fn table(url: &str, name: &str) -> DynamodbConfig {
    let (_, options) = url.split_once('?').unwrap();
    DynamodbConfig::new(format!("dynamodb:{name}?{options}"))
}

/// The table that the URL names.
pub(crate) fn table_of(url: &str) -> String {
    url.trim_start_matches("dynamodb:").split('?').next().unwrap().to_owned()
}

/// A client of the test's own.
pub(crate) fn client(url: &str) -> Client {
    let endpoint = url.split(['?', '&']).find_map(|option| option.strip_prefix("endpoint=")).unwrap();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    Client::from_conf(config.build())
}
