//! A session gets a new id, and the storage fails or the server dies between two of the steps.

use std::time::Duration;

use axum::{Router, routing::get as route};
use cloakroom_session::{Session, SessionError};
use tokio::time::timeout;

use crate::{
    app::App,
    browser::{Browser, Reply},
    faults::Fault,
};

/// Where the session comes from, and what gives it a new id.
const CASES: [(&str, &str); 5] = [
    ("/set", "/regenerate"),
    ("/set", "/sign-in"),
    ("/sign-in-and-set", "/regenerate"),
    ("/sign-in-and-set", "/sign-in"),
    ("/sign-in-and-set", "/prove"),
];

fn app() -> App {
    App::new(
        Router::new()
            .route("/set", route(async |session: Session| session.set("name", "Ada")))
            .route("/sign-in-and-set", route(sign_in_and_set))
            .route("/sign-in", route(async |session: Session| session.bind("user:42")))
            .route("/regenerate", route(async |session: Session| session.regenerate()))
            .route("/prove", route(async |session: Session| session.elevate()))
            .route(
                "/look",
                route(async |session: Session| session.get::<String>("name").map(Option::unwrap_or_default)),
            ),
    )
}

async fn sign_in_and_set(session: Session) -> Result<(), SessionError> {
    session.bind("user:42")?;
    session.set("name", "Ada")
}

async fn works(app: &App, id: &str) -> bool {
    Browser::with_id(id).get(&app.router, "/look").await.body == "Ada"
}

async fn begun(app: &App, path: &str) -> Browser {
    let mut browser = Browser::new();
    browser.get(&app.router, path).await;
    browser
}

#[tokio::test]
async fn whichever_operation_of_a_new_id_fails_the_id_that_the_client_has_then_is_the_only_one_that_works() {
    for (begin, path) in CASES {
        for operations in 0.. {
            let app = app();
            let mut browser = begun(&app, begin).await;
            let old = browser.id().unwrap().to_owned();
            app.faults.all_after(operations, Fault::Fails);
            let reply: Reply = browser.get(&app.router, path).await;
            let has_failed = app.faults.heal();
            let here = format!("{operations} operations of {path} after {begin}");
            let id = browser.id().unwrap();
            assert!(works(&app, id).await, "{here}");
            assert_eq!(
                id != old,
                reply.status.is_success(),
                "{here}: an answer is either a new id or an error"
            );
            assert!(id == old || !works(&app, &old).await, "{here}");
            if (begin, path) == ("/set", "/sign-in") {
                assert_eq!(reply.status.is_success(), !has_failed, "{here}: nobody is signed in half");
            }
            if !has_failed {
                assert!(operations >= 3, "each operation has failed once");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn wherever_a_server_dies_during_a_new_id_the_session_is_stored() {
    for (begin, path) in CASES {
        for operations in 0.. {
            let app = app();
            let browser = begun(&app, begin).await;
            let old = browser.id().unwrap().to_owned();
            app.faults.all_after(operations, Fault::Hangs);
            let mut interrupted = browser.clone();
            let request = timeout(Duration::from_secs(1), interrupted.get(&app.router, path));
            let is_through = request.await.is_ok();
            app.faults.heal();
            let sessions =
                app.stored().await.iter().filter(|entry| !entry.key.starts_with("principal.")).count();
            let here = format!("{operations} operations of {path} after {begin}");
            match works(&app, &old).await {
                // There may be the new one too, which nobody has been told.
                true => assert!(sessions <= 2 && !is_through, "{here}"),
                false => assert_eq!(sessions, 1, "{here}"),
            }
            if is_through {
                assert!(operations >= 3, "it was interrupted at each operation");
                break;
            }
        }
    }
}
