use axum::body::Body;
use cookie::Cookie;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

use crate::application::Application;

const COOKIE: &str = "__Host-session_id";

/// A client that keeps the session cookie as a browser does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Visitor {
    id: Option<String>,
    given: Vec<String>,
    /// The last response has expired the cookie.
    pub(crate) is_turned_out: bool,
}

/// A request that was not answered as it should be.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// Such an error passes.
    pub(crate) passes: bool,
    pub(crate) what: String,
}

impl Visitor {
    pub(crate) fn with_id(id: &str) -> Self {
        Self { id: Some(id.to_owned()), ..Self::default() }
    }

    /// Every id that it was given.
    pub(crate) fn given(self) -> Vec<String> {
        self.given
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// What is answered.
    pub(crate) async fn get(&mut self, application: &Application, path: &str) -> Result<String, Refusal> {
        let mut request = Request::builder().uri(path);
        if let Some(id) = &self.id {
            request = request.header(header::COOKIE, format!("{COOKIE}={id}"));
        }
        let request = request.body(Body::empty()).expect("the path is one of ours");
        let Ok(response) = application.router.clone().oneshot(request).await;
        self.keep_cookie(&response);
        let status = response.status();
        let body = match response.into_body().collect().await {
            Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            Err(error) => error.to_string(),
        };
        if status.is_success() {
            return Ok(body);
        }
        Err(Refusal { passes: status == StatusCode::SERVICE_UNAVAILABLE, what: body })
    }

    fn keep_cookie<B>(&mut self, response: &Response<B>) {
        self.is_turned_out = false;
        let texts = response.headers().get_all(header::SET_COOKIE).iter().filter_map(text);
        for cookie in
            texts.filter_map(|text| Cookie::parse(text).ok()).filter(|cookie| cookie.name() == COOKIE)
        {
            if cookie.value().is_empty() {
                self.id = None;
                self.is_turned_out = true;
            } else {
                self.id = Some(cookie.value().to_owned());
                self.given.push(cookie.value().to_owned());
            }
        }
    }
}

fn text(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok()
}
