//! What PostgreSQL is asked for many callers at once.

mod support;

use std::{sync::Arc, time::Duration};

use cloakroom_conformance::{Service, Wire, service_tests};
use cloakroom_storage::{Bytes, ErrorKind, Operation, Storage, Swap, Touch};
use support::{Options, Server, bytes, fresh, futures, is};
use tokio::time::timeout;

const HOUR: Duration = Duration::from_secs(3_600);

/// One that asks as soon as it is polled, and has asked each of its statements before.
async fn warm(server: &Server, url: &str, options: &Options) -> Arc<dyn Storage> {
    let storage = server.open_at(url, options).await.unwrap();
    for get in futures((0..64).map(|_| storage.get("warm-up"))).await {
        assert_eq!(get.unwrap(), None);
    }
    for swap in futures((0..64).map(|_| swap(&storage, "warm-up", "one", "other"))).await {
        assert_eq!(swap, Swap::Conflict { current: None });
    }
    storage
}

async fn swap(storage: &Arc<dyn Storage>, key: &str, expected: &str, new: &str) -> Swap {
    storage.compare_and_swap(key, Some(expected.as_bytes()), Some(bytes(new)), Some(HOUR)).await.unwrap()
}

async fn what_is_asked_at_the_same_time_shares_round_trips(url: String) {
    let (server, wire) = (Server::new(&url).await, Wire::to(&url).await.unwrap());
    let mut options = Options::of(&fresh("together"));
    options.max_connections = 1;
    let storage = warm(&server, wire.url(), &options).await;
    for n in 0..50 {
        storage.set(&format!("key {n}"), bytes(&format!("value {n}")), Some(HOUR)).await.unwrap();
    }
    let before = wire.round_trips();
    let get = async |n: i32| storage.get(&format!("key {}", n % 60)).await.unwrap();
    let values = futures((0..65).map(get)).await;
    // The first goes at once, and the others when it is back.
    assert_eq!(wire.round_trips() - before, 2);
    for (value, n) in values.into_iter().zip((0..60).chain(0..5)) {
        assert_eq!(value, (n < 50).then(|| bytes(&format!("value {n}"))));
    }
    let before = wire.round_trips();
    let change =
        async |n: i32| swap(&storage, &format!("key {n}"), &format!("value {n}"), &format!("new {n}")).await;
    let swaps = futures((0..50).map(change)).await;
    assert_eq!(wire.round_trips() - before, 2);
    assert!(swaps.iter().all(|swap| *swap == Swap::Swapped));
    for n in 0..50 {
        assert_eq!(storage.get(&format!("key {n}")).await.unwrap(), Some(bytes(&format!("new {n}"))));
    }
    server.drop_table(&options.table).await;
}

async fn more_than_a_statement_may_ask_goes_in_several(url: String) {
    let (server, wire) = (Server::new(&url).await, Wire::to(&url).await.unwrap());
    let mut options = Options::of(&fresh("several"));
    options.max_connections = 1;
    let storage = warm(&server, wire.url(), &options).await;
    let before = wire.round_trips();
    futures((0..130).map(|n| storage.get(if n % 2 == 0 { "even" } else { "odd" }))).await;
    assert_eq!(wire.round_trips() - before, 1 + 2 + 1);

    // Together they would have 4 MB.
    let value = |with: u8| Bytes::from(vec![with; 500_000]);
    for n in 0..4 {
        storage.set(&format!("large {n}"), value(1), None).await.unwrap();
    }
    let change = async |n: i32| {
        let (key, expected) = (format!("large {n}"), value(1));
        storage.compare_and_swap(&key, Some(&expected), Some(value(2)), None).await.unwrap()
    };
    let before = wire.round_trips();
    assert!(futures((0..4).map(change)).await.iter().all(|swap| *swap == Swap::Swapped));
    assert_eq!(wire.round_trips() - before, 4);
    server.drop_table(&options.table).await;
}

