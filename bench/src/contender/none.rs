use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use axum::{Router, extract::State, routing::get};

/// The handlers without a session. One counter for all takes the place of the sessions' counters.
pub(super) fn router() -> Router {
    Router::new()
        .route("/start", get(zero))
        .route("/read", get(read))
        .route("/write", get(write))
        .route("/plain", get(zero))
        .route("/peek", get(zero))
        .with_state(Arc::new(AtomicU64::new(0)))
}

async fn zero() -> String {
    0.to_string()
}

async fn read(State(counter): State<Arc<AtomicU64>>) -> String {
    counter.load(Ordering::Relaxed).to_string()
}

async fn write(State(counter): State<Arc<AtomicU64>>) -> String {
    (counter.fetch_add(1, Ordering::Relaxed) + 1).to_string()
}
