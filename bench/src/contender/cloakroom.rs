use std::time::Duration;

use axum::{Router, routing::get};
use cloakroom::{CookieOptions, Extractor, Session, SessionError, SessionLayer};
use cloakroom_bench_server::{Failure, PROFILE};

/// Sessions with their ordinary configuration, but for a cookie without `Secure`, as the clients speak HTTP.
pub(super) async fn router(url: &str) -> Result<Router, Failure> {
    let storage = cloakroom::connect(url).await.map_err(Failure::set_up("cloakroom's storage"))?;
    let sessions = SessionLayer::builder(storage)
        .extractor(Extractor::cookie("id"))
        .cookie(CookieOptions::default().secure(false))
        .idle_timeout(Duration::from_secs(30 * 60))
        .build()
        .map_err(Failure::set_up("cloakroom's layer"))?;
    Ok(Router::new()
        .route("/start", get(start))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/plain", get(plain))
        .route("/peek", get(read))
        .layer(sessions))
}

async fn start(session: Session) -> Result<String, SessionError> {
    session.set("profile", PROFILE)?;
    session.set("n", &0_u64)?;
    Ok(0.to_string())
}

async fn read(session: Session) -> Result<String, SessionError> {
    Ok(session.get::<u64>("n")?.unwrap_or(0).to_string())
}

async fn write(session: Session) -> Result<String, SessionError> {
    let next = session.get::<u64>("n")?.unwrap_or(0) + 1;
    session.set("n", &next)?;
    Ok(next.to_string())
}

async fn plain() -> String {
    0.to_string()
}
