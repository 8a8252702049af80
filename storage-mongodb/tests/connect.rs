//! What is said where no connection is made, and that it says no secret.

use std::time::Duration;

use cloakroom_storage::{ErrorKind, Operation, StorageError};
use cloakroom_storage_mongodb::{MongodbConfig, MongodbStorage};

async fn refused(url: &str) -> StorageError {
    let config = MongodbConfig::new(url).with_connect_timeout(Duration::from_millis(500));
    let error = MongodbStorage::connect(&config).await.unwrap_err();
    assert_eq!((error.backend(), error.operation()), ("mongodb", Operation::Open));
    let shown = format!("{error} {error:?} {config:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    error
}

#[tokio::test]
async fn another_scheme_is_refused_and_the_right_ones_are_named() {
    for url in ["postgres://user:s3cret@host/shop", "host:27017", "", "mongodb:host", "MONGODB://host"] {
        let error = refused(url).await;
        assert_eq!(error.kind(), ErrorKind::Misconfigured);
        assert!(error.to_string().contains("mongodb+srv://"), "{error}");
    }
}

#[tokio::test]
async fn a_url_that_cannot_be_parsed_is_refused_without_quoting_it() {
    for url in [
        "mongodb://user:s3cret/with/slashes@host/shop",
        "mongodb://user:s3cret@part@host/shop",
        "mongodb://user:s3cret@host:port/shop",
        "mongodb://user:s3cret@host/shop?w=-1",
        "mongodb://user:s3cret@host/shop?directConnection=s3cret",
        "mongodb://user:s3cret@host/shop?retryWritez=true",
        "mongodb://user:100%s3cret@host/shop",
        "mongodb://",
    ] {
        let error = refused(url).await;
        assert_eq!(error.kind(), ErrorKind::Misconfigured, "{url}: {error}");
        assert!(error.to_string().contains("percent-encoded"), "{error}");
    }
}

#[tokio::test]
async fn a_port_where_nothing_listens_is_unavailable_and_said_so() {
    let error = refused("mongodb://user:s3cret@127.0.0.1:1/shop").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("nothing listens there"), "{error}");
}

#[tokio::test]
async fn a_host_that_is_not_known_is_unavailable_and_said_so() {
    let error = refused("mongodb://user:s3cret@no-such-host.invalid/shop").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("check the URL's host"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_unavailable_within_the_connect_timeout() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let began = tokio::time::Instant::now();
    let error = refused(&format!("mongodb://user:s3cret@{}/shop", silent.local_addr().unwrap())).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_certificate_file_that_is_not_there_is_named_as_the_cause() {
    let error = refused("mongodb://user:s3cret@127.0.0.1:1/shop?tls=true&tlsCAFile=/nowhere/ca.pem").await;
    assert!(error.to_string().contains("TLS"), "{error}");
}
