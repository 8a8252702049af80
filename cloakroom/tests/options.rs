//! The options of every backend: `[storage.options]`.

#![cfg(all(
    feature = "dynamodb",
    feature = "memory",
    feature = "mongodb",
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]

use cloakroom::{Backends, ConnectError, ErrorKind, StorageConfig, StorageError};

/// A URL of each backend, at which nobody listens, and every option that it documents.
const BACKENDS: [(&str, &[(&str, &str)]); 7] = [
    ("memory:", &[("max_bytes", "1048576")]),
    (
        "redis://127.0.0.1:1",
        &[
            ("connect_timeout", "1s"),
            ("wait_replicas", "1"),
            ("wait_timeout", "100ms"),
            ("tcp_nodelay", "true"),
        ],
    ),
    (
        "postgres://nobody@127.0.0.1:1/nothing",
        &[
            ("connect_timeout", "1s"),
            ("schema", "shop"),
            ("table", "sessions"),
            ("create_table", "false"),
            ("unlogged", "true"),
            ("statement_cache", "false"),
            ("max_connections", "3"),
            ("sweep_interval", "never"),
        ],
    ),
    (
        "mysql://nobody@127.0.0.1:1/nothing",
        &[
            ("connect_timeout", "1s"),
            ("table", "sessions"),
            ("create_table", "false"),
            ("statement_cache", "false"),
            ("max_connections", "3"),
            ("sweep_interval", "10s"),
        ],
    ),
    (
        "sqlite::memory:",
        &[
            ("connect_timeout", "1s"),
            ("busy_timeout", "1s"),
            ("table", "sessions"),
            ("create_table", "true"),
            ("max_readers", "2"),
            ("synchronous", "full"),
            ("sweep_interval", "10s"),
        ],
    ),
    (
        "mongodb://127.0.0.1:1/nothing",
        &[
            ("connect_timeout", "1s"),
            ("database", "shop"),
            ("collection", "sessions"),
            ("max_pool_size", "3"),
            ("sweep_interval", "never"),
        ],
    ),
    (
        "dynamodb:sessions",
        &[
            ("connect_timeout", "1s"),
            ("region", "local"),
            ("endpoint", "http://127.0.0.1:1"),
            ("access_key_id", "local"),
            ("secret_access_key", "local"),
            ("create_table", "false"),
        ],
    ),
];

async fn open(config: &StorageConfig) -> Result<(), StorageError> {
    match Backends::new().open(config).await {
        Ok(_) => Ok(()),
        Err(ConnectError::Storage(error)) => Err(error),
        Err(other) => panic!("{config:?}: {other}"),
    }
}

#[tokio::test]
async fn an_unknown_option_is_an_error_that_lists_the_known_ones() {
    for (url, options) in BACKENDS {
        let error = open(&StorageConfig::new(url).with_option("hoks", "hush")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");
        let text = error.to_string();
        assert!(text.contains("unknown field `hoks`, expected"), "{text}");
        assert!(options.iter().all(|(option, _)| text.contains(option)), "{text}");
        assert!(!text.contains("hush"), "{text}");
    }
}

#[tokio::test]
async fn every_documented_option_is_taken_and_a_server_that_is_away_is_unavailable() {
    for (url, options) in BACKENDS {
        let mut config = StorageConfig::new(url);
        for (option, value) in options {
            config = config.with_option(*option, value);
        }
        let is_embedded = matches!(url, "memory:" | "sqlite::memory:");
        match open(&config).await {
            Ok(()) => assert!(is_embedded, "{url}: nobody listens there"),
            Err(error) => {
                assert!(!is_embedded, "{error}");
                assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout), "{error}");
            }
        }
    }
}

#[tokio::test]
async fn an_ill_formed_option_is_named_and_its_value_is_not_shown() {
    for (url, option) in [
        ("memory:", "max_bytes"),
        ("redis://127.0.0.1:1", "wait_replicas"),
        ("postgres://127.0.0.1:1/nothing", "unlogged"),
        ("mysql://127.0.0.1:1/nothing", "max_connections"),
        ("sqlite::memory:", "synchronous"),
        ("mongodb://127.0.0.1:1", "sweep_interval"),
        ("dynamodb:sessions", "connect_timeout"),
    ] {
        let error = open(&StorageConfig::new(url).with_option(option, "hush")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");
        let text = format!("{error} {error:?}");
        assert!(text.contains(option), "{text}");
        assert!(!text.contains("hush"), "{text}");
    }
}
