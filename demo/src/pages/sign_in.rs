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
    frame::{Frame, NAME, html},
};

/// The longest name, in characters.
const MAX_NAME: usize = 40;

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page {
    frame: Frame,
    name: String,
    refusal: Option<&'static str>,
}

pub(crate) async fn show(State(shop): State<Shop>, session: Session) -> Result<Response, SessionError> {
    Ok(html(Page { frame: Frame::of(&session, shop)?, name: String::new(), refusal: None }))
}

#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
}

pub(crate) async fn sign_in(
    State(shop): State<Shop>,
    session: Session,
    Form(form): Form<Credentials>,
) -> Result<Response, SessionError> {
    let name = form.name.trim();
    let refusal = match name.chars().count() {
        0 => Some("Please tell us your name."),
        1..=MAX_NAME => None,
        _ => Some("Please use at most 40 characters."),
    };
    if refusal.is_some() {
        let page = Page { frame: Frame::of(&session, shop)?, name: name.to_owned(), refusal };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, html(page)).into_response());
    }
    // A new id: one that somebody planted before the sign-in is worthless after it. The basket comes along.
    session.regenerate()?;
    session.set(NAME, &name.to_owned())?;
    Ok(Redirect::to("/").into_response())
}

pub(crate) async fn sign_out(session: Session) -> Result<Redirect, SessionError> {
    session.destroy().await?;
    Ok(Redirect::to("/"))
}
