//! A connection that the caller has is used, and stays the caller's.

mod support;

use cloakroom_conformance::{Service, service_tests};
use cloakroom_storage::{ErrorKind, Storage};
use cloakroom_storage_redis::{RedisConfig, RedisConnection, RedisStorage, redis};
use support::{bytes, fresh, raw, raw_cluster};

/// A storage on it works, and after its close the connection does.
async fn is_used_and_stays_open<C>(mut connection: C)
where
    C: redis::aio::ConnectionLike + Clone + Into<RedisConnection>,
{
    let config = RedisConfig::new("").with_namespace(fresh());
    let storage = RedisStorage::with_connection(connection.clone(), &config).await.unwrap();
    let clone = storage.clone();
    for n in 0..20 {
        let key = format!("key {n}");
        storage.set(&key, bytes("value"), None).await.unwrap();
        let swapped = storage.compare_and_swap(&key, Some(b"value"), Some(bytes("newer")), None);
        assert!(swapped.await.unwrap().is_swapped());
    }
    let page = storage.scan(None, std::num::NonZeroUsize::MAX).await.unwrap();
    assert!(!page.entries.is_empty());
    storage.close().await.unwrap();
    assert_eq!(clone.get("key 1").await.unwrap_err().kind(), ErrorKind::Closed);

    let name = format!("{}key 1", config.namespace().prefix());
    let value: Option<String> = redis::cmd("GET").arg(&name).query_async(&mut connection).await.unwrap();
    assert_eq!(value.as_deref(), Some("newer"));
    RedisStorage::with_connection(connection, &config).await.unwrap().reset().await.unwrap();
}

async fn a_multiplexed_connection(url: String) {
    is_used_and_stays_open(raw(&url).await).await;
}

async fn a_connection_manager(url: String) {
    let client = redis::Client::open(url).unwrap();
    is_used_and_stays_open(client.get_connection_manager().await.unwrap()).await;
}

async fn a_cluster_connection(url: String) {
    is_used_and_stays_open(raw_cluster(&url).await).await;
}

async fn one_node_of_a_cluster_is_refused(url: String) {
    let node = url.split(',').next().unwrap().replace("redis+cluster", "redis");
    let refused = RedisStorage::with_connection(raw(&node).await, &RedisConfig::new("")).await;
    assert_eq!(refused.unwrap_err().kind(), ErrorKind::Misconfigured);
}

async fn over_the_older_protocol_too(url: String) {
    let client = redis::Client::open(format!("{url}/?protocol=resp2")).unwrap();
    is_used_and_stays_open(client.get_connection_manager().await.unwrap()).await;
}

service_tests! {
    Service::Redis => [a_multiplexed_connection, a_connection_manager, over_the_older_protocol_too],
    Service::Valkey => [a_connection_manager, over_the_older_protocol_too],
    Service::RedisCluster => [a_cluster_connection, one_node_of_a_cluster_is_refused],
}
