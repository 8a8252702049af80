//! What a client sees of a network that is slow, breaks, or swallows everything under load: an error in time, nobody
//! else's answer, and nothing of it afterwards.

use std::{process::ExitCode, time::Duration};

use cloakroom_conformance::{Passage, Service, ServiceTest, Wire, service_tests_main};
use tokio::time::sleep;

use self::load::{LIMIT, Load};

#[allow(dead_code, reason = "written for more tests than these")]
mod load;

/// Those that a client reaches at one address. Where servers tell their clients of each other, the clients go past the
/// wire; their servers are killed and paused instead, one by one.
const SERVICES: [Service; 9] = [
    Service::Redis,
    Service::RedisTls,
    Service::Valkey,
    Service::Postgres,
    Service::Mariadb,
    Service::Mysql,
    Service::Mongodb,
    Service::Ferretdb,
    Service::Dynamodb,
];

macro_rules! tests {
    ($service:expr => [$($test:ident,)+]) => {
        [$(ServiceTest::new($service, stringify!($test), $test)),+]
    };
}

fn main() -> ExitCode {
    service_tests_main(SERVICES.into_iter().flat_map(|service| {
        tests! {
            service => [
                a_slow_network_costs_time_and_no_error,
                answers_that_come_too_late_are_errors_in_time_and_nobody_elses,
                answers_that_break_off_are_errors_and_no_values,
                a_network_that_swallows_everything_costs_errors_in_time_and_no_data,
                a_network_that_is_down_costs_errors_in_time_and_no_data,
                connections_that_break_all_the_time_cost_errors_and_no_data,
                operations_that_are_dropped_half_way_leave_their_answers_to_nobody,
            ]
        }
    }))
}

async fn a_slow_network_costs_time_and_no_error(url: String) {
    let wire = Wire::to(&url).await.unwrap();
    let load = Load::that_may_take_long(wire.url()).await;
    wire.set(Passage::Late(LIMIT / 50));
    load.every_task_has(&load.done, "written slowly").await;
    assert_eq!(load.failures(), 0);
    load.end().await;
}

async fn answers_that_come_too_late_are_errors_in_time_and_nobody_elses(url: String) {
    // Those that are late are still to come when others may be answered again.
    fails_and_recovers(&url, Passage::Late(LIMIT + LIMIT / 2)).await;
}

async fn answers_that_break_off_are_errors_and_no_values(url: String) {
    fails_and_recovers(&url, Passage::Torn).await;
}

async fn a_network_that_swallows_everything_costs_errors_in_time_and_no_data(url: String) {
    fails_and_recovers(&url, Passage::Silent).await;
}

async fn a_network_that_is_down_costs_errors_in_time_and_no_data(url: String) {
    fails_and_recovers(&url, Passage::Cut).await;
}

async fn connections_that_break_all_the_time_cost_errors_and_no_data(url: String) {
    let (wire, load) = begin(&url).await;
    for n in 0..40 {
        wire.set(if n % 2 == 0 { Passage::Torn } else { Passage::Cut });
        sleep(Duration::from_millis(n)).await;
        wire.set(Passage::Open);
        sleep(Duration::from_millis(40)).await;
    }
    load.every_task_has(&load.done, "recovered").await;
    assert!(load.failures() > 0, "nothing has broken");
    load.end().await;
}

async fn operations_that_are_dropped_half_way_leave_their_answers_to_nobody(url: String) {
    let wire = Wire::to(&url).await.unwrap();
    let within = Duration::from_millis(10);
    let load = Load::that_gives_up(wire.url(), within).await;
    for passage in [Passage::Open, Passage::Late(within / 2), Passage::Open] {
        wire.set(passage);
        for _ in 0..5 {
            load.every_task_has(&load.done, "done what it has not given up").await;
        }
    }
    load.end().await;
}

async fn begin(url: &str) -> (Wire, Load) {
    let wire = Wire::to(url).await.unwrap();
    let load = Load::begin(wire.url()).await;
    load.every_task_has(&load.done, "written").await;
    (wire, load)
}

async fn fails_and_recovers(url: &str, passage: Passage) {
    let (wire, load) = begin(url).await;
    wire.set(passage);
    load.every_task_has(&load.failed, "failed").await;
    wire.set(Passage::Open);
    load.every_task_has(&load.done, "recovered").await;
    load.end().await;
}
