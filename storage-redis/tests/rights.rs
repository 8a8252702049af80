//! The rights that the README names are all that a user needs.

mod support;

use std::{num::NonZeroUsize, time::Duration};

use cloakroom_conformance::{Service, service_tests};
use cloakroom_storage::{Storage, Touch};
use support::{administer, bytes, connect, fresh, with_user};

/// As in the README.
const RIGHTS: &str = "GET SET UNLINK EVAL EVALSHA PTTL PEXPIRE SCAN PING INFO ROLE";
const RIGHTS_IN_A_CLUSTER: &str = "ASKING CLUSTER|SLOTS CLUSTER|NODES CLUSTER|INFO";

async fn the_rights_of_the_readme_are_enough(url: String) {
    let readme = include_str!("../README.md").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(readme.contains(&format!("`{RIGHTS}`")) && readme.contains(&format!("`{RIGHTS_IN_A_CLUSTER}`")));
    let namespace = fresh();
    let user = namespace.as_str();
    let keys = format!("~{}*", namespace.prefix());
    let mut rights: Vec<_> = RIGHTS.split(' ').map(|right| format!("+{right}")).collect();
    if url.contains("+cluster") {
        rights.extend(RIGHTS_IN_A_CLUSTER.split(' ').map(|right| format!("+{right}")));
    }
    let mut words = vec!["ACL", "SETUSER", user, "on", ">secret", "resetchannels", &keys];
    words.extend(rights.iter().map(String::as_str));
    administer(&url, &words).await;

    let storage = connect(&with_user(&url, user, "secret"), &namespace).await;
    for n in 0..20 {
        let key = format!("key {n}");
        let swap = |expected: Option<&'static [u8]>, new: Option<&str>| {
            storage.compare_and_swap(&key, expected, new.map(bytes), None)
        };
        assert!(swap(None, Some("a")).await.unwrap().is_swapped());
        assert!(swap(Some(b"a"), Some("b")).await.unwrap().is_swapped());
        assert!(swap(Some(b"b"), None).await.unwrap().is_swapped());
        storage.set(&key, bytes("value"), Some(Duration::from_secs(60))).await.unwrap();
        let touch = Touch::new(Duration::from_secs(90), Duration::ZERO);
        assert!(storage.get_and_touch(&key, touch).await.unwrap().unwrap().extended);
        assert_eq!(storage.get(&key).await.unwrap(), Some(bytes("value")));
    }
    storage.delete("key 0").await.unwrap();
    storage.ping().await.unwrap();
    assert!(!storage.scan(None, NonZeroUsize::MAX).await.unwrap().entries.is_empty());
    storage.reset().await.unwrap();
    administer(&url, &["ACL", "DELUSER", user]).await;
}

service_tests! {
    Service::Redis => [the_rights_of_the_readme_are_enough],
    Service::Valkey => [the_rights_of_the_readme_are_enough],
    Service::RedisCluster => [the_rights_of_the_readme_are_enough],
}
