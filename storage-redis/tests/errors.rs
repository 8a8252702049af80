//! Whatever goes wrong, the caller is told its kind, its cause and its cure, and no secret.

mod support;

use std::time::Duration;

use cloakroom_conformance::{Service, service_tests};
use cloakroom_storage::{ErrorKind, Storage, Touch};
use cloakroom_storage_redis::{RedisConfig, RedisStorage, redis};
use support::{SECRET, administer, bytes, connect, fresh, is, raw, refused, with_user};

async fn a_wrong_password_is_misconfigured(url: String) {
    is(&refused(&with_user(&url, "nobody", SECRET)).await, ErrorKind::Misconfigured, "wrong user");
    let user = fresh();
    administer(&url, &["ACL", "SETUSER", user.as_str(), "on", ">right", "~*", "+@all"]).await;
    is(&refused(&with_user(&url, user.as_str(), SECRET)).await, ErrorKind::Misconfigured, "wrong user");
    administer(&url, &["ACL", "DELUSER", user.as_str()]).await;
}

async fn a_user_who_may_not_is_misconfigured(url: String) {
    let namespace = fresh();
    let user = namespace.as_str();
    let (password, keys) = (format!(">{SECRET}"), format!("~{}*", namespace.prefix()));
    administer(&url, &["ACL", "SETUSER", user, "on", &password, &keys, "+@all", "-unlink"]).await;
    let storage = connect(&with_user(&url, user, SECRET), &namespace).await;
    storage.set(SECRET, bytes(SECRET), None).await.unwrap();
    is(&storage.delete(SECRET).await.unwrap_err(), ErrorKind::Misconfigured, "UNLINK");
    let other = RedisConfig::new(with_user(&url, user, SECRET)).with_namespace(fresh());
    is(&RedisStorage::connect(&other).await.unwrap_err(), ErrorKind::Misconfigured, "the namespace's keys");
    administer(&url, &["ACL", "DELUSER", user]).await;
}

async fn an_unknown_database_is_misconfigured(url: String) {
    is(&refused(&format!("{url}/4711")).await, ErrorKind::Misconfigured, "databases");
}

/// Redis waits for the rest of what it takes for a command.
async fn tls_to_a_plain_port_is_unavailable(url: String) {
    is(&refused(&url.replace("redis://", "rediss://")).await, ErrorKind::Unavailable, "speaks TLS");
}

async fn a_single_server_is_no_cluster(url: String) {
    is(&refused(&url.replace("redis://", "redis+cluster://")).await, ErrorKind::Misconfigured, "`redis://`");
}

async fn plain_text_to_a_tls_port_is_misconfigured(url: String) {
    let plain = url.split_once('?').unwrap().0.replace("rediss://", "redis://");
    is(&refused(&plain).await, ErrorKind::Misconfigured, "`rediss`");
}

async fn an_untrusted_certificate_is_misconfigured(url: String) {
    is(&refused(url.split_once('?').unwrap().0).await, ErrorKind::Misconfigured, "root_certificate");
}

async fn a_certificate_file_that_is_not_there_is_misconfigured(url: String) {
    let url = format!("{}?root_certificate=/no/such/file", url.split_once('?').unwrap().0);
    is(&refused(&url).await, ErrorKind::Misconfigured, "cannot be read");
}

async fn a_node_of_a_cluster_is_no_single_server(url: String) {
    let node = url.split(',').next().unwrap().replace("redis+cluster", "redis");
    is(&refused(&node).await, ErrorKind::Misconfigured, "redis+cluster://");
}

async fn a_sentinel_is_no_server(url: String) {
    let sentinel = url.split([',', '?']).next().unwrap().replace("redis+sentinel", "redis");
    is(&refused(&sentinel).await, ErrorKind::Misconfigured, "redis+sentinel://");
}

async fn a_service_that_no_sentinel_knows_is_misconfigured(url: String) {
    let url = format!("{}?service=unheard-of", url.split_once('?').unwrap().0);
    is(&refused(&url).await, ErrorKind::Misconfigured, "`service`");
}

async fn a_certificate_without_tls_is_misconfigured(url: String) {
    let config = RedisConfig::new(url).with_root_certificate("");
    is(&RedisStorage::connect(&config).await.unwrap_err(), ErrorKind::Misconfigured, "`rediss`");
}

async fn a_key_of_another_type_is_corrupt(url: String) {
    let namespace = fresh();
    let storage = connect(&url, &namespace).await;
    let name = format!("{}{SECRET}", namespace.prefix());
    let _: () =
        redis::cmd("HSET").arg(&name).arg("f").arg(1).query_async(&mut raw(&url).await).await.unwrap();
    let touch = Touch::new(Duration::from_secs(60), Duration::ZERO);
    let errors = [
        storage.get(SECRET).await.err(),
        storage.get_and_touch(SECRET, touch).await.err(),
        storage.compare_and_swap(SECRET, None, Some(bytes(SECRET)), None).await.err(),
        storage.compare_and_swap(SECRET, Some(b""), Some(bytes(SECRET)), None).await.err(),
        storage.compare_and_swap(SECRET, Some(b""), None, None).await.err(),
    ];
    for error in errors {
        is(&error.unwrap(), ErrorKind::Corrupt, "no string");
    }
    storage.set(SECRET, bytes("ours"), None).await.unwrap();
    assert_eq!(storage.get(SECRET).await.unwrap(), Some(bytes("ours")));
}

async fn no_debug_output_shows_a_password(url: String) {
    let url = with_user(&url, "default", SECRET);
    let config = RedisConfig::new(&url)
        .with_namespace(fresh())
        .with_client_certificate(SECRET, SECRET)
        .with_root_certificate(SECRET);
    assert!(!format!("{config:?} {config:#?}").contains(SECRET));
    let storage = connect(&url, &fresh()).await;
    assert!(!format!("{storage:?} {storage:#?}").contains(SECRET));
}

service_tests! {
    Service::Redis => [
        a_wrong_password_is_misconfigured,
        a_user_who_may_not_is_misconfigured,
        an_unknown_database_is_misconfigured,
        tls_to_a_plain_port_is_unavailable,
        a_single_server_is_no_cluster,
        a_certificate_without_tls_is_misconfigured,
        a_key_of_another_type_is_corrupt,
        no_debug_output_shows_a_password,
    ],
    Service::Valkey => [a_key_of_another_type_is_corrupt],
    Service::RedisTls => [
        plain_text_to_a_tls_port_is_misconfigured,
        an_untrusted_certificate_is_misconfigured,
        a_certificate_file_that_is_not_there_is_misconfigured,
    ],
    Service::RedisCluster => [a_wrong_password_is_misconfigured, a_node_of_a_cluster_is_no_single_server],
    Service::RedisSentinel => [
        a_sentinel_is_no_server,
        a_service_that_no_sentinel_knows_is_misconfigured,
    ],
}
