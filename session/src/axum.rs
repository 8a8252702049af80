//! axum: [`Session`] as an extractor, [`SessionError`] as a response.

use axum::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::request::Parts;

use crate::{
    Session, SessionError, Stage, default_error_handler, error_handler::internal_server_error,
    request::RequestSession,
};

/// Loads the request's session, once. Where it cannot be loaded, the layer's error handler answers and the
/// handler is not run; without a layer the answer is a 500 that says so.
impl<S: Send + Sync> FromRequestParts<S> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let session = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await?;
        session.ok_or_else(|| SessionError::NoSession.into_response())
    }
}

/// `None` where no layer is around the handler, or it skips the request.
impl<S: Send + Sync> OptionalFromRequestParts<S> for Session {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Response> {
        let Some(request) = parts.extensions.get::<RequestSession>() else { return Ok(None) };
        match request.session().await {
            Ok(session) => Ok(Some(session)),
            Err(error) => Err(request.load_failed(&error).map(Body::from)),
        }
    }
}

/// For handlers that pass an error on with `?`: logged, and answered as
/// [`default_error_handler`] does.
impl IntoResponse for SessionError {
    fn into_response(self) -> Response {
        let response = match self {
            Self::NoSession => {
                tracing::error!(error = %self, "session failed");
                internal_server_error(
                    "No session in this request: SessionLayer is missing around this route, or its skip_when \
                     skips it.",
                )
            }
            error => default_error_handler(&error, Stage::Handler),
        };
        response.map(Body::from)
    }
}
