//! The site's rules, request by request.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use cloakroom::{
    Storage, StorageError,
    memory::MemoryStorage,
    storage::{Bytes, ErrorKind, Operation, Result, async_trait},
};
use cloakroom_demo::app;
use http_body_util::BodyExt;
use tower::ServiceExt;

struct Visitor {
    site: Router,
    cookie: Option<String>,
}

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Page {
    fn round_trips(&self) -> &str {
        self.headers["server-timing"].to_str().unwrap().split('"').nth(1).unwrap()
    }
}

impl Visitor {
    fn new() -> Self {
        Self { site: app(Arc::new(MemoryStorage::new())).unwrap(), cookie: None }
    }

    async fn get(&mut self, path: &str) -> Page {
        self.send(Request::get(path), String::new()).await
    }

    async fn post(&mut self, path: &str, form: &str) -> Page {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.send(request, form.to_owned()).await
    }

    async fn send(&mut self, mut request: axum::http::request::Builder, body: String) -> Page {
        if let Some(cookie) = &self.cookie {
            request = request.header(header::COOKIE, format!("cloakroom_demo={cookie}"));
        }
        let response = self.site.clone().oneshot(request.body(Body::from(body)).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        if let Some(cookie) = parts.headers.get(header::SET_COOKIE) {
            let value = cookie.to_str().unwrap().split(['=', ';']).nth(1).unwrap();
            self.cookie = Some(value.to_owned()).filter(|value| !value.is_empty());
        }
        let text = String::from_utf8(body.collect().await.unwrap().to_bytes().into()).unwrap();
        Page { status: parts.status, headers: parts.headers, text }
    }
}

#[tokio::test]
async fn sign_in_changes_the_id_and_keeps_the_basket() {
    let mut visitor = Visitor::new();
    visitor.post("/basket/add", "product=umbrella").await;
    let before = visitor.cookie.clone();
    let answer = visitor.post("/sign-in", "name=Ada").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(before.is_some() && visitor.cookie.is_some() && visitor.cookie != before);
    let page = visitor.get("/basket").await;
    assert!(page.text.contains("Umbrella") && page.text.contains("Ada"));
}

#[tokio::test]
async fn sign_out_kills_the_old_cookie() {
    let mut visitor = Visitor::new();
    visitor.post("/sign-in", "name=Ada").await;
    let old = visitor.cookie.clone();
    visitor.post("/sign-out", "").await;
    assert_eq!(visitor.cookie, None);
    visitor.cookie = old;
    assert!(!visitor.get("/").await.text.contains("Ada"));
}

#[tokio::test]
async fn every_page_says_how_many_round_trips_it_made_and_pages_without_a_session_none() {
    let mut visitor = Visitor::new();
    assert_eq!(visitor.get("/").await.round_trips(), "0 round trips", "anonymous");
    assert_eq!(visitor.post("/basket/add", "product=bowler").await.round_trips(), "1 round trip", "begin");
    assert_eq!(visitor.post("/basket/add", "product=scarf").await.round_trips(), "2 round trips", "write");
    let page = visitor.get("/basket").await;
    assert_eq!(page.round_trips(), "1 round trip", "read");
    assert!(page.text.contains("<dd id=\"round-trips\">1 round trip</dd>"));
    assert_eq!(visitor.post("/sign-in", "name=Ada").await.round_trips(), "3 round trips", "sign-in");
    let about = visitor.get("/about").await;
    assert_eq!(about.round_trips(), "0 round trips", "no session asked for");
    assert!(about.text.contains("did not ask for it"));
    assert_eq!(visitor.post("/sign-out", "").await.round_trips(), "2 round trips", "sign-out");
}

#[tokio::test]
async fn the_panel_shows_keys_and_times_but_not_the_whole_id() {
    let mut visitor = Visitor::new();
    visitor.post("/basket/add", "product=bowler").await;
    visitor.post("/sign-in", "name=Ada").await;
    let page = visitor.get("/").await.text;
    assert!(page.contains("basket, name"), "{page}");
    assert!(page.contains("29:5") || page.contains("30:00"), "idle time: {page}");
    assert!(page.contains("7:59:5") || page.contains("8:00:00"), "absolute time: {page}");
    assert!(page.contains("memory"));
    let id = visitor.cookie.unwrap();
    assert!(page.contains(&id[..6]) && !page.contains(&id));
}

#[tokio::test]
async fn a_name_is_required_short_and_shown_as_text() {
    let mut visitor = Visitor::new();
    for form in ["name=", "name=+++", &format!("name={}", "x".repeat(41))] {
        let answer = visitor.post("/sign-in", form).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.text.contains("role=\"alert\""));
    }
    visitor.post("/sign-in", "name=%3Cscript%3E").await;
    let page = visitor.get("/").await.text;
    assert!(!page.contains("<script") && page.contains("script"));
}

