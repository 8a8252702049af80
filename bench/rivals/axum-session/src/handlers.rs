use std::fmt::Debug;

use axum::{Router, routing::get};
use axum_session::{DatabasePool, Session, SessionLayer, SessionStore};
use cloakroom_bench_server::PROFILE;

/// The handlers with sessions in that store.
pub(crate) fn over<P>(store: SessionStore<P>) -> Router
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    Router::new()
        .route("/start", get(start::<P>))
        .route("/read", get(read::<P>))
        .route("/write", get(write::<P>))
        .route("/plain", get(plain))
        .route("/peek", get(read::<P>))
        .layer(SessionLayer::new(store))
}

async fn start<P>(session: Session<P>) -> String
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    session.set("profile", PROFILE);
    session.set("n", 0_u64);
    0.to_string()
}

async fn read<P>(session: Session<P>) -> String
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    session.get::<u64>("n").unwrap_or(0).to_string()
}

async fn write<P>(session: Session<P>) -> String
where
    P: DatabasePool + Clone + Debug + Send + Sync + 'static,
{
    let next = session.get::<u64>("n").unwrap_or(0) + 1;
    session.set("n", next);
    next.to_string()
}

async fn plain() -> String {
    0.to_string()
}
