//! Ids that are renewed when they are old, on a paused clock; over every storage in `over_storage/renewal.rs`.

use std::{sync::Arc, time::Duration};

use axum::{Router, routing::get as route};
use cloakroom_session::{ConfigError, Extractor, Session, SessionConfig, SessionLayer, Store};
use cloakroom_storage::{Bytes, Result, Storage, async_trait, count_operations};
use cloakroom_storage_memory::MemoryStorage;
use http::StatusCode;
use tokio::time::{advance, timeout};

use crate::{
    app::{App, on_paused_clock},
    browser::{Browser, get},
    faults::Fault,
};

const RENEW_AFTER: Duration = Duration::from_secs(15 * 60);
const GRACE: Duration = Duration::from_secs(20);

fn routes() -> Router {
    Router::new()
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route("/sign-in", route(async |session: Session| session.bind("ada")))
        .route("/rename", route(async |session: Session| session.set("name", "Grace")))
        .route("/regenerate", route(async |session: Session| session.regenerate()))
        .route(
            "/look",
            route(async |session: Session| {
                let name = session.get::<String>("name").unwrap().or_else(|| session.principal());
                name.unwrap_or_default()
            }),
        )
        .route("/id", route(async |session: Session| session.id().as_str().to_owned()))
        .route("/fresh", route(async |session: Session| session.is_fresh().to_string()))
}

fn app_with(config: SessionConfig) -> App {
    App::with(routes(), |layer| layer.config(on_paused_clock(config)))
}

fn app() -> App {
    app_with(SessionConfig::default().renew_after(RENEW_AFTER).renewal_grace(GRACE))
}

async fn begun(app: &App, path: &str) -> Browser {
    let mut browser = Browser::new();
    browser.get(&app.router, path).await;
    advance(RENEW_AFTER).await;
    browser
}

async fn look(app: &App, browser: &Browser) -> String {
    browser.clone().get(&app.router, "/look").await.body
}

#[tokio::test(start_paused = true)]
async fn no_id_is_renewed_unless_configured() {
    let app = app_with(SessionConfig::default());
    let mut browser = begun(&app, "/set").await;
    let old = browser.clone();
    for _ in 0..20 {
        advance(RENEW_AFTER).await;
        browser.get(&app.router, "/look").await;
    }
    assert_eq!(browser.id(), old.id());
}

#[tokio::test(start_paused = true)]
async fn a_renewal_keeps_data_beginning_and_deadline_and_is_no_fresh_session() {
    let age = route(async |session: Session| {
        format!("{:?} {:?} {}", session.created_at(), session.absolute_remaining(), session.is_fresh())
    });
    let config = SessionConfig::default().renew_after(RENEW_AFTER).absolute_timeout(4 * RENEW_AFTER);
    let app = App::with(routes().route("/age", age), |layer| layer.config(on_paused_clock(config)));
    let mut browser = begun(&app, "/set").await;
    let old = browser.clone();
    let session = app.store.load_by_id(old.id().unwrap()).await.unwrap();
    let expected = format!("{:?} {:?} false", session.created_at(), session.absolute_remaining());
    assert_eq!(browser.get(&app.router, "/age").await.body, expected);
    assert_ne!(browser.id(), old.id());
    assert_eq!(browser.get(&app.router, "/age").await.body, expected);
    assert_eq!(look(&app, &browser).await, "Ada");
}

#[tokio::test(start_paused = true)]
async fn the_handler_is_told_the_id_that_the_response_carries() {
    let app = app();
    let mut browser = begun(&app, "/set").await;
    let reply = browser.get(&app.router, "/id").await;
    assert_eq!(reply.body, reply.new_id());
}

#[tokio::test(start_paused = true)]
async fn the_old_id_is_gone_from_the_storage_after_the_grace_though_it_was_used() {
    let app = app();
    let mut browser = begun(&app, "/set").await;
    let old = browser.clone();
    browser.get(&app.router, "/look").await;
    assert_eq!(app.stored().await.len(), 2);
    advance(GRACE / 2).await;
    assert_eq!(look(&app, &old).await, "Ada");
    advance(GRACE / 2).await;
    assert_eq!(app.stored().await.len(), 1);
    assert_eq!(look(&app, &old).await, "");
    assert_eq!(look(&app, &browser).await, "Ada");
}

