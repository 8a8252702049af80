//! Attack: a site next door plants a cookie of the session cookie's name, which the browser sends beside the genuine
//! one or before it.

use axum::{Router, body::Body, routing::get as route};
use cloakroom_session::{Extractor, Session, SessionError};
use http::{HeaderValue, Request};

use crate::{
    app::App,
    browser::{COOKIE, get, send},
};

async fn name(session: Session) -> Result<String, SessionError> {
    session.get("name").map(Option::unwrap_or_default)
}

fn app(cookie: &'static str) -> App {
    let routes = Router::new()
        .route("/ada", route(async |session: Session| session.set("name", "Ada")))
        .route("/eve", route(async |session: Session| session.set("name", "Eve")))
        .route("/name", route(name));
    App::with(routes, |layer| layer.extractor(Extractor::cookie(cookie)))
}

async fn seen_with(app: &App, cookies: impl AsRef<[u8]>) -> String {
    let cookies = HeaderValue::from_bytes(cookies.as_ref()).unwrap();
    send(&app.router, Request::get("/name").header("cookie", cookies).body(Body::empty()).unwrap()).await.body
}

#[tokio::test]
async fn of_several_cookies_with_different_ids_none_is_taken_wherever_the_planted_one_stands() {
    let app = app("id");
    let ada = get(&app.router, "/ada", &[]).await.new_id().to_owned();
    let eve = get(&app.router, "/eve", &[]).await.new_id().to_owned();
    assert_eq!(seen_with(&app, format!("id={ada}")).await, "Ada");
    let unknown = "A".repeat(43);
    for planted in [&eve, &unknown] {
        assert_eq!(seen_with(&app, format!("id={planted}; id={ada}")).await, "", "first");
        assert_eq!(seen_with(&app, format!("id={ada}; x=y; id={planted}")).await, "", "last");
        let (one, other) = (format!("id={planted}"), format!("id={ada}"));
        let reply = get(&app.router, "/name", &[("cookie", &one), ("cookie", &other)]).await;
        assert_eq!(reply.body, "", "in a header of its own");
    }
    assert_eq!(seen_with(&app, format!("id={ada}; id={ada}")).await, "Ada", "the same id twice is one");
}

#[tokio::test]
async fn a_planted_cookie_that_can_be_no_id_disturbs_nothing() {
    let app = app("id");
    let ada = get(&app.router, "/ada", &[]).await.new_id().to_owned();
    let long = "x".repeat(10_000);
    for planted in ["", "a b", "a\"b", "a,b", "\u{e4}", &long] {
        assert_eq!(seen_with(&app, format!("id={planted}; id={ada}")).await, "Ada", "{planted:?} first");
        assert_eq!(seen_with(&app, format!("id={ada}; id={planted}")).await, "Ada", "{planted:?} last");
    }
    let not_utf8 = [b"other=\xff\xfe; id=\xff; id=".as_slice(), ada.as_bytes()].concat();
    assert_eq!(seen_with(&app, not_utf8).await, "Ada");
}

#[tokio::test]
async fn a_name_that_only_looks_like_the_sessions_is_another_cookie() {
    let app = app(COOKIE);
    let ada = get(&app.router, "/ada", &[]).await.new_id().to_owned();
    assert_eq!(seen_with(&app, format!("{COOKIE}={ada}")).await, "Ada");
    // Browsers keep the prefix __Host- from neighbours in exactly this spelling.
    let spellings = [
        "session_id",
        "__Secure-session_id",
        "__host-session_id",
        "__HOST-SESSION_ID",
        "\u{2000}__Host-session_id",
        "\u{85}__Host-session_id",
        "\u{a0}__Host-session_id",
        "\"__Host-session_id\"",
        "$__Host-session_id",
        "__Host-session_id[]",
        "__Host-session%5Fid",
    ];
    for spelling in spellings {
        assert_eq!(seen_with(&app, format!("{spelling}={ada}")).await, "", "{spelling:?}");
    }
}

#[tokio::test]
async fn the_default_cookie_is_one_that_no_neighbour_can_plant() {
    let app =
        App::new(Router::new().route("/ada", route(async |session: Session| session.set("name", "Ada"))));
    let reply = get(&app.router, "/ada", &[]).await;
    let (pair, attributes) = reply.set_cookie().split_once("; ").unwrap();
    assert!(pair.starts_with("__Host-"));
    let attributes: Vec<_> = attributes.split("; ").collect();
    assert!(attributes.contains(&"Secure") && attributes.contains(&"Path=/"), "{attributes:?}");
    assert!(!attributes.iter().any(|attribute| attribute.starts_with("Domain")), "{attributes:?}");
}
