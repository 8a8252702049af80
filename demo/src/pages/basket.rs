use askama::Template;
use axum::{
    Form,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use cloakroom::{Session, SessionError};
use serde::Deserialize;

use crate::{
    app::Shop,
    basket::{BASKET, Line, MAX_QUANTITY},
    catalogue,
    frame::{Frame, html},
};

#[derive(Template)]
#[template(path = "basket.html")]
struct Page {
    frame: Frame,
    lines: Vec<Line>,
    total: String,
    max_quantity: u8,
}

pub(crate) async fn show(State(shop): State<Shop>, session: Session) -> Result<Response, SessionError> {
    let basket = session.get(BASKET)?.unwrap_or_default();
    let frame = Frame::of(&session, shop)?;
    Ok(html(Page { frame, lines: basket.lines(), total: basket.total(), max_quantity: MAX_QUANTITY }))
}

#[derive(Deserialize)]
pub(crate) struct Addition {
    product: String,
}

pub(crate) async fn add(session: Session, Form(form): Form<Addition>) -> Result<Response, SessionError> {
    let Some(product) = catalogue::find(&form.product) else { return Ok(unknown_product()) };
    let mut basket = session.get(BASKET)?.unwrap_or_default();
    basket.add(product);
    session.set(BASKET, &basket)?;
    Ok(Redirect::to("/basket").into_response())
}

#[derive(Deserialize)]
pub(crate) struct Change {
    product: String,
    quantity: u8,
}

pub(crate) async fn change(session: Session, Form(form): Form<Change>) -> Result<Response, SessionError> {
    let Some(product) = catalogue::find(&form.product) else { return Ok(unknown_product()) };
    let mut basket = session.get(BASKET)?.unwrap_or_default();
    basket.change(product, form.quantity);
    session.set(BASKET, &basket)?;
    Ok(Redirect::to("/basket").into_response())
}

fn unknown_product() -> Response {
    (StatusCode::UNPROCESSABLE_ENTITY, "The shop does not sell this.").into_response()
}