#[tokio::test(start_paused = true)]
async fn without_grace_the_old_id_is_dead_at_once() {
    let app = app_with(SessionConfig::default().renew_after(RENEW_AFTER).renewal_grace(Duration::ZERO));
    let mut browser = begun(&app, "/set").await;
    let old = browser.clone();
    browser.get(&app.router, "/look").await;
    assert_eq!(look(&app, &old).await, "");
    assert_eq!(look(&app, &browser).await, "Ada");
    assert_eq!(app.stored().await.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn neither_id_is_in_the_storage() {
    let app = app();
    let mut browser = begun(&app, "/set").await;
    let old = browser.clone();
    browser.get(&app.router, "/look").await;
    let stored = app.stored().await;
    assert_eq!(stored.len(), 2);
    for id in [old.id().unwrap(), browser.id().unwrap()] {
        for entry in &stored {
            assert!(!entry.key.contains(id));
            assert!(!entry.value.windows(id.len()).any(|window| window == id.as_bytes()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_an_id_that_has_a_way_back_to_the_client_is_renewed() {
    let app = App::with(routes(), |layer| {
        layer.config(on_paused_clock(SessionConfig::default().renew_after(RENEW_AFTER))).extractor(
            Extractor::chain([Extractor::header("x-session"), Extractor::query("id"), Extractor::bearer()]),
        )
    });
    let id = get(&app.router, "/set", &[]).await.headers["x-session"].to_str().unwrap().to_owned();
    advance(RENEW_AFTER).await;
    let bearer = format!("Bearer {id}");
    for (path, headers) in
        [(format!("/look?id={id}"), vec![]), ("/look".to_owned(), vec![("authorization", bearer.as_str())])]
    {
        let reply = get(&app.router, &path, &headers).await;
        assert_eq!((&*reply.body, reply.headers.get("x-session")), ("Ada", None));
    }
    app.store.load_by_id(&id).await.unwrap().save().await.unwrap();
    assert_eq!(app.stored().await.len(), 1, "nor is it by a program without a client");
    let reply = get(&app.router, "/look", &[("x-session", &id)]).await;
    assert_ne!(reply.headers["x-session"], *id);
    assert_eq!(reply.body, "Ada");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_costs_three_operations_six_with_a_principal_and_the_old_id_two() {
    let app = app();
    for (path, cost) in [("/set", 3), ("/sign-in", 6)] {
        let mut browser = Browser::new();
        browser.get(&app.router, path).await;
        // The TTL is renewed before, so that this is not counted.
        advance(RENEW_AFTER - Duration::from_secs(1)).await;
        browser.get(&app.router, "/look").await;
        advance(Duration::from_secs(1)).await;
        let mut old = browser.clone();
        let (_, counts) = count_operations(browser.get(&app.router, "/look")).await;
        assert_eq!(counts.total(), 1 + cost, "{path}: {counts:?}");
        let (_, counts) = count_operations(old.get(&app.router, "/look")).await;
        assert_eq!(counts.total(), 1 + 2, "{path}: {counts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_that_renews_nothing_costs_one_operation_as_ever() {
    let app = app();
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let (_, counts) = count_operations(browser.get(&app.router, "/look")).await;
    assert_eq!(counts.total(), 1);
}

/// Each request is interrupted at one operation of the storage after the other: its server dies there.
#[tokio::test(start_paused = true)]
async fn wherever_a_server_dies_during_a_renewal_the_old_id_leads_to_the_session() {
    for (begin, expected) in [("/set", "Ada"), ("/sign-in", "ada")] {
        for operations in 0.. {
            let app = app();
            let mut browser = begun(&app, begin).await;
            app.faults.all_after(operations, Fault::Hangs);
            let mut interrupted = browser.clone();
            let request = timeout(Duration::from_secs(1), interrupted.get(&app.router, "/look"));
            let is_through = request.await.is_ok();
            app.faults.heal();
            let reply = browser.get(&app.router, "/look").await;
            assert_eq!(reply.body, expected, "{begin}, {operations} operations");
            assert_eq!(look(&app, &browser).await, expected, "{begin}, {operations} operations");
            if begin == "/sign-in" {
                app.store.revoke("ada", None).await.unwrap();
                assert_eq!(look(&app, &browser).await, "", "{operations} operations");
            }
            if is_through {
                assert!(operations > 3, "it was interrupted at each operation");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_at_any_operation_costs_no_request_and_no_session() {
    for fault in [Fault::Fails, Fault::LosesTheAnswer] {
        for begin in ["/set", "/sign-in"] {
            let expected = if begin == "/set" { "Ada" } else { "ada" };
            // The first operation is the read, without which there is nothing to serve.
            for operations in 1.. {
                let app = app();
                let mut browser = begun(&app, begin).await;
                let old = browser.clone();
                app.faults.all_after(operations, fault);
                let reply = browser.get(&app.router, "/look").await;
                let has_failed = app.faults.heal();
                let here = format!("{fault:?} after {operations} operations of {begin}");
                assert_eq!((reply.status, &*reply.body), (StatusCode::OK, expected), "{here}");
                assert_eq!(look(&app, &browser).await, expected, "{here}");
                assert_eq!(look(&app, &old).await, expected, "{here}");
                if !has_failed {
                    assert!(operations > 3, "each operation has failed once");
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_request_changes_is_stored_though_the_renewal_fails_after_it() {
    let app = app();
    let mut browser = begun(&app, "/set").await;
    let old = browser.clone();
    app.faults.all_after(2, Fault::Fails);
    assert_eq!(browser.get(&app.router, "/rename").await.status, StatusCode::OK);
    app.faults.heal();
    assert_eq!(browser.id(), old.id());
    assert_eq!(look(&app, &browser).await, "Grace");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_takes_longer_than_the_grace_is_dropped_and_leaves_the_new_cookie_alone() {
    let slow = async |session: Session| {
        tokio::time::sleep(2 * GRACE).await;
        session.set("name", "Grace")
    };
    let config = SessionConfig::default().renew_after(RENEW_AFTER).renewal_grace(GRACE);
    let app = App::with(routes().route("/slow", route(slow)), |layer| layer.config(on_paused_clock(config)));
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    advance(RENEW_AFTER - Duration::from_secs(1)).await;
    let (router, mut late) = (app.router.clone(), browser.clone());
    let late = tokio::spawn(async move { late.get(&router, "/slow").await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    browser.get(&app.router, "/look").await;
    assert!(late.await.unwrap().set_cookies().is_empty());
    assert_eq!(look(&app, &browser).await, "Ada");
}

/// A storage without an atomic swap.
struct Plain(MemoryStorage);

#[async_trait]
impl Storage for Plain {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.0.get(key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.0.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.0.delete(key).await
    }

    async fn reset(&self) -> Result<()> {
        self.0.reset().await
    }
}

#[test]
fn a_renewal_that_could_not_be_kept_safe_is_refused_when_built() {
    let build = |after: u64, grace: u64| {
        SessionLayer::builder(Arc::new(MemoryStorage::new()))
            .renew_after(Duration::from_secs(after))
            .renewal_grace(Duration::from_secs(grace))
            .build()
            .map(drop)
    };
    assert_eq!(build(600, 60), Ok(()));
    assert_eq!(build(600, 61), Err(ConfigError::RenewalGrace));
    assert_eq!(build(30, 30), Err(ConfigError::RenewalGrace));
    assert_eq!(build(0, 60), Ok(()), "off");
    let config = SessionConfig::default().renew_after(RENEW_AFTER);
    let refused = Store::with_config(Arc::new(Plain(MemoryStorage::new())), config).map(drop);
    assert_eq!(refused, Err(ConfigError::RenewalNeedsAtomicSwap { backend: "custom" }));
}