async fn each_swap_that_is_sent_with_others_has_its_own_outcome(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("outcomes")));
    let options = Options { max_connections: 1, ..options };
    let storage = warm(&server, server.url(), &options).await;
    for key in ["right", "wrong", "lasting", "contended", "first"] {
        storage.set(key, bytes("old"), Some(HOUR)).await.unwrap();
    }
    storage.set("expired", bytes("old"), Some(Duration::from_millis(1))).await.unwrap();
    support::until("it is expired", async || storage.get("expired").await.unwrap().is_none()).await;
    let ask = async |(key, expected, new, ttl): (&str, &'static str, &str, Option<Duration>)| {
        storage.compare_and_swap(key, Some(expected.as_bytes()), Some(bytes(new)), ttl).await.unwrap()
    };
    let asked = [
        // Goes alone, while the others gather.
        ("first", "old", "new", Some(HOUR)),
        ("right", "old", "new", Some(HOUR)),
        ("wrong", "other", "new", Some(HOUR)),
        ("missing", "old", "new", Some(HOUR)),
        ("expired", "old", "new", Some(HOUR)),
        ("lasting", "old", "new", None),
        ("contended", "old", "a", Some(HOUR)),
        ("contended", "old", "b", Some(HOUR)),
        ("contended", "other", "c", Some(HOUR)),
        ("right", "new", "newer", Some(HOUR)),
    ];
    let mut outcomes = futures(asked.into_iter().map(ask)).await;
    let conflict = |current: &str| Swap::Conflict { current: Some(bytes(current)) };
    let newer = outcomes.pop().unwrap();
    // Asked at the same time, it may come before or after the swap that it builds on.
    assert!(newer == Swap::Swapped || newer == conflict("old"), "{newer:?}");
    let contended = outcomes.split_off(6);
    assert_eq!(contended.iter().filter(|swap| **swap == Swap::Swapped).count(), 1, "{contended:?}");
    let winner = storage.get("contended").await.unwrap().unwrap();
    assert!(contended[..2].contains(&Swap::Conflict { current: Some(winner.clone()) }), "{contended:?}");
    // The third has seen either what there was before, or what there is.
    assert!(
        contended[2] == conflict("old") || contended[2] == Swap::Conflict { current: Some(winner) },
        "{contended:?}"
    );
    assert_eq!(
        outcomes,
        [
            Swap::Swapped,
            Swap::Swapped,
            conflict("old"),
            Swap::Conflict { current: None },
            Swap::Conflict { current: None },
            Swap::Swapped,
        ]
    );
    let remaining = async |key| {
        let touch = Touch::new(HOUR, Duration::from_secs(60));
        storage.get_and_touch(key, touch).await.unwrap().unwrap().remaining
    };
    assert_eq!(remaining("lasting").await, None);
    assert!(remaining("right").await.unwrap() > HOUR - Duration::from_secs(60));
    server.drop_table(&options.table).await;
}

async fn nobody_gets_an_answer_that_is_anothers(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("own")));
    let storage = server.open(&options).await.unwrap();
    let works = |n: usize| {
        let storage = Arc::clone(&storage);
        tokio::spawn(async move {
            let key = format!("key {n}");
            let mut value = format!("{n}: 0");
            storage.set(&key, bytes(&value), Some(HOUR)).await.unwrap();
            for turn in 1..20 {
                let new = format!("{n}: {turn}");
                assert_eq!(swap(&storage, &key, &value, &new).await, Swap::Swapped);
                value = new;
                assert_eq!(storage.get(&key).await.unwrap(), Some(bytes(&value)));
                assert_eq!(storage.get(&format!("missing {n}")).await.unwrap(), None);
            }
        })
    };
    for work in futures((0..64).map(works)).await {
        work.unwrap();
    }
    server.drop_table(&options.table).await;
}

