//! What lies in the table, beside what others put there.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use cloakroom_conformance::Service;
use cloakroom_storage::{Bytes, ErrorKind, Storage, Swap, Touch};
use cloakroom_storage_dynamodb::{DynamodbStorage, aws_sdk_dynamodb};
use tokio::sync::watch;

mod support;

use support::{client, fresh_name, table, table_of};

cloakroom_conformance::service_tests! {
    Service::Dynamodb => [
        an_item_holds_the_expiry_in_milliseconds_and_for_the_reaper_in_whole_seconds_rounded_up,
        a_value_that_never_expires_is_not_given_to_the_reaper,
        a_touch_leaves_no_item_without_a_value,
        a_touch_past_its_slack_extends_both_expiries,
        the_largest_values_can_be_swapped,
        an_expected_value_that_is_too_large_to_exist_is_a_conflict,
        a_reset_leaves_neighbours_and_foreign_items_alone_while_both_write,
        an_item_that_something_else_wrote_into_the_namespace_is_corrupt,
    ],
}

const HOUR: Duration = Duration::from_secs(3_600);

/// A storage in a namespace of its own, on the table of `url`.
async fn open(url: &str) -> (DynamodbStorage, String) {
    let namespace = fresh_name();
    let config = table(url, &table_of(url)).with_namespace(namespace.parse().unwrap());
    (DynamodbStorage::connect(&config).await.unwrap(), namespace)
}

async fn raw(client: &Client, url: &str, key: String) -> Option<HashMap<String, AttributeValue>> {
    let call = client.get_item().table_name(table_of(url)).key("k", AttributeValue::S(key));
    call.consistent_read(true).send().await.unwrap().item
}

fn number(item: &HashMap<String, AttributeValue>, name: &str) -> u64 {
    item[name].as_n().unwrap().parse().unwrap()
}

async fn an_item_holds_the_expiry_in_milliseconds_and_for_the_reaper_in_whole_seconds_rounded_up(
    url: String,
) {
    let (storage, namespace) = open(&url).await;
    storage.set("key", Bytes::from("value"), Some(HOUR)).await.unwrap();
    let item = raw(&client(&url), &url, format!("{namespace}:key")).await.unwrap();
    assert_eq!(item["v"], AttributeValue::B(Blob::new("value")));
    assert_eq!(number(&item, "ttl"), number(&item, "expires_at").div_ceil(1_000));
    storage.reset().await.unwrap();
}

async fn a_value_that_never_expires_is_not_given_to_the_reaper(url: String) {
    let (storage, namespace) = open(&url).await;
    storage.set("key", Bytes::from("value"), Some(HOUR)).await.unwrap();
    storage.set("key", Bytes::from("value"), None).await.unwrap();
    let item = raw(&client(&url), &url, format!("{namespace}:key")).await.unwrap();
    assert!(!item.contains_key("ttl") && !item.contains_key("expires_at"));
    storage.reset().await.unwrap();
}

async fn a_touch_leaves_no_item_without_a_value(url: String) {
    let (storage, namespace) = open(&url).await;
    for slack in [Duration::ZERO, Duration::from_secs(1)] {
        assert!(storage.get_and_touch("key", Touch::new(HOUR, slack)).await.unwrap().is_none());
    }
    assert_eq!(raw(&client(&url), &url, format!("{namespace}:key")).await, None);
    // Deleted while it is touched.
    for _ in 0..20 {
        storage.set("key", Bytes::from("value"), Some(HOUR / 2)).await.unwrap();
        let touch = Touch::new(HOUR, Duration::from_secs(1));
        let (touched, deleted) = tokio::join!(storage.get_and_touch("key", touch), storage.delete("key"));
        deleted.unwrap();
        assert!(touched.unwrap().is_none_or(|touched| touched.value == "value"));
        assert_eq!(raw(&client(&url), &url, format!("{namespace}:key")).await, None);
    }
}

async fn a_touch_past_its_slack_extends_both_expiries(url: String) {
    let (storage, namespace) = open(&url).await;
    for slack in [Duration::ZERO, Duration::from_secs(60)] {
        storage.set("key", Bytes::from("value"), Some(HOUR / 2)).await.unwrap();
        let before = raw(&client(&url), &url, format!("{namespace}:key")).await.unwrap();
        let touched = storage.get_and_touch("key", Touch::new(HOUR, slack)).await.unwrap().unwrap();
        assert!(touched.extended);
        let after = raw(&client(&url), &url, format!("{namespace}:key")).await.unwrap();
        assert!(number(&after, "expires_at") >= number(&before, "expires_at") + 1_800_000);
        assert_eq!(number(&after, "ttl"), number(&after, "expires_at").div_ceil(1_000));
        assert_eq!(after["v"], before["v"]);
    }
    storage.reset().await.unwrap();
}

