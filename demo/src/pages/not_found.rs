use askama::Template;
use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    app::Shop,
    frame::{Frame, html},
};

#[derive(Template)]
#[template(path = "not_found.html")]
struct Page {
    frame: Frame,
}

pub(crate) async fn show(State(shop): State<Shop>) -> Response {
    (StatusCode::NOT_FOUND, html(Page { frame: Frame::without_session(shop) })).into_response()
}
