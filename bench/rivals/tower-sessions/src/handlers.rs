use axum::{Router, routing::get};
use cloakroom_bench_server::PROFILE;
use tower_sessions::{Expiry, Session, SessionManagerLayer, SessionStore, session::Error};

/// The handlers with sessions in that store.
pub(crate) fn over(store: impl SessionStore + Clone) -> Router {
    let sessions = SessionManagerLayer::new(store)
        .with_secure(false)
        .with_expiry(Expiry::OnInactivity(time::Duration::minutes(30)));
    Router::new()
        .route("/start", get(start))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/plain", get(plain))
        .route("/peek", get(read))
        .layer(sessions)
}

/// A failure becomes a body that is no number, which the clients refuse.
fn answer(outcome: Result<u64, Error>) -> String {
    outcome.map_or_else(|error| error.to_string(), |number| number.to_string())
}

async fn start(session: Session) -> String {
    let started = async {
        session.insert("profile", PROFILE).await?;
        session.insert("n", 0_u64).await?;
        Ok(0)
    };
    answer(started.await)
}

async fn read(session: Session) -> String {
    answer(session.get::<u64>("n").await.map(Option::unwrap_or_default))
}

async fn write(session: Session) -> String {
    let raised = async {
        let next = session.get::<u64>("n").await?.unwrap_or(0) + 1;
        session.insert("n", next).await?;
        Ok(next)
    };
    answer(raised.await)
}

async fn plain() -> String {
    0.to_string()
}
