//! The application whose requests a soak sends.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Path,
    response::{IntoResponse, Response},
    routing::get,
};
use cloakroom::{Session, SessionError, SessionLayer, Storage, Store};
use http::StatusCode;
use tokio::time::sleep;

use crate::Failure;

/// The round that a session was begun for: who has it has the session's data.
pub(crate) const ROUND: &str = "round";

/// Longer than any soak.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Sessions over a storage, as every process of the soak has them.
#[derive(Clone)]
pub(crate) struct Application {
    pub(crate) router: Router,
    pub(crate) store: Store,
    pub(crate) storage: Arc<dyn Storage>,
}

impl Application {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Result<Self, Failure> {
        let sessions = SessionLayer::builder(storage.clone())
            .idle_timeout(FOREVER)
            .absolute_timeout(None)
            .on_error(|error, _| Some(refusal(error)))
            .build()?;
        let store = sessions.store().clone();
        let router = Router::new()
            .route("/begin/{round}", get(begin))
            .route("/set/{key}/{value}/{ms}", get(set))
            .route("/renew/{ms}", get(renew))
            .route("/sign-in/{principal}", get(sign_in))
            .route("/sign-out", get(sign_out))
            .layer(sessions);
        Ok(Self { router, store, storage })
    }
}

async fn begin(session: Session, Path(round): Path<u64>) -> Result<(), Refused> {
    Ok(session.set(ROUND, &round)?)
}

/// Takes as long as it is told between what it reads and what it writes. Answers with the session's round.
async fn set(session: Session, Path((key, value, ms)): Path<(String, u64, u64)>) -> Result<String, Refused> {
    let round = session.get::<u64>(ROUND)?;
    sleep(Duration::from_millis(ms)).await;
    session.set(&key, &value)?;
    Ok(round.map(|round| round.to_string()).unwrap_or_default())
}

async fn renew(session: Session, Path(ms): Path<u64>) -> Result<(), Refused> {
    session.get::<u64>(ROUND)?;
    sleep(Duration::from_millis(ms)).await;
    Ok(session.regenerate()?)
}

async fn sign_in(session: Session, Path(principal): Path<String>) -> Result<(), Refused> {
    Ok(session.bind(&principal)?)
}

async fn sign_out(session: Session) -> Result<(), Refused> {
    Ok(session.destroy().await?)
}

/// An error of a handler, answered as those of the layer are.
struct Refused(SessionError);

impl From<SessionError> for Refused {
    fn from(error: SessionError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        refusal(&self.0).map(Body::from)
    }
}

/// 503 for an error that passes, 500 for one that should not be; the body names it.
fn refusal(error: &SessionError) -> Response<Bytes> {
    let status =
        if passes(error) { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::INTERNAL_SERVER_ERROR };
    let mut response = Response::new(Bytes::from(name(error)));
    *response.status_mut() = status;
    response
}

/// Whether an application meets such an error now and then: its storage is away, or everybody wants the same session.
pub(crate) fn passes(error: &SessionError) -> bool {
    match error {
        SessionError::Storage(error) => error.is_retryable(),
        SessionError::Contended => true,
        _ => false,
    }
}

pub(crate) fn name(error: &SessionError) -> String {
    match error {
        SessionError::Storage(error) if error.is_retryable() => {
            format!("{}: {:?}", error.operation(), error.kind())
        }
        SessionError::Contended => "contended".to_owned(),
        error => error.to_string(),
    }
}
