//! A short soak of every backend on its real service.

use std::process::ExitCode;

use cloakroom::{Backends, StorageConfig};
use cloakroom_conformance::{Outcome, Service, ServiceTest, fresh_namespace, service_tests_main};

mod program;

fn main() -> ExitCode {
    service_tests_main(
        Service::ALL
            .map(|service| ServiceTest::new(service, "two_processes_break_no_promise", two_processes)),
    )
}

async fn two_processes(url: String) -> Outcome {
    let config = StorageConfig::new(&url).with_namespace(fresh_namespace());
    if !Backends::new().open(&config).await.unwrap().capabilities().atomic_swap {
        return Outcome::Ignored("it does not claim atomic_swap".to_owned());
    }
    program::soaks_cleanly(&url).await;
    Outcome::Passed
}