async fn swaps_on_the_same_keys_from_two_nodes_lose_nothing(url: String) {
    const KEYS: usize = 7;
    const TURNS: usize = 10;
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("counters")));
    let nodes = [server.open(&options).await.unwrap(), server.open(&options).await.unwrap()];
    for key in 0..KEYS {
        nodes[0].set(&key.to_string(), bytes("0"), None).await.unwrap();
    }
    let raises = |n: usize| {
        let storage = Arc::clone(&nodes[n % 2]);
        tokio::spawn(async move {
            for turn in 0..TURNS {
                // In one order on one node, and in the other on the other.
                let key = if n.is_multiple_of(2) { turn % KEYS } else { KEYS - 1 - turn % KEYS };
                let key = key.to_string();
                let mut current = storage.get(&key).await.unwrap().unwrap();
                loop {
                    let count: u64 = std::str::from_utf8(&current).unwrap().parse().unwrap();
                    let new = bytes(&(count + 1).to_string());
                    match storage.compare_and_swap(&key, Some(&current), Some(new), None).await.unwrap() {
                        Swap::Swapped => break,
                        Swap::Conflict { current: now } => current = now.unwrap(),
                    }
                }
            }
        })
    };
    for raised in futures((0..32).map(raises)).await {
        raised.unwrap();
    }
    let mut sum = 0;
    for key in 0..KEYS {
        let count = nodes[0].get(&key.to_string()).await.unwrap().unwrap();
        sum += std::str::from_utf8(&count).unwrap().parse::<usize>().unwrap();
    }
    assert_eq!(sum, 32 * TURNS);
    server.drop_table(&options.table).await;
}

async fn those_who_give_up_take_nobodys_answer_along(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("give_up")));
    let storage = warm(&server, server.url(), &options).await;
    storage.set("key", bytes("value"), None).await.unwrap();
    for _ in 0..20 {
        // Each fourth gives up as soon as it has asked, the very first among them.
        let gets = (0..64).map(async |n| {
            let patience = if n % 4 == 0 { Duration::ZERO } else { Duration::from_secs(60) };
            timeout(patience, storage.get("key")).await
        });
        for (n, get) in futures(gets).await.into_iter().enumerate() {
            match get {
                Ok(get) => assert_eq!(get.unwrap(), Some(bytes("value"))),
                Err(_) => assert_eq!(n % 4, 0),
            }
        }
    }
    server.drop_table(&options.table).await;
}

async fn an_error_is_met_by_all_who_asked_together(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("all")));
    let storage = warm(&server, server.url(), &options).await;
    server.drop_table(&options.table).await;
    let gets = async |n: i32| match n % 2 {
        0 => storage.get("key").await.unwrap_err(),
        _ => storage.get_and_touch("key", Touch::new(HOUR, HOUR / 2)).await.unwrap_err(),
    };
    for (n, error) in futures((0..64).map(gets)).await.iter().enumerate() {
        is(error, ErrorKind::Misconfigured, "the table is not there");
        let operation = if n % 2 == 0 { Operation::Get } else { Operation::GetAndTouch };
        assert_eq!(error.operation(), operation);
    }
}

async fn whoever_has_all_the_time_in_the_world_may_say_so(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("patient")));
    let options = Options { response_timeout: Duration::MAX, ..options };
    let storage = warm(&server, server.url(), &options).await;
    assert_eq!(storage.get("key").await.unwrap(), None);
    server.drop_table(&options.table).await;
}

service_tests! {
    Service::Postgres => [
        what_is_asked_at_the_same_time_shares_round_trips,
        more_than_a_statement_may_ask_goes_in_several,
        each_swap_that_is_sent_with_others_has_its_own_outcome,
        nobody_gets_an_answer_that_is_anothers,
        swaps_on_the_same_keys_from_two_nodes_lose_nothing,
        those_who_give_up_take_nobodys_answer_along,
        an_error_is_met_by_all_who_asked_together,
        whoever_has_all_the_time_in_the_world_may_say_so,
    ],
}
