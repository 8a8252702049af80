//! One round trip an operation; lost connections are noticed and replaced; no future that is dropped leaves one behind.

mod support;

use std::time::{Duration, Instant};

use cloakroom_conformance::{Passage, Service, Wire, fresh_namespace, service_tests};
use cloakroom_storage::{ErrorKind, Storage, StorageError, Touch};
use cloakroom_storage_sqlx::{PostgresConfig, PostgresStorage};
use support::{Options, SECRET, Server, bytes, fresh, futures, is, until, with_database, with_user};
use tokio::time::timeout;

const HOUR: Duration = Duration::from_secs(3_600);

async fn an_operation_is_one_round_trip(url: String) {
    let (server, wire) = (Server::new(&url).await, Wire::to(&url).await.unwrap());
    let mut options = Options::of(&fresh("trips"));
    options.max_connections = 1;
    let storage = server.open_at(wire.url(), &options).await.unwrap();
    // A swap that conflicts has more to say where the engine cannot say it at once.
    let conflict = if server.is_postgres() { 1 } else { 2 };
    for warm_up in [true, false] {
        macro_rules! trips {
            ($expected:expr, $operation:expr) => {
                let before = wire.round_trips();
                let _done = $operation.await.unwrap();
                let (trips, expected) = (wire.round_trips() - before, $expected);
                let what = stringify!($operation);
                assert!(warm_up || trips == expected, "{what} took {trips} round trips, not {expected}");
            };
        }
        trips!(1, storage.set("key", bytes("value"), Some(HOUR)));
        trips!(1, storage.get("key"));
        trips!(1, storage.get("missing"));
        trips!(1, storage.get_and_touch("key", Touch::new(HOUR, HOUR / 2)));
        trips!(2, storage.get_and_touch("key", Touch::new(2 * HOUR, HOUR / 2)));
        trips!(1, storage.compare_and_swap("key", Some(b"value"), Some(bytes("new")), None));
        trips!(conflict, storage.compare_and_swap("key", Some(b"other"), Some(bytes("new")), None));
        trips!(1, storage.compare_and_swap("key", Some(b"new"), None, None));
        trips!(1, storage.compare_and_swap("key", None, Some(bytes("new")), None));
        trips!(1, storage.ping());
        trips!(1, storage.delete("key"));
    }
    server.drop_table(&options.table).await;
}

async fn a_touch_within_the_slack_writes_nothing(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("slack")));
    let storage = server.open(&options).await.unwrap();
    storage.set("key", bytes("value"), Some(HOUR)).await.unwrap();
    let column = if server.is_postgres() { "xmin::text::bigint" } else { "expires_at" };
    let sql = format!("SELECT max({column}) FROM {}", server.quote(&options.table));
    let before = server.number(&sql).await;
    for _ in 0..3 {
        storage.get_and_touch("key", Touch::new(HOUR, HOUR / 60)).await.unwrap().unwrap();
    }
    assert_eq!(server.number(&sql).await, before);
    assert!(storage.get_and_touch("key", Touch::new(2 * HOUR, HOUR / 60)).await.unwrap().unwrap().extended);
    assert_ne!(server.number(&sql).await, before);
    server.drop_table(&options.table).await;
}

async fn connections_that_are_killed_are_replaced(url: String) {
    let (server, user, options) = (Server::new(&url).await, fresh("killed"), Options::of(&fresh("killed")));
    let all = server.user(&user, "ALL", None).await;
    let storage = server.open_at(&all, &options).await.unwrap();
    for round in 0..3 {
        let key = format!("key {round}");
        let filling = (0..4).map(|_| storage.set(&key, bytes("value"), None));
        for set in futures(filling).await {
            set.unwrap();
        }
        server.kill_connections_of(&user).await;
        // A read is sent again, and nobody sees that anything was lost.
        assert!(storage.get(&key).await.unwrap().is_some());
        storage.set("after", bytes("value"), None).await.unwrap();
    }
    server.kill_connections_of(&user).await;
    // A write is not, as it may have taken effect; all the others find new connections.
    if let Err(error) = storage.set(SECRET, bytes(SECRET), None).await {
        is(&error, ErrorKind::Unavailable, "");
    }
    for _ in 0..4 {
        storage.set("after", bytes("value"), None).await.unwrap();
    }
    storage.close().await.unwrap();
    server.drop_table(&options.table).await;
    server.kill_connections_of(&user).await;
    server.drop_user(&user).await;
}

