//! The same demo, one line of its configuration changed: the basket is on every backend, and outlives the demo.

use std::process::ExitCode;

use cloakroom_conformance::{Service, ServiceTest, fresh_namespace, service_tests_main};

mod shop;

fn main() -> ExitCode {
    service_tests_main(Service::ALL.map(|service| {
        ServiceTest::new(service, "a_basket_outlives_the_demo", async |url| {
            let basket = shop::basket_after_a_restart(&url, fresh_namespace().as_str()).await;
            assert!(basket.contains("Umbrella"), "{basket}");
        })
    }))
}
