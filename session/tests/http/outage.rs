//! While the storage is away.

use axum::{Router, routing::get as route};
use cloakroom_session::{Outage, Session, SessionError};
use cloakroom_storage::Operation;

use crate::{app::App, browser::Browser};

fn app(outage: Outage) -> App {
    let routes = Router::new()
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route(
            "/look",
            route(async |session: Session| format!("{:?} {}", session.keys(), session.is_outage())),
        )
        .route("/static", route(async || "no session asked for"))
        .route(
            "/delete",
            route(async |session: Session| {
                session.delete("name");
            }),
        )
        .route("/regenerate", route(async |session: Session| session.regenerate()))
        .route("/sign-in", route(async |session: Session| session.bind("ada")))
        .route("/elevate", route(async |session: Session| session.elevate()))
        .route("/destroy", route(async |session: Session| session.destroy().await))
        .route("/reset", route(async |session: Session| session.reset().await))
        .route(
            "/save",
            route(async |session: Session| {
                session.set("name", "Eve").unwrap();
                let saved = session.save().await;
                matches!(saved, Err(SessionError::Outage)).to_string()
            }),
        );
    App::with(routes, |layer| layer.outage(outage))
}

async fn visitor(app: &App) -> Browser {
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    browser
}

#[tokio::test]
async fn by_default_the_application_is_not_run() {
    let app = app(Outage::default());
    let mut browser = visitor(&app).await;
    app.faults.fail(Operation::GetAndTouch);
    assert_eq!(browser.get(&app.router, "/look").await.status.as_u16(), 500);
    assert_eq!(browser.get(&app.router, "/static").await.status.as_u16(), 200);
}

#[tokio::test]
async fn a_visitor_who_is_treated_as_anonymous_keeps_the_cookie_and_has_the_session_back_later() {
    let app = app(Outage::TreatAsAnonymous);
    let mut browser = visitor(&app).await;
    let id = browser.id().unwrap().to_owned();
    app.faults.fail(Operation::GetAndTouch);
    let reply = browser.get(&app.router, "/look").await;
    assert_eq!((reply.status.as_u16(), &*reply.body), (200, "[] true"));
    assert_eq!(reply.set_cookies(), Vec::<&str>::new());
    app.faults.heal();
    assert_eq!(browser.get(&app.router, "/look").await.body, "[\"name\"] false");
    assert_eq!(browser.id(), Some(&*id));
}

#[tokio::test]
async fn whatever_would_change_a_session_fails_and_changes_nothing() {
    let app = app(Outage::TreatAsAnonymous);
    let mut browser = visitor(&app).await;
    let before = app.stored_session().await;
    // What comes after the load would work: it is not for want of a storage that nothing is stored.
    app.faults.fail(Operation::GetAndTouch);
    for path in ["/set", "/delete", "/regenerate", "/sign-in", "/elevate", "/destroy", "/reset", "/save"] {
        let reply = browser.get(&app.router, path).await;
        assert_eq!(reply.status.as_u16(), 500, "{path}");
        assert_eq!(reply.set_cookies(), Vec::<&str>::new(), "{path}");
    }
    let after = app.stored_session().await;
    assert_eq!((before.key, before.value), (after.key, after.value));
}

#[tokio::test]
async fn what_is_damaged_is_no_outage() {
    let app = app(Outage::TreatAsAnonymous);
    let mut browser = visitor(&app).await;
    let key = app.stored_session().await.key;
    app.storage.set(&key, "damaged".into(), None).await.unwrap();
    assert_eq!(browser.get(&app.router, "/look").await.status.as_u16(), 500);
}
