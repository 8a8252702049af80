//! BEHAVIOUR.md, "Extractors", and where an id goes back.

use axum::{
    Form, Router,
    body::Body,
    routing::{get as route, post},
};
use cloakroom_session::{Extractor, Session};
use http::{Request, header};

use crate::{
    app::App,
    browser::{Reply, get, send},
};

fn app(extractor: Extractor) -> App {
    let look = async |session: Session| session.get::<String>("name").map(Option::unwrap_or_default);
    let rename = async |session: Session| session.set("name", "Grace");
    let routes = Router::new()
        .route("/look", route(look))
        .route("/look/{sid}", route(look))
        .route("/rename", route(rename).post(rename))
        .route("/rename/{sid}", route(rename))
        .route("/destroy", route(async |session: Session| session.destroy().await))
        .route("/regenerate", route(async |session: Session| session.regenerate()))
        .route(
            "/echo",
            post(async |session: Session, body: String| {
                format!("{} {body}", session.get::<String>("name").unwrap().unwrap_or_default())
            }),
        )
        .route(
            "/form",
            post(async |session: Session, Form(fields): Form<Vec<(String, String)>>| {
                format!("{} {}", session.get::<String>("name").unwrap().unwrap_or_default(), fields.len())
            }),
        );
    App::with(routes, |layer| layer.extractor(extractor))
}

/// The id of a stored session in which `name` is Ada.
async fn stored(app: &App) -> String {
    let (parts, ()) = Request::new(()).into_parts();
    let session = app.store.load(&parts).await.unwrap();
    session.set("name", "Ada").unwrap();
    session.save().await.unwrap();
    session.id().as_str().to_owned()
}

fn writes_nothing(reply: &Reply) -> bool {
    reply.set_cookies().is_empty() && !reply.headers.contains_key("x-id")
}

fn everywhere(source: Extractor) -> Extractor {
    Extractor::chain([source, Extractor::header("x-id"), Extractor::cookie("a"), Extractor::cookie("b")])
}

#[tokio::test]
async fn a_cookie_is_found_among_others_and_in_several_headers() {
    let app = app(Extractor::cookie("id"));
    let id = stored(&app).await;
    for cookie in [format!("id={id}"), format!("theme=dark; id={id}; x=y"), format!("broken; =; id={id}")] {
        assert_eq!(get(&app.router, "/look", &[("cookie", &cookie)]).await.body, "Ada", "{cookie}");
    }
    let split = [("cookie", "theme=dark"), ("cookie", &*format!("id={id}"))];
    assert_eq!(get(&app.router, "/look", &split).await.body, "Ada");
}

#[tokio::test]
async fn a_header_name_is_case_insensitive() {
    let app = app(Extractor::header("X-Id"));
    let id = stored(&app).await;
    assert_eq!(get(&app.router, "/look", &[("x-iD", &id)]).await.body, "Ada");
}

#[tokio::test]
async fn bearer_takes_any_case_of_scheme_exactly_one_space_and_token68_only() {
    let app = app(Extractor::bearer());
    let id = stored(&app).await;
    for good in [format!("Bearer {id}"), format!("bEARER {id}")] {
        assert_eq!(get(&app.router, "/look", &[("authorization", &good)]).await.body, "Ada", "{good}");
    }
    let bad = [
        "Bearer",
        "Bearer ",
        "Basic dXNlcg==",
        "Bearer ==",
        &format!("Bearer  {id}"),
        &format!("Bearer\t{id}"),
        &format!("Bearer {id} x"),
        &format!("Bearer {id}!"),
        &format!("Bearer{id}"),
        &id,
    ];
    for bad in bad {
        assert_eq!(get(&app.router, "/look", &[("authorization", bad)]).await.body, "", "{bad}");
    }
    let good = format!("Bearer {id}");
    let twice = [("authorization", &*good), ("authorization", &*good)];
    assert_eq!(get(&app.router, "/look", &twice).await.body, "", "a repeated header is none");
}

