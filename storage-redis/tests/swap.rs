//! A swap is one command where the server has it and a script where not, and means the same.

mod support;

use std::time::Duration;

use cloakroom_conformance::{Outcome, Passage, Service, Wire, service_tests};
use cloakroom_storage::{ErrorKind, Storage, Swap};
use support::{administer, bytes, connect, fresh, with_user, works_again};

/// Asks for both answers of every kind of swap.
async fn swaps_work(storage: &impl Storage) {
    let minute = Some(Duration::from_secs(60));
    let conflict = |current: &str| Swap::Conflict { current: Some(bytes(current)) };
    for ttl in [None, minute] {
        assert_eq!(
            storage.compare_and_swap("key", None, Some(bytes("a")), ttl).await.unwrap(),
            Swap::Swapped
        );
        assert_eq!(
            storage.compare_and_swap("key", None, Some(bytes("b")), ttl).await.unwrap(),
            conflict("a")
        );
        let refused = storage.compare_and_swap("key", Some(b"b"), Some(bytes("c")), ttl).await.unwrap();
        assert_eq!(refused, conflict("a"));
        let swapped = storage.compare_and_swap("key", Some(b"a"), Some(bytes("b")), ttl).await.unwrap();
        assert_eq!(swapped, Swap::Swapped);
        let refused = storage.compare_and_swap("none", Some(b"a"), Some(bytes("b")), ttl).await.unwrap();
        assert_eq!(refused, Swap::Conflict { current: None });
        assert_eq!(storage.get("key").await.unwrap(), Some(bytes("b")));
        storage.delete("key").await.unwrap();
    }
}

/// As a user who may run no script.
async fn a_server_that_compares_needs_no_script(url: String) {
    let namespace = fresh();
    let user = namespace.as_str();
    administer(&url, &["ACL", "SETUSER", user, "on", ">secret", "~*", "+@all", "-eval", "-evalsha"]).await;
    let storage = connect(&with_user(&url, user, "secret"), &namespace).await;
    swaps_work(&storage).await;
    // To delete by comparison is a script's work, which shows that none was run above.
    let error = storage.compare_and_swap("key", Some(b"a"), None, None).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    administer(&url, &["ACL", "DELUSER", user]).await;
}

async fn a_server_that_does_not_compare_runs_a_script(url: String) {
    let namespace = fresh();
    let storage = connect(&url, &namespace).await;
    swaps_work(&storage).await;
}

async fn an_older_server_that_takes_over_runs_scripts(url: String) -> Outcome {
    let older = match Service::Redis.url().await {
        Ok(older) => older,
        Err(reason) => return Outcome::Ignored(reason.to_string()),
    };
    let wire = Wire::to(&url).await.unwrap();
    let storage = connect(wire.url(), &fresh()).await;
    swaps_work(&storage).await;
    wire.turn_to(&older).unwrap();
    wire.set(Passage::Cut);
    wire.set(Passage::Open);
    works_again(&storage, Duration::from_secs(5)).await;
    swaps_work(&storage).await;
    Outcome::Passed
}

service_tests! {
    Service::Valkey => [a_server_that_compares_needs_no_script, an_older_server_that_takes_over_runs_scripts],
    Service::Redis => [a_server_that_does_not_compare_runs_a_script],
    Service::RedisCluster => [a_server_that_does_not_compare_runs_a_script],
}
