//! What only this backend has: its documents, its wire, its neighbours, and servers that come and go.

mod support;

use std::{num::NonZeroUsize, time::Duration};

use cloakroom_conformance::{Service, service_tests};
use cloakroom_storage::{ErrorKind, Storage, Swap, Touch};
use cloakroom_storage_mongodb::{
    MongodbConfig, MongodbStorage,
    mongodb::{
        bson::{Bson, DateTime, Document, doc},
        options::{Collation, CollationStrength},
    },
};
use support::{HOUR, Relay, bytes, client, documents, fresh, namespace, open, until};

service_tests! {
    Service::Mongodb => [
        an_operation_is_one_command,
        operators_and_metacharacters_in_keys_and_values_mean_only_themselves,
        a_reset_leaves_neighbours_and_foreign_documents_alone_while_they_are_written,
        expired_documents_are_removed_by_the_server_or_by_the_storage,
        a_storage_finds_its_server_again,
        a_server_that_is_away_is_unavailable_within_the_connect_timeout,
        an_operation_that_was_dropped_leaves_the_storage_usable,
        a_close_leaves_a_client_that_was_handed_in_open,
        a_close_ends_the_clones_too,
        a_foreign_document_in_the_namespace_is_corrupt_and_can_be_reset,
        a_collection_with_a_collation_is_refused,
        a_wrong_password_is_misconfigured,
        many_storages_may_open_a_new_collection_at_once,
        the_database_is_the_options_or_the_urls,
        debug_shows_no_key_value_or_password,
    ],
    Service::Ferretdb => [
        an_operation_is_one_command,
        operators_and_metacharacters_in_keys_and_values_mean_only_themselves,
        a_reset_leaves_neighbours_and_foreign_documents_alone_while_they_are_written,
        expired_documents_are_removed_by_the_server_or_by_the_storage,
        a_storage_finds_its_server_again,
        a_server_that_is_away_is_unavailable_within_the_connect_timeout,
        an_operation_that_was_dropped_leaves_the_storage_usable,
        a_close_leaves_a_client_that_was_handed_in_open,
        a_close_ends_the_clones_too,
        a_foreign_document_in_the_namespace_is_corrupt_and_can_be_reset,
        a_collection_with_a_collation_is_refused,
        many_storages_may_open_a_new_collection_at_once,
        the_database_is_the_options_or_the_urls,
        debug_shows_no_key_value_or_password,
    ],
}

/// Whether the server's updates know pipelines, or plain operators are used.
async fn knows_pipelines(url: &str) -> bool {
    let client = client(url).await;
    let scratch = client.database("cloakroom").collection::<Document>("scratch");
    scratch.update_one(doc! { "_id": "none" }, vec![doc! { "$set": { "at": "$$NOW" } }]).await.is_ok()
}

async fn an_operation_is_one_command(url: String) {
    let relay = Relay::to(&url).await;
    let config = MongodbConfig::new(relay.url(&url)).with_namespace(namespace("wire"));
    let storage = open(&config).await;
    let atomic = storage.capabilities().atomic_touch;
    let pipelines = atomic && knows_pipelines(&url).await;
    let touch = Touch::new(HOUR, HOUR / 2);
    storage.set("key", bytes("old"), Some(HOUR)).await.unwrap();
    relay.commands();

    storage.get("key").await.unwrap();
    assert_eq!(relay.commands(), ["find"]);
    storage.get("missing").await.unwrap();
    assert_eq!(relay.commands(), ["find"]);
    storage.set("key", bytes("old"), Some(HOUR)).await.unwrap();
    assert_eq!(relay.commands(), ["update"]);
    storage.set("new", bytes("new"), None).await.unwrap();
    assert_eq!(relay.commands(), ["update"]);
    storage.ping().await.unwrap();
    assert_eq!(relay.commands(), ["ping"]);

    if atomic {
        assert!(!storage.get_and_touch("key", touch).await.unwrap().unwrap().extended);
        assert_eq!(relay.commands().len(), 1);
    }
    storage.set("short", bytes("old"), Some(HOUR / 4)).await.unwrap();
    relay.commands();
    assert!(storage.get_and_touch("short", touch).await.unwrap().unwrap().extended);
    assert_eq!(relay.commands().len(), if pipelines { 1 } else { 2 });

    assert!(
        storage.compare_and_swap("key", Some(b"old"), Some(bytes("new")), None).await.unwrap().is_swapped()
    );
    assert_eq!(relay.commands().len(), 1);
    assert!(storage.compare_and_swap("created", None, Some(bytes("new")), None).await.unwrap().is_swapped());
    assert_eq!(relay.commands().len(), 1);
    let refused = storage.compare_and_swap("key", Some(b"old"), Some(bytes("newer")), None).await.unwrap();
    assert_eq!(refused, Swap::Conflict { current: Some(bytes("new")) });
    assert_eq!(relay.commands().len(), if pipelines { 1 } else { 2 });
    assert!(storage.compare_and_swap("key", Some(b"new"), None, None).await.unwrap().is_swapped());
    assert_eq!(relay.commands(), ["delete"]);
    storage.delete("new").await.unwrap();
    assert_eq!(relay.commands(), ["delete"]);
}

