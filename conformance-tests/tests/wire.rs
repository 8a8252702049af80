//! What a request costs on the network, counted there.

use std::{process::ExitCode, time::Duration};

use axum::{Router, routing::get as route};
use cloakroom::{Backends, Session, SessionLayer, StorageConfig};
use cloakroom_conformance::{Outcome, Service, ServiceTest, Wire, fresh_namespace, service_tests_main};

use self::browser::Browser;

#[path = "../../session/tests/http/browser.rs"]
#[allow(dead_code, reason = "written for more tests than these")]
mod browser;

/// Those that a client reaches at one address. Where servers tell their clients of each other, the clients go past
/// the counter; they send what one server is sent.
const SERVICES: [Service; 10] = [
    Service::Redis,
    Service::RedisTls,
    Service::Valkey,
    Service::Postgres,
    Service::Pgbouncer,
    Service::Mariadb,
    Service::Mysql,
    Service::Mongodb,
    Service::Ferretdb,
    Service::Dynamodb,
];

fn main() -> ExitCode {
    service_tests_main(SERVICES.map(|service| {
        ServiceTest::new(service, "anonymous_costs_0_a_read_1_a_write_2_a_sign_in_3_round_trips", requests)
    }))
}

async fn requests(url: String) -> Outcome {
    let wire = Wire::to(&url).await.unwrap();
    let config = StorageConfig::new(wire.url())
        .with_namespace(fresh_namespace())
        .with_timeout(Duration::from_secs(30));
    let storage = Backends::new().open(&config).await.unwrap();
    if !storage.capabilities().atomic_touch {
        return Outcome::Ignored("it does not claim atomic_touch".to_owned());
    }
    let app = Router::new()
        .route("/static", route(async || "no session asked for"))
        .route("/look", route(async |session: Session| session.keys().join(",")))
        .route("/add", route(add))
        .route("/sign-in", route(async |session: Session| session.regenerate()))
        .route("/sign-out", route(async |session: Session| session.destroy().await))
        .layer(SessionLayer::new(storage));
    let mut browser = Browser::new();
    // The first use of a statement, or of a connection, costs more.
    for path in ["/add", "/add", "/look", "/sign-in", "/look", "/sign-out", "/add"] {
        browser.get(&app, path).await;
    }
    assert_eq!(cost(&wire, &app, &mut Browser::new(), "/look").await, 0, "anonymous");
    assert_eq!(cost(&wire, &app, &mut browser, "/static").await, 0, "untouched");
    assert_eq!(cost(&wire, &app, &mut browser, "/look").await, 1, "a read");
    assert_eq!(cost(&wire, &app, &mut browser, "/add").await, 2, "a write");
    assert_eq!(cost(&wire, &app, &mut browser, "/sign-in").await, 3, "a sign-in");
    assert_eq!(cost(&wire, &app, &mut Browser::new(), "/add").await, 1, "the first write");
    Outcome::Passed
}

/// Every time another value, as the one that is there costs no write.
async fn add(session: Session) -> Result<(), cloakroom::SessionError> {
    let count = session.get::<u64>("count")?.unwrap_or(0);
    session.set("count", &(count + 1))
}

/// Of the least of ten: what a driver does beside the requests, such as asking whether its server lives, only ever
/// adds.
async fn cost(wire: &Wire, app: &Router, browser: &mut Browser, path: &str) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..10 {
        let mut visitor = browser.clone();
        let visitor = if browser.id().is_some() { &mut *browser } else { &mut visitor };
        let before = wire.round_trips();
        let reply = visitor.get(app, path).await;
        assert!(reply.status.is_success(), "{path}: {}", reply.status);
        least = least.min(wire.round_trips() - before);
    }
    least
}