#[tokio::test]
async fn a_query_parameter_is_decoded() {
    let app = app(Extractor::query("sid"));
    let id = stored(&app).await;
    let escaped = format!("%{:02X}{}", id.as_bytes()[0], &id[1..]);
    for query in [format!("sid={id}"), format!("a=b&sid={escaped}"), format!("sid={id}&sid=other")] {
        assert_eq!(get(&app.router, &format!("/look?{query}"), &[]).await.body, "Ada", "{query}");
    }
    assert_eq!(get(&app.router, "/look?sid=", &[]).await.body, "");
}

fn form(path: &str, body: &str) -> Request<Body> {
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=utf-8")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

#[tokio::test]
async fn a_form_field_is_found_and_the_handler_still_reads_the_whole_form() {
    let app = app(Extractor::form("sid"));
    let id = stored(&app).await;
    let reply = send(&app.router, form("/form", &format!("a=1&sid={id}&b=2"))).await;
    assert_eq!(reply.body, "Ada 3");
    let reply = send(&app.router, form("/echo", &format!("sid={id}"))).await;
    assert_eq!(reply.body, format!("Ada sid={id}"));
    assert_eq!(send(&app.router, form("/form", "")).await.body, " 0");
}

#[tokio::test]
async fn a_body_that_is_no_form_is_left_alone() {
    let app = app(Extractor::form("sid"));
    let id = stored(&app).await;
    let body = format!("sid={id}");
    let request = Request::post("/echo").header("content-type", "text/plain").body(Body::from(body.clone()));
    assert_eq!(send(&app.router, request.unwrap()).await.body, format!(" {body}"));
}

#[tokio::test]
async fn a_form_over_64_kib_is_not_searched_and_reaches_the_handler_whole() {
    let app = app(Extractor::form("sid"));
    let id = stored(&app).await;
    let body = format!("sid={id}&filler={}", "x".repeat(100_000));
    let chunks: Vec<Result<String, std::io::Error>> =
        body.as_bytes().chunks(999).map(|chunk| Ok(String::from_utf8(chunk.to_vec()).unwrap())).collect();
    let (mut parts, _) = form("/echo", "").into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let request = Request::from_parts(parts, Body::from_stream(futures_util::stream::iter(chunks)));
    assert_eq!(send(&app.router, request).await.body, format!(" {body}"));
}

#[tokio::test]
async fn a_form_that_breaks_off_reaches_the_handler_with_its_error() {
    let app = app(Extractor::form("sid"));
    let chunks = [Ok("sid=abc".to_owned()), Err(std::io::Error::other("cut"))];
    let (parts, _) = form("/echo", "").into_parts();
    let request = Request::from_parts(parts, Body::from_stream(futures_util::stream::iter(chunks)));
    assert_eq!(send(&app.router, request).await.status, http::StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_path_parameter_is_percent_decoded_and_a_bad_escape_is_none() {
    let app = app(Extractor::path_param("sid"));
    let id = stored(&app).await;
    assert_eq!(get(&app.router, &format!("/look/{id}"), &[]).await.body, "Ada");
    let escaped = format!("%{:02x}{}", id.as_bytes()[0], &id[1..]);
    assert_eq!(get(&app.router, &format!("/look/{escaped}"), &[]).await.body, "Ada");
    for bad in ["%", "%4", "%zz", "%ff"] {
        let reply = get(&app.router, &format!("/look/{id}{bad}"), &[]).await;
        assert_ne!(reply.body, "Ada", "{bad}");
    }
}

#[tokio::test]
async fn custom_finds_whatever_it_wants() {
    let app =
        app(Extractor::custom(|parts| Some(parts.headers.get("x-sid")?.to_str().ok()?.trim().to_owned())));
    let id = stored(&app).await;
    let reply = get(&app.router, "/look", &[("x-sid", &format!("  {id}"))]).await;
    assert_eq!(reply.body, "Ada");
    assert!(writes_nothing(&get(&app.router, "/rename", &[("x-sid", &id)]).await));
}

#[tokio::test]
async fn missing_and_empty_are_the_same_none() {
    let sources = [
        Extractor::cookie("id"),
        Extractor::header("id"),
        Extractor::query("id"),
        Extractor::custom(|_| Some(String::new())),
    ];
    for source in sources {
        let app = app(source);
        let reply = get(&app.router, "/look?id=", &[("cookie", "id="), ("id", "")]).await;
        assert_eq!((reply.status.as_u16(), &*reply.body), (200, ""));
    }
}

#[tokio::test]
async fn a_chain_takes_the_first_that_finds_one_and_an_empty_chain_none() {
    let app = app(Extractor::chain([Extractor::header("first"), Extractor::header("second")]));
    let (one, two) = (stored(&app).await, stored(&app).await);
    app.store.load_by_id(&two).await.unwrap().destroy().await.unwrap();
    let both = [("second", &*two), ("first", &*one)];
    assert_eq!(get(&app.router, "/look", &both).await.body, "Ada");
    let malformed_first = [("first", "not an id"), ("second", &*one)];
    assert_eq!(get(&app.router, "/look", &malformed_first).await.body, "Ada");

    let app = self::app(Extractor::chain([]));
    let reply = get(&app.router, "/rename", &[("first", &one)]).await;
    assert_eq!(reply.status.as_u16(), 200);
    assert!(writes_nothing(&reply));
}

#[tokio::test]
async fn an_id_goes_back_to_the_cookie_or_header_that_won() {
    let app = app(everywhere(Extractor::query("sid")));
    let id = stored(&app).await;
    let reply = get(&app.router, "/rename", &[("cookie", &format!("b={id}"))]).await;
    assert!(reply.set_cookie().starts_with("b=") && !reply.headers.contains_key("x-id"));
    let id = stored(&app).await;
    let reply = get(&app.router, "/rename", &[("x-id", &id), ("cookie", "b=other")]).await;
    assert!(reply.set_cookies().is_empty() && reply.headers["x-id"] == id);
}

#[tokio::test]
async fn without_an_id_the_new_one_goes_to_every_configured_cookie_and_header() {
    let app = app(everywhere(Extractor::query("sid")));
    let reply = get(&app.router, "/rename", &[]).await;
    let names: Vec<_> = reply.set_cookies().iter().map(|cookie| &cookie[..2]).collect();
    assert_eq!(names, ["a=", "b="]);
    assert!(reply.headers.contains_key("x-id"));
}

#[tokio::test]
async fn an_id_from_a_read_only_source_is_never_promoted() {
    // CVE-2024-38513: a link with the attacker's id must not become the victim's cookie.
    let app = app(everywhere(Extractor::query("sid")));
    for path in ["/look", "/rename", "/destroy"] {
        let id = stored(&app).await;
        assert!(writes_nothing(&get(&app.router, &format!("{path}?sid={id}"), &[]).await), "{path}");
    }
    let app = self::app(everywhere(Extractor::bearer()));
    let id = stored(&app).await;
    assert!(writes_nothing(
        &get(&app.router, "/rename", &[("authorization", &format!("Bearer {id}"))]).await
    ));
    let app = self::app(everywhere(Extractor::path_param("sid")));
    let id = stored(&app).await;
    assert!(writes_nothing(&get(&app.router, &format!("/rename/{id}"), &[]).await));
    let app = self::app(everywhere(Extractor::form("sid")));
    let id = stored(&app).await;
    assert!(writes_nothing(&send(&app.router, form("/rename", &format!("sid={id}"))).await));
    let app = self::app(everywhere(Extractor::custom(|parts| parts.uri.query().map(str::to_owned))));
    let id = stored(&app).await;
    assert!(writes_nothing(&get(&app.router, &format!("/rename?{id}"), &[]).await));
}

#[tokio::test]
async fn an_unknown_id_from_a_read_only_source_begins_a_session_with_an_id_of_ours_everywhere() {
    let app = app(everywhere(Extractor::query("sid")));
    let reply = get(&app.router, "/rename?sid=planted", &[]).await;
    assert_eq!(reply.set_cookies().len(), 2);
    assert!(!reply.headers["x-id"].to_str().unwrap().contains("planted"));
}

#[tokio::test]
async fn a_fresh_id_after_regenerate_goes_everywhere_also_from_a_read_only_source() {
    let app = app(everywhere(Extractor::query("sid")));
    let id = stored(&app).await;
    let reply = get(&app.router, &format!("/regenerate?sid={id}"), &[]).await;
    assert_eq!(reply.set_cookies().len(), 2);
    assert_ne!(reply.headers["x-id"], id);
}