async fn operators_and_metacharacters_in_keys_and_values_mean_only_themselves(url: String) {
    let storage = open(&MongodbConfig::new(url).with_namespace(namespace("operators"))).await;
    let texts = [
        "$gt",
        "$$NOW",
        "$$ROOT",
        "$value",
        "$_id",
        ".",
        "a.b",
        "value",
        "{\"$ne\":null}",
        "/.*/",
        "^",
        "a:b;c",
        "\u{1}",
    ];
    for text in texts {
        let created = storage.compare_and_swap(text, None, Some(bytes(text)), Some(HOUR)).await.unwrap();
        assert!(created.is_swapped(), "{text}");
    }
    for text in texts {
        assert_eq!(storage.get(text).await.unwrap(), Some(bytes(text)), "{text}");
        let swapped =
            storage.compare_and_swap(text, Some(text.as_bytes()), Some(bytes("new")), None).await.unwrap();
        assert!(swapped.is_swapped(), "{text}");
        storage.set(text, bytes(text), Some(HOUR)).await.unwrap();
    }
    let page = storage.scan(None, NonZeroUsize::MAX).await.unwrap();
    assert_eq!(page.entries.len(), texts.len());
    for text in texts {
        assert_eq!(storage.get("\0").await.unwrap_err().kind(), ErrorKind::InvalidKey);
        storage.delete(text).await.unwrap();
    }
    assert!(storage.scan(None, NonZeroUsize::MAX).await.unwrap().entries.is_empty());
}

async fn a_reset_leaves_neighbours_and_foreign_documents_alone_while_they_are_written(url: String) {
    let name = fresh("reset");
    let config = MongodbConfig::new(&url).with_collection(fresh("collection"));
    let ours = open(&config.clone().with_namespace(name.parse().unwrap())).await;
    let mut neighbours = Vec::new();
    for neighbour in [format!("{name}."), format!("{name}-"), format!("{name}2"), name.to_uppercase()] {
        neighbours.push(open(&config.clone().with_namespace(neighbour.parse().unwrap())).await);
    }
    let foreign = documents(&url, &config).await;
    let elsewhere = foreign.client().database("cloakroom_other").collection(&fresh("other"));
    let ids = [Bson::from(name.clone()), format!("{name};").into(), 1.into(), doc! { "n": 1 }.into()];
    for id in &ids {
        foreign.insert_one(doc! { "_id": id }).await.unwrap();
        elsewhere.insert_one(doc! { "_id": id }).await.unwrap();
    }

    let writing = async {
        for n in 0..20 {
            for neighbour in &neighbours {
                neighbour.set(&n.to_string(), bytes("theirs"), Some(HOUR)).await.unwrap();
            }
            ours.set(&n.to_string(), bytes("ours"), None).await.unwrap();
            elsewhere.insert_one(doc! { "_id": format!("{name}:{n}") }).await.unwrap();
        }
    };
    let resetting = async {
        for _ in 0..20 {
            ours.reset().await.unwrap();
        }
    };
    tokio::join!(writing, resetting);
    ours.reset().await.unwrap();

    assert!(ours.scan(None, NonZeroUsize::MAX).await.unwrap().entries.is_empty());
    for neighbour in &neighbours {
        assert_eq!(neighbour.scan(None, NonZeroUsize::MAX).await.unwrap().entries.len(), 20);
    }
    for id in ids {
        assert!(foreign.find_one(doc! { "_id": id }).await.unwrap().is_some());
    }
    assert_eq!(elsewhere.count_documents(doc! {}).await.unwrap(), 24);
    foreign.drop().await.unwrap();
    elsewhere.drop().await.unwrap();
}

