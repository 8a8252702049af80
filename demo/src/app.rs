use std::{error::Error, sync::Arc, time::Duration};

use axum::{
    Router, middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use cloakroom::{
    CookieOptions, Extractor, SessionLayer, Storage, StorageExt,
    storage::{Counted, Traced},
};

use crate::{basket::Basket, pages, preferences::Preferences, protection, round_trips};

/// What every page may need beside the session.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shop {
    /// The name of the storage backend.
    pub(crate) backend: &'static str,
}

/// The whole site, its sessions in `storage`.
///
/// # Errors
/// Where the session layer refuses its configuration.
pub fn app(storage: Arc<dyn Storage>) -> Result<Router, Box<dyn Error>> {
    let shop = Shop { backend: storage.capabilities().backend };
    Ok(Router::new()
        .route("/", get(pages::shop::show))
        .route("/basket", get(pages::basket::show))
        .route("/basket/add", post(pages::basket::add))
        .route("/basket/change", post(pages::basket::change))
        .route("/sign-in", get(pages::sign_in::show).post(pages::sign_in::sign_in))
        .route("/sign-out", post(pages::sign_in::sign_out))
        .route("/preferences", get(pages::preferences::show).post(pages::preferences::save))
        .route("/about", get(pages::about::show))
        .route("/style.css", get(style))
        .fallback(pages::not_found::show)
        .layer(sessions(storage)?)
        // Outside of the sessions, which are stored after the page is made.
        .layer(middleware::from_fn(round_trips::count))
        .layer(middleware::from_fn(protection::protect))
        .with_state(shop))
}

fn sessions(storage: Arc<dyn Storage>) -> Result<SessionLayer, Box<dyn Error>> {
    let storage = Arc::new(storage.layer(Traced::new()).layer(Counted::new()));
    let sessions = SessionLayer::builder(storage)
        .extractor(Extractor::cookie("cloakroom_demo"))
        // The demo speaks plain HTTP, over which not every browser takes a Secure cookie.
        .cookie(CookieOptions::default().secure(false))
        .idle_timeout(Duration::from_secs(30 * 60))
        .absolute_timeout(Duration::from_secs(8 * 60 * 60))
        .on_error(|error, stage| Some(pages::broken::page(error, stage)))
        .build()?;
    sessions.store().register_type::<Basket>("basket")?;
    sessions.store().register_type::<Preferences>("preferences")?;
    Ok(sessions)
}

async fn style() -> Response {
    let headers = [("content-type", "text/css; charset=utf-8"), ("cache-control", "max-age=300")];
    (headers, include_str!("../assets/style.css")).into_response()
}