async fn a_server_that_is_gone_is_unavailable_at_once_and_found_again(url: String) {
    let (server, wire) = (Server::new(&url).await, Wire::to(&url).await.unwrap());
    let options = Options::of(&fresh("gone"));
    let storage = server.open_at(wire.url(), &options).await.unwrap();
    storage.set("key", bytes("value"), None).await.unwrap();
    wire.set(Passage::Cut);
    let is_gone = |error: StorageError| error.to_string().contains("cannot be reached");
    until("the server is gone", || async { storage.get(SECRET).await.is_err_and(is_gone) }).await;
    let begun = Instant::now();
    for _ in 0..3 {
        is(&storage.get(SECRET).await.unwrap_err(), ErrorKind::Unavailable, "cannot be reached");
        is(
            &storage.set(SECRET, bytes(SECRET), None).await.unwrap_err(),
            ErrorKind::Unavailable,
            "cannot be reached",
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "it took {:?} to fail", begun.elapsed());
    wire.set(Passage::Open);
    until("the server is found again", || async { storage.get("key").await.is_ok() }).await;
    assert!(storage.get("key").await.unwrap().is_some());
    server.drop_table(&options.table).await;
}

async fn dropped_futures_leave_no_connection_behind(url: String) {
    let server = Server::new(&url).await;
    let mut options = Options::of(&fresh("dropped"));
    options.max_connections = 2;
    let storage = server.open(&options).await.unwrap();
    for round in 0..60_u64 {
        let (key, value) = (format!("key {round}"), format!("value {round}"));
        let limit = Duration::from_micros(20 * round);
        let _ = timeout(limit, storage.set(&key, bytes(&value), None)).await;
        let _ = timeout(limit, storage.get_and_touch(&key, Touch::new(HOUR, Duration::ZERO))).await;
        let _ =
            timeout(limit, storage.compare_and_swap(&key, Some(value.as_bytes()), Some(bytes(&value)), None))
                .await;
        // An answer that was left over would be taken for this one's.
        storage.set(&key, bytes(&value), None).await.unwrap();
        assert_eq!(storage.get(&key).await.unwrap(), Some(bytes(&value)));
    }
    server.drop_table(&options.table).await;
}

async fn a_pool_that_is_handed_in_stays_open(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("pool")));
    let storage = server.open_on_pool(&options).await.unwrap();
    for round in 0..20_u64 {
        let (key, value) = (format!("key {round}"), format!("value {round}"));
        let _ = timeout(Duration::from_micros(50 * round), storage.set(&key, bytes(&value), None)).await;
        storage.set(&key, bytes(&value), None).await.unwrap();
        assert_eq!(storage.get(&key).await.unwrap(), Some(bytes(&value)));
    }
    storage.close().await.unwrap();
    assert_eq!(storage.get("key").await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(server.count(&options.table).await, 20);
    server.drop_table(&options.table).await;
}

async fn errors_of_connecting_say_the_cure(url: String) {
    let server = Server::new(&url).await;
    let options = Options::of(&fresh("errors"));
    let refused = async |url: &str, kind, says: &str| {
        let error = server.open_at(url, &options).await.err().unwrap();
        is(&error, kind, says);
    };
    refused(&with_user(&url, "nobody", SECRET), ErrorKind::Misconfigured, "password is wrong").await;
    refused(&with_database(&url, "no_such_database"), ErrorKind::Misconfigured, "database").await;
    refused("redis://localhost", ErrorKind::Misconfigured, "scheme").await;
    let (scheme, _) = url.split_once("://").unwrap();
    let nobody = format!("{scheme}://app:{SECRET}@127.0.0.1:1/x");
    refused(&nobody, ErrorKind::Unavailable, "check its host and port").await;
    let nowhere = format!("{scheme}://app:{SECRET}@no-such-host.invalid/x");
    refused(&nowhere, ErrorKind::Unavailable, "check its host and port").await;
    refused(&format!("{scheme}://app:{SECRET}@127.0.0.1:x/x"), ErrorKind::Misconfigured, "port").await;
    let user = fresh("app");
    server.user(&user, "ALL", None).await;
    let wrong = with_user(&url, &user, &format!("{SECRET}-no-more"));
    refused(&wrong, ErrorKind::Misconfigured, "password is wrong").await;
    server.drop_user(&user).await;
}

async fn a_user_who_may_only_read_is_misconfigured(url: String) {
    let (server, options, user) = (Server::new(&url).await, Options::of(&fresh("rights")), fresh("reader"));
    server.open(&options).await.unwrap();
    let reader = server.user(&user, "SELECT", Some(&options.table)).await;
    let error = match server.open_at(&reader, &options).await {
        Ok(storage) => storage.set(SECRET, bytes(SECRET), None).await.unwrap_err(),
        Err(error) => error,
    };
    is(&error, ErrorKind::Misconfigured, "grant SELECT, INSERT, UPDATE and DELETE");
    server.drop_user(&user).await;
    server.drop_table(&options.table).await;
}

