//! Whatever becomes of the connection, operations fail in time and work again by themselves.

mod support;

use std::time::Duration;

use cloakroom_conformance::{Passage, Service, Wire, service_tests};
use cloakroom_storage::{ErrorKind, Storage, Touch};
use cloakroom_storage_redis::{RedisConfig, RedisStorage};
use support::{administer, bytes, connect, fresh, nodes::Node, with_user, works_again};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

const SECOND: Duration = Duration::from_secs(1);

/// Over a wire to the server, with short limits.
async fn on_a_wire(url: &str) -> (Wire, RedisStorage) {
    let wire = Wire::to(url).await.unwrap();
    let config = RedisConfig::new(wire.url())
        .with_namespace(fresh())
        .with_connect_timeout(Duration::from_millis(300))
        .with_response_timeout(Duration::from_millis(300));
    let storage = RedisStorage::connect(&config).await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
    (wire, storage)
}

/// Waits until an operation says that the server is away.
async fn is_away(storage: &RedisStorage) {
    let away = async {
        loop {
            match storage.get("key").await {
                Err(error) if error.kind() == ErrorKind::Unavailable => return,
                Err(error) => assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}"),
                Ok(_) => {}
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(5 * SECOND, away).await.expect("operations hang, or the server is not away");
}

async fn a_killed_connection_comes_back(url: String) {
    let namespace = fresh();
    // A user of its own tells its connections from those of other tests.
    let user = namespace.as_str();
    administer(&url, &["ACL", "SETUSER", user, "on", ">secret", "~*", "+@all"]).await;
    let storage = connect(&with_user(&url, user, "secret"), &namespace).await;
    for _ in 0..3 {
        storage.set("key", bytes("value"), None).await.unwrap();
        administer(&url, &["CLIENT", "KILL", "USER", user]).await;
        works_again(&storage, 5 * SECOND).await;
        assert_eq!(storage.get("key").await.unwrap(), Some(bytes("value")));
    }
    administer(&url, &["ACL", "DELUSER", user]).await;
}

async fn a_server_that_was_away_is_used_again(url: String) {
    let (wire, storage) = on_a_wire(&url).await;
    wire.set(Passage::Cut);
    is_away(&storage).await;
    // Nobody waits for a server that is known to be away.
    let begun = Instant::now();
    for _ in 0..100 {
        assert_eq!(storage.get("key").await.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    assert!(begun.elapsed() < SECOND, "{:?}", begun.elapsed());
    wire.set(Passage::Open);
    works_again(&storage, 5 * SECOND).await;
    assert_eq!(storage.get("key").await.unwrap(), Some(bytes("value")));
}

async fn a_server_that_vanished_is_noticed_and_used_again(url: String) {
    let (wire, storage) = on_a_wire(&url).await;
    wire.set(Passage::Silent);
    let error = timeout(SECOND, storage.get("key")).await.expect("it hangs").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout, "{error:?}");
    is_away(&storage).await;
    wire.set(Passage::Open);
    works_again(&storage, 5 * SECOND).await;
}

async fn a_vanished_server_is_noticed_by_operations_that_were_given_up(url: String) {
    let (wire, storage) = on_a_wire(&url).await;
    wire.set(Passage::Silent);
    // As a timeout layer does, before the response timeout.
    assert!(timeout(Duration::from_millis(20), storage.get("key")).await.is_err());
    let recovered = async {
        wire.set(Passage::Open);
        while timeout(Duration::from_millis(20), storage.get("key")).await.is_err() {}
    };
    timeout(5 * SECOND, recovered).await.expect("the lost connection stays in use");
    works_again(&storage, 5 * SECOND).await;
}

async fn operations_that_were_given_up_confuse_no_answers(url: String) {
    let storage = connect(&url, &fresh()).await;
    for n in 0..50 {
        storage.set(&format!("key {n}"), bytes(&n.to_string()), None).await.unwrap();
    }
    for n in 0..500 {
        let key = format!("key {}", n % 50);
        let _ = timeout(Duration::from_micros(n % 97), storage.get(&key)).await;
        let next = format!("key {}", (n + 1) % 50);
        assert_eq!(storage.get(&next).await.unwrap(), Some(bytes(&((n + 1) % 50).to_string())));
    }
}

async fn scripts_that_a_server_forgot_are_sent_again(url: String) {
    let storage = connect(&url, &fresh()).await;
    storage.set("key", bytes("value"), Some(60 * SECOND)).await.unwrap();
    for _ in 0..2 {
        administer(&url, &["SCRIPT", "FLUSH"]).await;
        let touched = storage.get_and_touch("key", Touch::new(90 * SECOND, SECOND)).await.unwrap();
        assert_eq!(touched.unwrap().value, bytes("value"));
    }
}

async fn scripts_that_the_nodes_forgot_are_sent_again(url: String) {
    let storage = connect(&url, &fresh()).await;
    administer(&url, &["SCRIPT", "FLUSH"]).await;
    for n in 0..20 {
        let key = format!("key {n}");
        storage.set(&key, bytes("value"), Some(60 * SECOND)).await.unwrap();
        let swapped = storage.compare_and_swap(&key, Some(b"value"), None, None).await.unwrap();
        assert!(swapped.is_swapped());
    }
}

async fn a_storage_that_was_closed_dials_no_more(url: String) {
    let (wire, storage) = on_a_wire(&url).await;
    wire.set(Passage::Cut);
    is_away(&storage).await;
    storage.close().await.unwrap();
    wire.set(Passage::Open);
    assert_eq!(storage.get("key").await.unwrap_err().kind(), ErrorKind::Closed);
}

async fn a_cluster_that_is_slow_to_answer_is_dialed_again(url: String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let config = RedisConfig::new(format!("redis+cluster://{}", listener.local_addr().unwrap()));
    let node = Node::of(&url).remove(0);
    tokio::spawn(async move {
        let _unanswered = listener.accept().await.unwrap();
        while let Ok((mut client, _)) = listener.accept().await {
            let mut server = TcpStream::connect(&node.host).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
        }
    });
    let config = config.with_namespace(fresh()).with_connect_timeout(20 * SECOND);
    RedisStorage::connect(&config).await.unwrap().set("key", bytes("value"), None).await.unwrap();
}

async fn a_runtime_that_has_ended_lets_no_operation_hang(url: String) {
    let opened = tokio::task::spawn_blocking(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(on_a_wire(&url))
    });
    let (_wire, storage) = opened.await.unwrap();
    for _ in 0..3 {
        let error = timeout(2 * SECOND, storage.get("key")).await.expect("it hangs").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    }
}

service_tests! {
    Service::Redis => [
        a_killed_connection_comes_back,
        a_server_that_was_away_is_used_again,
        a_server_that_vanished_is_noticed_and_used_again,
        a_vanished_server_is_noticed_by_operations_that_were_given_up,
        operations_that_were_given_up_confuse_no_answers,
        scripts_that_a_server_forgot_are_sent_again,
        a_storage_that_was_closed_dials_no_more,
        a_runtime_that_has_ended_lets_no_operation_hang,
    ],
    Service::RedisCluster => [
        a_killed_connection_comes_back,
        scripts_that_the_nodes_forgot_are_sent_again,
        a_cluster_that_is_slow_to_answer_is_dialed_again,
        operations_that_were_given_up_confuse_no_answers,
    ],
}
