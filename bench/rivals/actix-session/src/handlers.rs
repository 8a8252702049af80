use actix_session::Session;
use actix_web::{
    Result,
    web::{ServiceConfig, get},
};
use cloakroom_bench_server::PROFILE;

/// The handlers.
pub(crate) fn add(application: &mut ServiceConfig) {
    application
        .route("/start", get().to(start))
        .route("/read", get().to(read))
        .route("/write", get().to(write))
        .route("/plain", get().to(plain))
        .route("/peek", get().to(read));
}

async fn start(session: Session) -> Result<String> {
    session.insert("profile", PROFILE)?;
    session.insert("n", 0_u64)?;
    Ok(0.to_string())
}

async fn read(session: Session) -> Result<String> {
    Ok(session.get::<u64>("n")?.unwrap_or(0).to_string())
}

async fn write(session: Session) -> Result<String> {
    let next = session.get::<u64>("n")?.unwrap_or(0) + 1;
    session.insert("n", next)?;
    Ok(next.to_string())
}

async fn plain() -> &'static str {
    "0"
}
