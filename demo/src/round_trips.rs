//! How many storage round trips a request made, written into its own page.

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use cloakroom::storage::count_operations;
use http_body_util::BodyExt;

/// Stands in a page until the number is known.
pub(crate) const PLACEHOLDER: &str = "%ROUND-TRIPS%";

/// Counts, and replaces the placeholder. It has to wait until the page is on its way out: the session is stored
/// after the handler has made the page.
pub(crate) async fn count(request: Request, next: Next) -> Response {
    let (mut response, counts) = count_operations(next.run(request)).await;
    let shown = match counts.total() {
        1 => "1 round trip".to_owned(),
        n => format!("{n} round trips"),
    };
    if let Ok(timing) = HeaderValue::try_from(format!("storage;desc=\"{shown}\"")) {
        response.headers_mut().insert("server-timing", timing);
    }
    let is_html = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.to_str().is_ok_and(|kind| kind.starts_with("text/html")));
    if !is_html {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let page = match body.collect().await {
        Ok(page) => page.to_bytes(),
        Err(error) => {
            return Response::from_parts(parts, Body::new(http_body_util::Full::from(error.to_string())));
        }
    };
    let page = String::from_utf8_lossy(&page).replace(PLACEHOLDER, &shown);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(page))
}
