//! A client that keeps cookies as a browser does, and what it gets back.

use std::collections::BTreeMap;

use axum::{Router, body::Body};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// The session cookie of the default configuration.
pub(crate) const COOKIE: &str = "__Host-session_id";

#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A browser that has been given this session cookie.
    pub(crate) fn with_id(id: &str) -> Self {
        Self { cookies: BTreeMap::from([(COOKIE.to_owned(), id.to_owned())]) }
    }

    pub(crate) fn id(&self) -> Option<&str> {
        self.cookies.get(COOKIE).map(String::as_str)
    }

    pub(crate) async fn get(&mut self, router: &Router, path: &str) -> Reply {
        self.send(router, Request::builder().method(Method::GET).uri(path)).await
    }

    pub(crate) async fn send(&mut self, router: &Router, mut request: http::request::Builder) -> Reply {
        if !self.cookies.is_empty() {
            let pairs: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header(header::COOKIE, pairs.join("; "));
        }
        let reply = send(router, request.body(Body::empty()).unwrap()).await;
        for cookie in reply.set_cookies() {
            let (pair, attributes) = cookie.split_once(';').unwrap_or((cookie, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }
}

pub(crate) async fn send(router: &Router, request: Request<Body>) -> Reply {
    let response = router.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Reply { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
}

/// A request with no cookie jar.
pub(crate) async fn get(router: &Router, path: &str, headers: &[(&str, &str)]) -> Reply {
    let mut request = Request::builder().uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router, request.body(Body::empty()).unwrap()).await
}

impl Reply {
    pub(crate) fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The one `Set-Cookie` of the reply.
    pub(crate) fn set_cookie(&self) -> &str {
        let cookies = self.set_cookies();
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        cookies[0]
    }

    /// The id in the one `Set-Cookie` of the reply.
    pub(crate) fn new_id(&self) -> &str {
        let pair = self.set_cookie().split(';').next().unwrap();
        pair.split_once('=').unwrap().1
    }

    pub(crate) fn expires_the_cookie(&self) -> bool {
        let cookie = self.set_cookie();
        cookie.contains("Max-Age=0") && self.new_id().is_empty()
    }
}
