//! What a client sees of a server that is killed, restarted or paused under load: an error in time, and nothing of
//! it afterwards.

use std::process::ExitCode;

use cloakroom_conformance::{Server, Service, ServiceTest, service_tests_main};

use self::load::Load;

#[allow(dead_code, reason = "written for more tests than these")]
mod load;

fn main() -> ExitCode {
    service_tests_main(Service::ALL.into_iter().flat_map(|service| {
        [
            ServiceTest::with_server(service, "a_killed_server_costs_errors_in_time_and_no_data", killed),
            ServiceTest::with_server(service, "a_paused_server_costs_errors_in_time_and_no_data", paused),
        ]
    }))
}

async fn killed(server: Server) {
    let load = Load::begin(server.url()).await;
    load.every_task_has(&load.done, "written").await;
    server.kill().await.unwrap();
    load.every_task_has(&load.failed, "failed while the server was down").await;
    server.restart().await.unwrap();
    load.every_task_has(&load.done, "recovered").await;
    load.end().await;
}

async fn paused(server: Server) {
    let load = Load::begin(server.url()).await;
    load.every_task_has(&load.done, "written").await;
    server.pause().await.unwrap();
    load.every_task_has(&load.failed, "failed while the server was paused").await;
    server.resume().await.unwrap();
    load.every_task_has(&load.done, "recovered").await;
    load.end().await;
}
