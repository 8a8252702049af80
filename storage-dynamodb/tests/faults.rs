//! What the storage makes of a DynamoDB that throttles, fails, lies about the time, or does not answer.

use std::{io, time::Duration};

use cloakroom_storage::{Bytes, ErrorKind, Storage, StorageError, Swap, Touch};
use cloakroom_storage_dynamodb::{DynamodbConfig, DynamodbStorage};
use serde_json::{Value, json};
use tokio::time::timeout;

mod stub;

use stub::{Answer, Stub, refuse};

const HOUR: Duration = Duration::from_secs(3_600);

async fn open(stub: &Stub) -> DynamodbStorage {
    DynamodbStorage::connect(&stub.config()).await.unwrap()
}

async fn swap(storage: &DynamodbStorage) -> Result<Swap, StorageError> {
    storage.compare_and_swap("secret-key", Some(b"old"), Some(Bytes::from("new")), Some(HOUR)).await
}

#[tokio::test]
async fn every_operation_is_one_request() {
    let far = json!({ "k": { "S": "n:key" }, "v": { "B": "" }, "expires_at": { "N": "99999999999999" } });
    let stub = Stub::start(move |call| match call.target.as_str() {
        "GetItem" => Answer::json(json!({ "Item": far })),
        "UpdateItem" => Answer::json(json!({ "Attributes": far })),
        _ => Answer::json(json!({})),
    })
    .await;
    let storage = open(&stub).await;
    stub.forget_calls();
    storage.get("key").await.unwrap();
    storage.set("key", Bytes::from("value"), Some(HOUR)).await.unwrap();
    storage.set("key", Bytes::from("value"), Some(Duration::ZERO)).await.unwrap();
    storage.delete("key").await.unwrap();
    assert!(swap(&storage).await.unwrap().is_swapped());
    assert!(!storage.get_and_touch("key", Touch::new(HOUR, HOUR)).await.unwrap().unwrap().extended);
    assert!(storage.get_and_touch("key", Touch::new(HOUR, Duration::ZERO)).await.unwrap().unwrap().extended);
    storage.ping().await.unwrap();
    storage.purge_expired().await.unwrap();
    let expected =
        ["GetItem", "PutItem", "DeleteItem", "DeleteItem", "PutItem", "GetItem", "UpdateItem", "GetItem"];
    assert_eq!(stub.calls(), expected);
}

#[tokio::test]
async fn a_write_that_was_throttled_is_tried_again() {
    let stub = Stub::start(|call| match call.number {
        0 | 1 => refuse(400, "ProvisionedThroughputExceededException"),
        _ => Answer::json(json!({ "Attributes": { "v": { "B": "" } } })),
    })
    .await;
    let storage = open(&stub).await;
    assert!(swap(&storage).await.unwrap().is_swapped());
    assert!(storage.get_and_touch("key", Touch::new(HOUR, Duration::ZERO)).await.unwrap().unwrap().extended);
    storage.set("key", Bytes::from("value"), None).await.unwrap();
}

#[tokio::test]
async fn what_stays_throttled_is_unavailable_and_may_be_tried_later() {
    let stub = Stub::start(|_| refuse(400, "ThrottlingException")).await;
    let storage = open(&stub).await;
    let touched = storage.get_and_touch("key", Touch::new(HOUR, Duration::ZERO)).await;
    let errors = [
        storage.get("key").await.unwrap_err(),
        storage.set("key", Bytes::new(), None).await.unwrap_err(),
        swap(&storage).await.unwrap_err(),
        touched.unwrap_err(),
        storage.reset().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.is_retryable());
        assert!(error.to_string().contains("throttles"), "{error}");
    }
}

/// It was perhaps carried out, and would find its own value the second time.
#[tokio::test]
async fn a_swap_whose_answer_was_lost_is_not_sent_twice() {
    for lost in [Answer::HangUp, refuse(500, "InternalServerError")] {
        let stub = Stub::start(move |_| lost.clone()).await;
        let storage = open(&stub).await;
        stub.forget_calls();
        let error = swap(&storage).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        let delete = storage.compare_and_swap("key", Some(b"old"), None, None).await;
        assert!(delete.unwrap_err().is_retryable());
        assert_eq!(stub.calls(), ["PutItem", "DeleteItem"]);
    }
}

#[tokio::test]
async fn a_read_whose_answer_was_lost_is_sent_again() {
    for lost in [Answer::HangUp, refuse(500, "InternalServerError")] {
        let stub = Stub::start(move |call| match call.number {
            0 => lost.clone(),
            _ => Answer::json(json!({ "Item": { "v": { "B": "" } } })),
        })
        .await;
        assert_eq!(open(&stub).await.get("key").await.unwrap(), Some(Bytes::new()));
    }
}

