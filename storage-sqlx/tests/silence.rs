//! A server that falls silent, or waits for another, is waited for no longer than was said.

mod support;

use std::time::{Duration, Instant};

use cloakroom_conformance::{Passage, Service, Wire, service_tests};
use cloakroom_storage::{ErrorKind, Result, Storage, Touch};
use support::{Options, SECRET, Server, bytes, fresh, is, until};

const SHORT: Duration = Duration::from_millis(400);
/// More than enough for whatever is bounded by the former, and much less than anything else is.
const LONG: Duration = Duration::from_secs(20);

fn impatient(what: &str) -> Options {
    Options { response_timeout: SHORT, maintenance_timeout: 2 * SHORT, ..Options::of(&fresh(what)) }
}

/// However long that takes on a busy machine, where another test holds the lock.
async fn make_table(server: &Server, options: &Options) {
    let patient = Duration::from_secs(60);
    let options = Options { response_timeout: patient, maintenance_timeout: patient, ..options.clone() };
    server.open(&options).await.unwrap();
}

async fn a_silent_server_is_a_timeout_for_every_operation(url: String) {
    let (server, wire) = (Server::new(&url).await, Wire::to(&url).await.unwrap());
    let options = impatient("silent");
    make_table(&server, &options).await;
    let storage = server.open_at(wire.url(), &options).await.unwrap();
    macro_rules! times_out {
        ($operation:expr) => {
            until("the server is found again", || async { storage.get("key").await.is_ok() }).await;
            wire.set(Passage::Silent);
            let begun = Instant::now();
            let outcome: Result<_> = $operation.await;
            is(&outcome.map(|_| ()).unwrap_err(), ErrorKind::Timeout, "no answer within");
            assert!(begun.elapsed() < LONG, "{} took {:?}", stringify!($operation), begun.elapsed());
            wire.set(Passage::Open);
        };
    }
    let touch = Touch::new(LONG, SHORT);
    times_out!(storage.get(SECRET));
    times_out!(storage.set(SECRET, bytes(SECRET), None));
    times_out!(storage.delete(SECRET));
    times_out!(storage.get_and_touch(SECRET, touch));
    times_out!(storage.compare_and_swap(SECRET, None, Some(bytes(SECRET)), None));
    times_out!(storage.scan(None, std::num::NonZeroUsize::MIN));
    times_out!(storage.ping());
    times_out!(storage.reset());
    times_out!(storage.purge_expired());
    until("the server is found again", || async { storage.get("key").await.is_ok() }).await;
    server.drop_table(&options.table).await;
}

async fn a_sweep_that_nobody_answers_does_not_keep_its_connection(url: String) {
    let (server, wire) = (Server::new(&url).await, Wire::to(&url).await.unwrap());
    let options = Options {
        max_connections: 1,
        sweep_interval: Some(Duration::from_millis(10)),
        ..impatient("sweeper")
    };
    make_table(&server, &options).await;
    let storage = server.open_at(wire.url(), &options).await.unwrap();
    wire.set(Passage::Silent);
    let before = wire.round_trips();
    until("a sweep has begun", || async { wire.round_trips() > before }).await;
    wire.set(Passage::Open);
    until("the one connection is free again", || async { storage.get("key").await.is_ok() }).await;
    server.drop_table(&options.table).await;
}

async fn a_start_behind_one_that_is_stuck_fails_in_time(url: String) {
    let (server, mut options) = (Server::new(&url).await, impatient("stuck"));
    options.maintenance_timeout = Duration::from_secs(2);
    let held = server.hold_start().await;
    let begun = Instant::now();
    let error = server.open(&options).await.err().unwrap();
    assert!(matches!(error.kind(), ErrorKind::Timeout | ErrorKind::Unavailable), "{error}");
    assert!(begun.elapsed() < LONG, "it took {:?}", begun.elapsed());
    held.release().await;
    make_table(&server, &options).await;
    server.drop_table(&options.table).await;
}

service_tests! {
    Service::Postgres => [
        a_silent_server_is_a_timeout_for_every_operation,
        a_sweep_that_nobody_answers_does_not_keep_its_connection,
        a_start_behind_one_that_is_stuck_fails_in_time,
    ],
    Service::Mariadb => [
        a_silent_server_is_a_timeout_for_every_operation,
        a_sweep_that_nobody_answers_does_not_keep_its_connection,
        a_start_behind_one_that_is_stuck_fails_in_time,
    ],
    Service::Mysql => [
        a_silent_server_is_a_timeout_for_every_operation,
        a_sweep_that_nobody_answers_does_not_keep_its_connection,
        a_start_behind_one_that_is_stuck_fails_in_time,
    ],
}
