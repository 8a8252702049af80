//! What every page has around its content: the visitor's name and basket, and the panel about the session.

use std::time::{Duration, SystemTime};

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use cloakroom::{Key, Session, SessionError};

use crate::{
    app::Shop,
    basket::BASKET,
    preferences::{PREFERENCES, Preferences},
    round_trips::PLACEHOLDER,
};

pub(crate) const NAME: Key<String> = Key::new("name");

pub(crate) struct Frame {
    pub(crate) name: Option<String>,
    pub(crate) in_basket: u32,
    pub(crate) preferences: Preferences,
    pub(crate) backend: &'static str,
    pub(crate) round_trips: &'static str,
    /// `None`: the page did not ask for the session.
    pub(crate) session: Option<Panel>,
}

pub(crate) struct Panel {
    pub(crate) keys: String,
    pub(crate) id: String,
    pub(crate) fresh: bool,
    pub(crate) age: String,
    pub(crate) idle_left: String,
    pub(crate) absolute_left: String,
}

impl Frame {
    pub(crate) fn of(session: &Session, shop: Shop) -> Result<Self, SessionError> {
        Ok(Self {
            name: session.get(NAME)?,
            in_basket: session.get(BASKET)?.unwrap_or_default().count(),
            preferences: session.get(PREFERENCES)?.unwrap_or_default(),
            session: Some(Panel::of(session)),
            ..Self::without_session(shop)
        })
    }

    pub(crate) fn without_session(shop: Shop) -> Self {
        Self {
            name: None,
            in_basket: 0,
            preferences: Preferences::default(),
            backend: shop.backend,
            round_trips: PLACEHOLDER,
            session: None,
        }
    }
}

impl Panel {
    fn of(session: &Session) -> Self {
        let age = SystemTime::now().duration_since(session.created_at()).unwrap_or_default();
        Self {
            keys: session.keys().join(", "),
            // Enough to see it change, too little to use.
            id: session.id().as_str().chars().take(6).chain(['…']).collect(),
            fresh: session.is_fresh(),
            age: clock(age),
            idle_left: clock(session.idle_remaining()),
            absolute_left: session.absolute_remaining().map_or_else(|| "no limit".to_owned(), clock),
        }
    }
}

/// Hours, minutes and seconds, as a clock shows them.
fn clock(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// A rendered page. What is in it is one visitor's, so nothing may keep a copy.
pub(crate) fn html(page: impl Template) -> Response {
    match page.render() {
        Ok(page) => ([("cache-control", "no-store")], Html(page)).into_response(),
        Err(_) => axum::http::StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