async fn the_largest_values_can_be_swapped(url: String) {
    // The longest namespace, the longest key, the largest value, and a TTL: all of an item at once.
    let name = format!("{:x<63}", fresh_name());
    let config = table(&url, &table_of(&url)).with_namespace(name.parse().unwrap());
    let storage = DynamodbStorage::connect(&config).await.unwrap();
    let limit = storage.capabilities().max_value_bytes.unwrap();
    let (key, old, new) = ("k".repeat(512), vec![1; limit], vec![2; limit]);
    storage.set(&key, old.clone().into(), Some(Duration::MAX)).await.unwrap();
    let swap = storage.compare_and_swap(&key, Some(&old), Some(new.clone().into()), Some(Duration::MAX));
    assert!(swap.await.unwrap().is_swapped());
    let lost = storage.compare_and_swap(&key, Some(&old), Some(old.clone().into()), None).await.unwrap();
    assert_eq!(lost, Swap::Conflict { current: Some(new.clone().into()) });
    assert!(storage.compare_and_swap(&key, Some(&new), None, None).await.unwrap().is_swapped());
}

async fn an_expected_value_that_is_too_large_to_exist_is_a_conflict(url: String) {
    let (storage, _) = open(&url).await;
    let huge = vec![0; storage.capabilities().max_value_bytes.unwrap() + 1];
    for new in [None, Some(Bytes::from("new"))] {
        let lost = storage.compare_and_swap("key", Some(&huge), new.clone(), None).await.unwrap();
        assert_eq!(lost, Swap::Conflict { current: None });
        storage.set("key", Bytes::from("value"), None).await.unwrap();
        let lost = storage.compare_and_swap("key", Some(&huge), new, None).await.unwrap();
        assert_eq!(lost, Swap::Conflict { current: Some(Bytes::from("value")) });
        storage.delete("key").await.unwrap();
    }
}

async fn a_reset_leaves_neighbours_and_foreign_items_alone_while_both_write(url: String) {
    let (storage, namespace) = open(&url).await;
    let config = table(&url, &table_of(&url)).with_namespace(format!("{namespace}x").parse().unwrap());
    let neighbour = DynamodbStorage::connect(&config).await.unwrap();
    for n in 0..120 {
        storage.set(&format!("key {n}"), Bytes::from("value"), Some(HOUR)).await.unwrap();
    }
    let (done, writing) = watch::channel(false);
    let (foreign, client, name) = (format!("{namespace}/foreign"), client(&url), table_of(&url));
    let writer = tokio::spawn({
        let (neighbour, client, name, foreign) =
            (neighbour.clone(), client.clone(), name.clone(), foreign.clone());
        async move {
            let mut written = 0;
            while !*writing.borrow() || written < 20 {
                neighbour.set(&format!("key {written}"), Bytes::from("value"), Some(HOUR)).await.unwrap();
                let key = AttributeValue::S(format!("{foreign} {written}"));
                // Not even of our shape.
                client.put_item().table_name(&name).item("k", key).send().await.unwrap();
                written += 1;
            }
            written
        }
    });
    storage.reset().await.unwrap();
    done.send(true).unwrap();
    let written = writer.await.unwrap();
    for n in 0..120 {
        assert!(storage.get(&format!("key {n}")).await.unwrap().is_none());
    }
    for n in 0..written {
        assert!(neighbour.get(&format!("key {n}")).await.unwrap().is_some());
        let key = format!("{foreign} {n}");
        assert!(raw(&client, &url, key.clone()).await.is_some());
        let key = AttributeValue::S(key);
        client.delete_item().table_name(&name).key("k", key).send().await.unwrap();
    }
    neighbour.reset().await.unwrap();
}

async fn an_item_that_something_else_wrote_into_the_namespace_is_corrupt(url: String) {
    let (storage, namespace) = open(&url).await;
    let key = AttributeValue::S(format!("{namespace}:secret"));
    client(&url).put_item().table_name(table_of(&url)).item("k", key).send().await.unwrap();
    let error = storage.get("secret").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!format!("{error} {error:?}").contains("secret"));
    // What is there can still be replaced and reset.
    storage.set("secret", Bytes::from("value"), None).await.unwrap();
    storage.reset().await.unwrap();
    assert!(storage.get("secret").await.unwrap().is_none());
}
