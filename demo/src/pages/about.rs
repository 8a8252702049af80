use askama::Template;
use axum::{extract::State, response::Response};

use crate::{
    app::Shop,
    frame::{Frame, html},
};

#[derive(Template)]
#[template(path = "about.html")]
struct Page {
    frame: Frame,
}

/// Takes no session, so that the storage is not asked.
pub(crate) async fn show(State(shop): State<Shop>) -> Response {
    html(Page { frame: Frame::without_session(shop) })
}