#[tokio::test]
async fn a_basket_is_changed_and_emptied_and_refuses_what_is_not_sold() {
    let mut visitor = Visitor::new();
    visitor.post("/basket/add", "product=bowler").await;
    visitor.post("/basket/change", "product=bowler&quantity=3").await;
    assert!(visitor.get("/basket").await.text.contains("<strong id=\"total\">€ 238.50</strong>"));
    visitor.post("/basket/change", "product=bowler&quantity=200").await;
    assert!(visitor.get("/basket").await.text.contains("value=\"9\""));
    visitor.post("/basket/change", "product=bowler&quantity=0").await;
    assert!(visitor.get("/basket").await.text.contains("Nothing in it yet"));
    assert_eq!(visitor.post("/basket/add", "product=yacht").await.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn preferences_are_kept_and_applied() {
    let mut visitor = Visitor::new();
    visitor.post("/preferences", "theme=dark&text=large").await;
    let page = visitor.get("/").await.text;
    assert!(page.contains("data-theme=\"dark\" data-text=\"large\""));
    assert_eq!(
        visitor.post("/preferences", "theme=pink&text=large").await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
}

#[tokio::test]
async fn a_form_from_another_site_is_refused() {
    let mut visitor = Visitor::new();
    let foreign = Request::post("/sign-out").header("sec-fetch-site", "cross-site");
    assert_eq!(visitor.send(foreign, String::new()).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn pages_allow_no_foreign_content_are_not_kept_and_need_no_script() {
    let mut visitor = Visitor::new();
    for path in ["/", "/basket", "/sign-in", "/preferences", "/about", "/nowhere"] {
        let page = visitor.get(path).await;
        assert!(page.headers["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        assert_eq!(page.headers["cache-control"], "no-store");
        assert!(!page.text.contains("<script") && !page.text.contains("%ROUND-TRIPS%"), "{path}");
    }
    assert_eq!(visitor.get("/nowhere").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_storage_that_cannot_be_reached_is_a_page_that_says_so() {
    struct Unreachable;

    #[async_trait]
    impl Storage for Unreachable {
        async fn get(&self, _: &str) -> Result<Option<Bytes>> {
            Err(StorageError::new(ErrorKind::Unavailable, "unreachable", Operation::Get))
        }

        async fn set(&self, _: &str, _: Bytes, _: Option<std::time::Duration>) -> Result<()> {
            Err(StorageError::new(ErrorKind::Unavailable, "unreachable", Operation::Set))
        }

        async fn delete(&self, _: &str) -> Result<()> {
            Err(StorageError::new(ErrorKind::Unavailable, "unreachable", Operation::Delete))
        }

        async fn reset(&self) -> Result<()> {
            Err(StorageError::new(ErrorKind::Unavailable, "unreachable", Operation::Reset))
        }
    }

    let mut visitor =
        Visitor { site: app(Arc::new(Unreachable)).unwrap(), cookie: Some("some-id".to_owned()) };
    let page = visitor.get("/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(page.text.contains("Closed for a moment"));
    assert_eq!(visitor.get("/about").await.status, StatusCode::OK);
}
