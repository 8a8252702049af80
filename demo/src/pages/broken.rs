//! The page for when the sessions cannot be reached.

use axum::{body::Bytes, http::Response};
use cloakroom::{SessionError, Stage, default_error_handler};

pub(crate) fn page(error: &SessionError, stage: Stage) -> Response<Bytes> {
    let logged = default_error_handler(error, stage);
    let answer = Response::builder().status(503).header("content-type", "text/html; charset=utf-8");
    answer.body(Bytes::from_static(include_bytes!("../../assets/broken.html"))).unwrap_or(logged)
}