#[tokio::test]
async fn a_reset_sends_again_what_was_not_processed() {
    let stub = Stub::start(|call| match call.target.as_str() {
        "Scan" => {
            // Two pages of 60.
            let second = call.body.get("ExclusiveStartKey").is_some();
            let start = if second { 60 } else { 0 };
            let items: Vec<_> =
                (start..start + 60).map(|n| json!({ "k": { "S": format!("n:{n}") } })).collect();
            match second {
                true => Answer::json(json!({ "Items": items })),
                false => Answer::json(json!({ "Items": items, "LastEvaluatedKey": items[59] })),
            }
        }
        _ => {
            // Ten at most, and every third call is refused as a whole.
            let requests = call.body["RequestItems"]["sessions"].as_array().unwrap();
            assert!(requests.len() <= 25);
            if call.number % 3 == 2 {
                return refuse(400, "ProvisionedThroughputExceededException");
            }
            let rest: Vec<Value> = requests.iter().skip(10).cloned().collect();
            match rest.is_empty() {
                true => Answer::json(json!({ "UnprocessedItems": {} })),
                false => Answer::json(json!({ "UnprocessedItems": { "sessions": rest } })),
            }
        }
    })
    .await;
    open(&stub).await.reset().await.unwrap();
    let mut deleted: Vec<usize> = stub
        .answered("BatchWriteItem")
        .into_iter()
        .flat_map(|body| {
            body["RequestItems"]["sessions"].as_array().unwrap()[..]
                .iter()
                .take(10)
                .cloned()
                .collect::<Vec<_>>()
        })
        .map(|request| {
            let key = request["DeleteRequest"]["Key"]["k"]["S"].as_str().unwrap();
            key.strip_prefix("n:").unwrap().parse().unwrap()
        })
        .collect();
    deleted.sort_unstable();
    assert_eq!(deleted, (0..120).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_error_says_its_kind_and_the_cure_and_no_secret() {
    for (status, code, kind, cure) in [
        (400, "AccessDeniedException", ErrorKind::Misconfigured, "dynamodb:DescribeTable"),
        (400, "ExpiredTokenException", ErrorKind::Misconfigured, "renew"),
        (400, "UnrecognizedClientException", ErrorKind::Misconfigured, "access key"),
        (400, "InvalidSignatureException", ErrorKind::Misconfigured, "clock"),
        (400, "ResourceNotFoundException", ErrorKind::Misconfigured, "table"),
        (400, "ValidationException", ErrorKind::Other, "key"),
        (400, "TransactionConflictException", ErrorKind::Unavailable, "another write"),
        (503, "ServiceUnavailable", ErrorKind::Unavailable, "fault of its own"),
        (418, "Teapot", ErrorKind::Other, "Teapot"),
    ] {
        let stub = Stub::start(move |_| refuse(status, code)).await;
        let storage = open(&stub).await;
        for error in [
            storage.get("secret-key").await.unwrap_err(),
            storage.set("secret-key", Bytes::from("secret-value"), None).await.unwrap_err(),
            swap(&storage).await.unwrap_err(),
        ] {
            let shown = format!("{error} {error:?}");
            assert_eq!(error.kind(), kind, "{shown}");
            assert!(shown.contains(cure) && shown.contains(code), "{shown}");
            assert!(!shown.contains("secret-"), "{shown}");
        }
    }
}

#[tokio::test]
async fn no_debug_output_shows_the_secret_key() {
    let stub = Stub::start(|_| Answer::json(json!({}))).await;
    let config = stub.config().with_access_key("hush-id", "hush-secret");
    let storage = DynamodbStorage::connect(&config).await.unwrap();
    let shown = format!("{config:?} {storage:?}");
    assert!(!shown.contains("hush") && !shown.contains("local-secret"), "{shown}");
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_within_the_connect_timeout() {
    let refused = DynamodbConfig::new(
        "dynamodb:sessions?region=local&endpoint=http://127.0.0.1:1&access_key_id=a&secret_access_key=b",
    );
    let error = DynamodbStorage::connect(&refused).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("refused") && error.to_string().contains("`endpoint`"), "{error}");

    let nonsense = refused.with_endpoint("127.0.0.1:8000");
    let error = DynamodbStorage::connect(&nonsense).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("`http:`"), "{error}");

    let stub = Stub::start(|_| Answer::json(json!({}))).await;
    stub.be_silent(true);
    let config = stub.config().with_connect_timeout(Duration::from_millis(100));
    let error =
        timeout(Duration::from_secs(5), DynamodbStorage::connect(&config)).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("no answer within 100ms"), "{error}");
}

#[tokio::test]
async fn a_server_that_vanished_and_came_back_is_used_again() {
    let stub = Stub::start(|_| Answer::json(json!({}))).await;
    let storage = open(&stub).await;
    for _ in 0..3 {
        stub.be_silent(true);
        assert!(timeout(Duration::from_millis(50), storage.get("key")).await.is_err());
        stub.be_silent(false);
        timeout(Duration::from_secs(5), storage.get("key")).await.unwrap().unwrap();
    }
}

/// What a subscriber wrote.
#[derive(Clone, Default)]
struct Log(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_clock_that_is_off_and_a_table_without_ttl_are_warned_about() {
    let log = Log::default();
    let sink = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || sink.clone()).finish();
    let _subscribed = tracing::subscriber::set_default(subscriber);
    let shown = || String::from_utf8(std::mem::take(&mut *log.0.lock().unwrap())).unwrap();

    open(&Stub::start(|_| Answer::json(json!({}))).await).await;
    assert_eq!(shown(), "");

    let stub = Stub::start(|_| Answer::json(json!({}))).await;
    stub.date("Thu, 01 Jan 2015 00:00:00 GMT");
    stub.without_ttl();
    open(&stub).await;
    let shown = shown();
    assert!(shown.contains("NTP"), "{shown}");
    assert!(shown.contains("update-time-to-live --table-name sessions"), "{shown}");
}
