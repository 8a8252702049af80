//! What a site needs beside sessions: no requests forged by other sites, no foreign content.

use axum::{
    extract::Request,
    http::{HeaderValue, Method, StatusCode},
    middleware::Next,
    response::{IntoResponse, Response},
};

/// The session cookie is SameSite=Lax, so that other sites' forms come without it; browsers also say where a
/// request comes from (`Sec-Fetch-Site`, W3C Fetch Metadata), and a form from elsewhere is refused.
pub(crate) async fn protect(request: Request, next: Next) -> Response {
    let site = request.headers().get("sec-fetch-site").and_then(|site| site.to_str().ok());
    let is_foreign = !matches!(site, None | Some("same-origin" | "none"));
    if request.method() == Method::POST && is_foreign {
        return (StatusCode::FORBIDDEN, "This form was sent by another site.").into_response();
    }
    let mut response = next.run(request).await;
    let headers = [
        (
            "content-security-policy",
            "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ),
        ("referrer-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ];
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
