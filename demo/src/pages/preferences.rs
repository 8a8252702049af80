use askama::Template;
use axum::{
    Form,
    extract::State,
    response::{Redirect, Response},
};
use cloakroom::{Session, SessionError};

use crate::{
    app::Shop,
    frame::{Frame, html},
    preferences::{PREFERENCES, Preferences, Text, Theme},
};

#[derive(Template)]
#[template(path = "preferences.html")]
struct Page {
    frame: Frame,
    themes: [(Theme, &'static str); 3],
    texts: [(Text, &'static str); 2],
}

pub(crate) async fn show(State(shop): State<Shop>, session: Session) -> Result<Response, SessionError> {
    Ok(html(Page {
        frame: Frame::of(&session, shop)?,
        themes: [(Theme::Auto, "As my system is set"), (Theme::Light, "Light"), (Theme::Dark, "Dark")],
        texts: [(Text::Normal, "Normal"), (Text::Large, "Large")],
    }))
}

pub(crate) async fn save(
    session: Session,
    Form(chosen): Form<Preferences>,
) -> Result<Redirect, SessionError> {
    session.set(PREFERENCES, &chosen)?;
    Ok(Redirect::to("/preferences"))
}