async fn a_busy_pool_is_unavailable_in_time(url: String) {
    let (server, options) = (Server::new(&url).await, Options::of(&fresh("busy")));
    server.open(&options).await.unwrap();
    let storage = server.open_impatient(&options).await;
    let held = server.hold(&options.table).await;
    let (one, two) = tokio::join!(storage.set("key", bytes("one"), None), async {
        let two = storage.set("key", bytes("two"), None).await;
        held.release().await;
        two
    });
    one.unwrap();
    is(&two.unwrap_err(), ErrorKind::Unavailable, "allow more connections");
    until("the pool is free again", || async { storage.get("key").await.is_ok() }).await;
    server.drop_table(&options.table).await;
}

async fn callers_who_give_up_leave_no_more_connections_than_configured(url: String) {
    let (server, wire) = (Server::new(&url).await, Wire::to(&url).await.unwrap());
    let mut options = Options::of(&fresh("impatient"));
    options.max_connections = 2;
    let storage = server.open_at(wire.url(), &options).await.unwrap();
    wire.set(Passage::Cut);
    wire.set(Passage::Silent);
    let before = wire.connections();
    for _ in 0..20 {
        let gets = (0..3).map(|_| timeout(Duration::from_millis(10), storage.get("key")));
        assert!(futures(gets).await.into_iter().all(|get| !matches!(get, Ok(Ok(_)))));
    }
    let made = wire.connections() - before;
    assert!(made <= 2, "{made} connections are in the making");
    wire.set(Passage::Cut);
    wire.set(Passage::Open);
    until("the server is found again", || async { storage.get("key").await.is_ok() }).await;
    server.drop_table(&options.table).await;
}

async fn no_connections_are_one_that_is_kept(url: String) {
    let (server, wire) = (Server::new(&url).await, Wire::to(&url).await.unwrap());
    let mut options = Options::of(&fresh("none"));
    options.max_connections = 0;
    let storage = server.open_at(wire.url(), &options).await.unwrap();
    for set in futures((0..4).map(|_| storage.set("key", bytes("value"), None))).await {
        set.unwrap();
    }
    assert_eq!(wire.connections(), 1);
    server.drop_table(&options.table).await;
}

async fn prepared_statements_that_a_pooler_loses_are_misconfigured(url: String) {
    let namespace = fresh_namespace();
    let config = |url: &str| {
        let config = PostgresConfig::new(url).with_namespace(namespace.clone()).with_sweep_interval(None);
        config.with_connect_timeout(Duration::from_secs(60))
    };
    let (unprepared, prepared) = (config(&url), config(url.split_once('?').unwrap().0));
    let storage = PostgresStorage::connect(&unprepared).await.unwrap();
    // Once the pooler has more connections than one, it hands out another for each transaction.
    let error = loop {
        for set in futures((0..8).map(|_| storage.set(SECRET, bytes(SECRET), None))).await {
            set.unwrap();
        }
        match PostgresStorage::connect(&prepared).await {
            Ok(prepared) => match prepared.get(SECRET).await {
                Ok(_) => {}
                Err(error) => break error,
            },
            Err(error) => break error,
        }
    };
    is(&error, ErrorKind::Misconfigured, "statement-cache-capacity=0");
    storage.reset().await.unwrap();
}

service_tests! {
    Service::Postgres => [
        an_operation_is_one_round_trip,
        a_touch_within_the_slack_writes_nothing,
        connections_that_are_killed_are_replaced,
        a_server_that_is_gone_is_unavailable_at_once_and_found_again,
        dropped_futures_leave_no_connection_behind,
        a_pool_that_is_handed_in_stays_open,
        errors_of_connecting_say_the_cure,
        a_user_who_may_only_read_is_misconfigured,
        a_busy_pool_is_unavailable_in_time,
        callers_who_give_up_leave_no_more_connections_than_configured,
        no_connections_are_one_that_is_kept,
    ],
    Service::Pgbouncer => [prepared_statements_that_a_pooler_loses_are_misconfigured],
    Service::Mariadb => [
        an_operation_is_one_round_trip,
        a_touch_within_the_slack_writes_nothing,
        connections_that_are_killed_are_replaced,
        a_server_that_is_gone_is_unavailable_at_once_and_found_again,
        dropped_futures_leave_no_connection_behind,
        a_pool_that_is_handed_in_stays_open,
        errors_of_connecting_say_the_cure,
        a_user_who_may_only_read_is_misconfigured,
        a_busy_pool_is_unavailable_in_time,
        callers_who_give_up_leave_no_more_connections_than_configured,
        no_connections_are_one_that_is_kept,
    ],
    Service::Mysql => [
        an_operation_is_one_round_trip,
        a_touch_within_the_slack_writes_nothing,
        connections_that_are_killed_are_replaced,
        a_server_that_is_gone_is_unavailable_at_once_and_found_again,
        dropped_futures_leave_no_connection_behind,
        a_pool_that_is_handed_in_stays_open,
        errors_of_connecting_say_the_cure,
        a_user_who_may_only_read_is_misconfigured,
        a_busy_pool_is_unavailable_in_time,
        callers_who_give_up_leave_no_more_connections_than_configured,
        no_connections_are_one_that_is_kept,
    ],
}
