//! The table: created, found, checked.

use std::time::Duration;

use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TimeToLiveStatus,
};
use cloakroom_conformance::Service;
use cloakroom_storage::{Bytes, ErrorKind, Storage};
use cloakroom_storage_dynamodb::{DynamodbStorage, aws_sdk_dynamodb};
use tokio::task::JoinSet;

mod support;

use support::{client, fresh_name, table, table_of};

cloakroom_conformance::service_tests! {
    Service::Dynamodb => [
        of_many_nodes_that_start_at_once_one_creates_the_table_and_all_can_use_it,
        a_created_table_is_billed_on_demand_and_reaps_by_its_ttl,
        a_missing_table_that_is_not_to_be_created_is_refused_with_the_command_that_creates_it,
        a_table_with_another_key_is_refused_and_left_alone,
        a_client_of_the_caller_stays_open_after_a_close,
    ],
}

async fn of_many_nodes_that_start_at_once_one_creates_the_table_and_all_can_use_it(url: String) {
    let name = fresh_name();
    let mut nodes = JoinSet::new();
    for node in 0..12 {
        let config = table(&url, &name);
        nodes.spawn(async move {
            let storage = DynamodbStorage::connect(&config).await.unwrap();
            storage.set(&format!("node {node}"), Bytes::from("up"), None).await.unwrap();
        });
    }
    nodes.join_all().await;
    let storage = DynamodbStorage::connect(&table(&url, &name)).await.unwrap();
    for node in 0..12 {
        assert!(storage.get(&format!("node {node}")).await.unwrap().is_some());
    }
    client(&url).delete_table().table_name(name).send().await.unwrap();
}

async fn a_created_table_is_billed_on_demand_and_reaps_by_its_ttl(url: String) {
    let (name, client) = (fresh_name(), client(&url));
    DynamodbStorage::connect(&table(&url, &name)).await.unwrap();
    // Once more, on the table that is there now.
    DynamodbStorage::connect(&table(&url, &name).with_create_table(false)).await.unwrap();
    let described = client.describe_table().table_name(&name).send().await.unwrap().table.unwrap();
    let billing = described.billing_mode_summary.unwrap().billing_mode;
    assert_eq!(billing, Some(BillingMode::PayPerRequest));
    let answer = client.describe_time_to_live().table_name(&name).send().await.unwrap();
    let ttl = answer.time_to_live_description.unwrap();
    assert_eq!(ttl.attribute_name(), Some("ttl"));
    let on = [TimeToLiveStatus::Enabled, TimeToLiveStatus::Enabling];
    assert!(on.contains(ttl.time_to_live_status().unwrap()));
    client.delete_table().table_name(name).send().await.unwrap();
}

async fn a_missing_table_that_is_not_to_be_created_is_refused_with_the_command_that_creates_it(url: String) {
    let name = fresh_name();
    let error = DynamodbStorage::connect(&table(&url, &name).with_create_table(false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    let text = error.to_string();
    assert!(text.contains(&format!("aws dynamodb create-table --table-name {name}")), "{text}");
    assert!(text.contains("AttributeName=k,AttributeType=S"), "{text}");
    assert!(text.contains("update-time-to-live"), "{text}");
    assert!(client(&url).describe_table().table_name(name).send().await.is_err(), "it was created");
}

async fn a_table_with_another_key_is_refused_and_left_alone(url: String) {
    let client = client(&url);
    let keys: [&[(&str, ScalarAttributeType)]; 3] = [
        &[("id", ScalarAttributeType::S)],
        &[("k", ScalarAttributeType::B)],
        &[("k", ScalarAttributeType::S), ("at", ScalarAttributeType::N)],
    ];
    for key in keys {
        let name = fresh_name();
        let mut call = client.create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest);
        for (n, (attribute, kind)) in key.iter().enumerate() {
            let role = if n == 0 { KeyType::Hash } else { KeyType::Range };
            let definition = AttributeDefinition::builder().attribute_name(*attribute);
            let element = KeySchemaElement::builder().attribute_name(*attribute).key_type(role);
            call = call
                .attribute_definitions(definition.attribute_type(kind.clone()).build().unwrap())
                .key_schema(element.build().unwrap());
        }
        call.send().await.unwrap();
        let error = DynamodbStorage::connect(&table(&url, &name)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Misconfigured);
        assert!(error.to_string().contains("name another table"), "{error}");
        let table = client.describe_table().table_name(&name).send().await.unwrap().table.unwrap();
        assert_eq!(table.key_schema().len(), key.len());
        client.delete_table().table_name(name).send().await.unwrap();
    }
}

async fn a_client_of_the_caller_stays_open_after_a_close(url: String) {
    let client = client(&url);
    let config = table(&url, &table_of(&url)).with_namespace(fresh_name().parse().unwrap());
    let storage = DynamodbStorage::with_client(client.clone(), &config).await.unwrap();
    let clone = storage.clone();
    storage.set("key", Bytes::from("value"), Some(Duration::from_secs(60))).await.unwrap();
    storage.delete("key").await.unwrap();
    storage.close().await.unwrap();
    assert_eq!(clone.get("key").await.unwrap_err().kind(), ErrorKind::Closed);
    assert!(client.describe_table().table_name(table_of(&url)).send().await.is_ok());
}