async fn expired_documents_are_removed_by_the_server_or_by_the_storage(url: String) {
    let config = MongodbConfig::new(&url)
        .with_collection(fresh("sweep"))
        .with_namespace(namespace("sweep"))
        .with_sweep_interval(Duration::from_millis(50));
    let storage = open(&config).await;
    let stored = documents(&url, &config).await;
    // Expired long ago, as after a long night without any storage.
    let long_ago = DateTime::from_millis(1_000);
    for n in 0..5 {
        stored
            .insert_one(doc! { "_id": format!("{}:{n}", config.namespace()), "expires": long_ago })
            .await
            .unwrap();
    }
    storage.set("live", bytes("value"), Some(HOUR)).await.unwrap();
    storage.set("for ever", bytes("value"), None).await.unwrap();
    if stored.list_index_names().await.unwrap().contains(&"expires_ttl".to_owned()) {
        // The server's turn comes within a minute; what it leaves is removed on request.
        storage.purge_expired().await.unwrap();
    }
    let only_live = || async { stored.count_documents(doc! {}).await.unwrap() == 2 };
    until("expired documents stay", only_live).await;
    assert!(storage.get("live").await.unwrap().is_some());
    assert!(storage.get("for ever").await.unwrap().is_some());
    storage.close().await.unwrap();
    stored.drop().await.unwrap();
}

async fn a_storage_finds_its_server_again(url: String) {
    let relay = Relay::to(&url).await;
    let config = MongodbConfig::new(relay.url(&url))
        .with_namespace(namespace("recovery"))
        .with_connect_timeout(Duration::from_secs(2));
    let storage = open(&config).await;
    for round in 0..3 {
        storage.set("key", bytes("value"), Some(HOUR)).await.unwrap();
        relay.cut();
        let error = storage.get("key").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "round {round}: {error}");
        relay.restore();
        until("the server is not found again", || async { storage.get("key").await.is_ok() }).await;
    }
    assert_eq!(storage.get("key").await.unwrap(), Some(bytes("value")));
}

