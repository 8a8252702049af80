//! Attack: the victim is made to use an id that the attacker knows, made up or of a session of the attacker's own.

use axum::{Router, body::Body, routing::get as route};
use cloakroom_session::{Extractor, Session, SessionError};
use http::Request;

use crate::{
    app::App,
    browser::{Browser, Reply, get, send},
};

const MADE_UP: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const SOURCES: [&str; 7] = ["cookie", "header", "bearer", "query", "form", "path", "custom"];
const SIGN_INS: [&str; 3] = ["/sign-in", "/regenerate", "/prove"];

/// One that takes ids from that source, and can always set a cookie.
fn app(source: &str) -> App {
    let extractor = match source {
        "cookie" => Extractor::cookie("sid"),
        "header" => Extractor::header("x-sid"),
        "bearer" => Extractor::bearer(),
        "query" => Extractor::query("sid"),
        "form" => Extractor::form("sid"),
        "path" => Extractor::path_param("sid"),
        _ => Extractor::custom(|parts| Some(parts.headers.get("custom-sid")?.to_str().ok()?.to_owned())),
    };
    let mut routes = Router::new();
    for (path, method) in [
        ("/set", route(set).post(set)),
        ("/look", route(look).post(look)),
        ("/sign-in", route(sign_in).post(sign_in)),
        ("/regenerate", route(regenerate).post(regenerate)),
        ("/prove", route(prove).post(prove)),
    ] {
        routes = routes.route(path, method.clone()).route(&format!("{path}/{{sid}}"), method);
    }
    App::with(routes, |layer| layer.extractor(Extractor::chain([extractor, Extractor::cookie("sid")])))
}

async fn set(session: Session) -> Result<(), SessionError> {
    session.set("name", "Ada")
}

async fn look(session: Session) -> Result<String, SessionError> {
    session.get("name").map(Option::unwrap_or_default)
}

async fn sign_in(session: Session) -> Result<(), SessionError> {
    session.bind("ada")?;
    session.set("name", "Ada")
}

async fn regenerate(session: Session) -> Result<(), SessionError> {
    session.regenerate()?;
    session.set("name", "Ada")
}

async fn prove(session: Session) -> Result<(), SessionError> {
    session.elevate()?;
    session.set("name", "Ada")
}

/// A request that carries the id where that source looks for it.
async fn carrying(app: &App, source: &str, id: &str, path: &str) -> Reply {
    let request = Request::builder();
    let request = match source {
        "cookie" => request.uri(path).header("cookie", format!("sid={id}")).body(Body::empty()),
        "header" => request.uri(path).header("x-sid", id).body(Body::empty()),
        "bearer" => request.uri(path).header("authorization", format!("Bearer {id}")).body(Body::empty()),
        "query" => request.uri(format!("{path}?sid={id}")).body(Body::empty()),
        "form" => request
            .method("POST")
            .uri(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(format!("sid={id}"))),
        "path" => request.uri(format!("{path}/{id}")).body(Body::empty()),
        _ => request.uri(path).header("custom-sid", id).body(Body::empty()),
    };
    send(&app.router, request.unwrap()).await
}

/// The id that the reply gives, in whatever way.
fn given(reply: &Reply) -> String {
    let in_header = reply.headers.get("x-sid").map(|id| id.to_str().unwrap().to_owned());
    in_header.unwrap_or_else(|| reply.new_id().to_owned())
}

async fn opens(app: &App, id: &str) -> bool {
    app.store.load_by_id(id).await.is_ok()
}

#[tokio::test]
async fn a_made_up_id_is_never_adopted_from_any_source_also_when_its_visitor_signs_in() {
    for source in SOURCES {
        for path in ["/set"].into_iter().chain(SIGN_INS) {
            let app = app(source);
            let reply = carrying(&app, source, MADE_UP, path).await;
            let given = given(&reply);
            assert_ne!(given, MADE_UP, "{source} {path}");
            assert!(opens(&app, &given).await, "{source} {path}");
            assert!(!opens(&app, MADE_UP).await, "{source} {path}");
            assert_eq!(carrying(&app, source, MADE_UP, "/look").await.body, "", "{source} {path}");
        }
    }
}

#[tokio::test]
async fn an_id_of_the_attackers_own_session_is_worthless_once_the_victim_signs_in_with_it() {
    for source in SOURCES {
        for path in SIGN_INS {
            let app = app(source);
            let planted = given(&get(&app.router, "/set", &[]).await);
            let reply = carrying(&app, source, &planted, path).await;
            let of_the_victim = given(&reply);
            assert_ne!(of_the_victim, planted, "{source} {path}");
            assert!(opens(&app, &of_the_victim).await, "{source} {path}");
            assert!(!opens(&app, &planted).await, "{source} {path}");
            assert_eq!(carrying(&app, source, &planted, "/look").await.body, "", "{source} {path}");
        }
    }
}

#[tokio::test]
async fn a_source_that_is_not_configured_is_never_looked_at() {
    let app = App::new(Router::new().route("/look", route(look)).route("/set", route(set)));
    let mut browser = Browser::new();
    browser.get(&app.router, "/set").await;
    let id = browser.id().unwrap();
    let bearer = format!("Bearer {id}");
    let (cookies, parameters) =
        (format!("sid={id}; session_id={id}"), format!("/look?session_id={id}&sid={id}"));
    for headers in [vec![("authorization", &*bearer), ("x-session-id", id), ("cookie", &cookies)], vec![]] {
        assert_eq!(get(&app.router, &parameters, &headers).await.body, "");
    }
    assert_eq!(browser.get(&app.router, "/look").await.body, "Ada");
}