async fn a_server_that_is_away_is_unavailable_within_the_connect_timeout(url: String) {
    let relay = Relay::to(&url).await;
    let limit = Duration::from_secs(2);
    let config =
        MongodbConfig::new(relay.url(&url)).with_namespace(namespace("away")).with_connect_timeout(limit);
    let storage = open(&config).await;
    relay.cut();
    let began = tokio::time::Instant::now();
    let error = MongodbStorage::connect(&config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(began.elapsed() < limit * 3, "connecting took {:?}", began.elapsed());
    let began = tokio::time::Instant::now();
    let error = storage.set("key", bytes("value"), None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(began.elapsed() < limit * 4, "an operation took {:?}", began.elapsed());
}

async fn an_operation_that_was_dropped_leaves_the_storage_usable(url: String) {
    let config = MongodbConfig::new(url).with_namespace(namespace("dropped")).with_max_pool_size(2);
    let storage = open(&config).await;
    storage.set("key", bytes("value"), Some(HOUR)).await.unwrap();
    // More than there are connections, each given up at another moment.
    for micros in 0..40 {
        let limit = Duration::from_micros(micros * 50);
        let _ =
            tokio::time::timeout(limit, storage.get_and_touch("key", Touch::new(HOUR, Duration::ZERO))).await;
        let _ = tokio::time::timeout(limit, storage.get("key")).await;
    }
    assert_eq!(storage.get("key").await.unwrap(), Some(bytes("value")));
}

async fn a_close_leaves_a_client_that_was_handed_in_open(url: String) {
    let client = client(&url).await;
    let config = MongodbConfig::new("not used").with_namespace(namespace("handed-in"));
    let storage = MongodbStorage::with_client(client.clone(), &config).await.unwrap();
    let other = MongodbStorage::with_client(client.clone(), &config).await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
    storage.close().await.unwrap();
    assert_eq!(storage.get("key").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(other.get("key").await.unwrap(), Some(bytes("value")));
    client.database("admin").run_command(doc! { "ping": 1 }).await.unwrap();
}

async fn a_close_ends_the_clones_too(url: String) {
    let storage = open(&MongodbConfig::new(url).with_namespace(namespace("close"))).await;
    let clone = storage.clone();
    storage.close().await.unwrap();
    storage.close().await.unwrap();
    assert_eq!(clone.set("key", bytes("value"), None).await.unwrap_err().kind(), ErrorKind::Closed);
}

async fn a_foreign_document_in_the_namespace_is_corrupt_and_can_be_reset(url: String) {
    let config = MongodbConfig::new(&url).with_namespace(namespace("foreign"));
    let storage = open(&config).await;
    let foreign = doc! { "_id": format!("{}:secret-key", config.namespace()), "value": "secret-text" };
    documents(&url, &config).await.insert_one(foreign).await.unwrap();
    let error = storage.get("secret-key").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    storage.reset().await.unwrap();
    assert_eq!(storage.get("secret-key").await.unwrap(), None);
}

async fn a_collection_with_a_collation_is_refused(url: String) {
    let config = MongodbConfig::new(&url).with_collection(fresh("collation"));
    let database = client(&url).await.database("cloakroom_collation");
    let folding = Collation::builder().locale("en").strength(CollationStrength::Primary);
    let created = database.create_collection(config.collection()).collation(folding.build()).await;
    let stored = database.collection::<Document>(config.collection());
    if created.is_ok() {
        stored.insert_one(doc! { "_id": "key" }).await.unwrap();
    }
    if created.is_err() || stored.find_one(doc! { "_id": "KEY" }).await.unwrap().is_none() {
        // A server without collations has none that fold. Some take one and forget it.
        stored.drop().await.unwrap();
        return;
    }
    let error = MongodbStorage::connect(&config.clone().with_database(database.name())).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");
    assert!(error.to_string().contains("collation"), "{error}");
    stored.drop().await.unwrap();
}

async fn a_wrong_password_is_misconfigured(url: String) {
    let (client, user) = (client(&url).await, fresh("user"));
    let database = client.default_database().unwrap();
    let roles = ["readWrite"];
    database.run_command(doc! { "createUser": &user, "pwd": "right", "roles": roles }).await.unwrap();
    let connect = async |password| {
        let url = url.replace("://", &format!("://{user}:{password}@"));
        MongodbStorage::connect(&MongodbConfig::new(url).with_namespace(namespace("user"))).await
    };
    connect("right").await.unwrap();
    let error = connect("s3cret").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured, "{error}");
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("check user name and password") && !shown.contains("s3cret"), "{shown}");
    database.run_command(doc! { "dropUser": &user }).await.unwrap();
}

async fn many_storages_may_open_a_new_collection_at_once(url: String) {
    let config =
        MongodbConfig::new(&url).with_collection(fresh("at-once")).with_namespace(namespace("at-once"));
    let opening = (0..8).map(|_| {
        let config = config.clone();
        tokio::spawn(async move { MongodbStorage::connect(&config).await })
    });
    for (n, opened) in opening.collect::<Vec<_>>().into_iter().enumerate() {
        let storage = opened.await.unwrap().unwrap();
        storage.set(&n.to_string(), bytes("value"), None).await.unwrap();
    }
    let stored = documents(&url, &config).await;
    assert_eq!(stored.count_documents(doc! {}).await.unwrap(), 8);
    stored.drop().await.unwrap();
}

async fn the_database_is_the_options_or_the_urls(url: String) {
    let config = MongodbConfig::new(&url).with_namespace(namespace("database"));
    let elsewhere = config.clone().with_database("cloakroom_elsewhere");
    let (here, there) = (open(&config).await, open(&elsewhere).await);
    there.set("key", bytes("value"), None).await.unwrap();
    assert_eq!(here.get("key").await.unwrap(), None);
    let id = format!("{}:key", config.namespace());
    assert!(documents(&url, &elsewhere).await.find_one(doc! { "_id": id }).await.unwrap().is_some());
    there.reset().await.unwrap();
}

async fn debug_shows_no_key_value_or_password(url: String) {
    let storage = open(&MongodbConfig::new(&url).with_namespace(namespace("debug"))).await;
    storage.set("secret-key", bytes("secret-value"), None).await.unwrap();
    let shown = format!("{storage:?}");
    assert!(!shown.contains("secret") && !shown.contains("mongodb://"), "{shown}");
}
