use std::fmt;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::SessionError;

/// When a session failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Before the handler, which is not run.
    Load,
    /// In the handler, which passed the error on.
    Handler,
    /// After the handler, whose response is there.
    Save,
}

/// Logs the error and answers 500 with no detail: what happens where no
/// [`on_error`](crate::SessionLayerBuilder::on_error) is configured.
#[must_use]
pub fn default_error_handler(error: &SessionError, stage: Stage) -> Response<Bytes> {
    tracing::error!(%error, ?stage, "session failed");
    internal_server_error("Internal Server Error")
}

pub(crate) fn internal_server_error(body: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(body.as_bytes()));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let text = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(http::header::CONTENT_TYPE, text);
    response
}

type Handler = dyn Fn(&SessionError, Stage) -> Option<Response<Bytes>> + Send + Sync;

/// The application's error handler, or the default.
#[derive(Default)]
pub(crate) struct ErrorHandler(Option<Box<Handler>>);

impl ErrorHandler {
    pub(crate) fn new(
        handler: impl Fn(&SessionError, Stage) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Box::new(handler)))
    }

    /// The answer to a failed load: there is no other response.
    pub(crate) fn load_failed(&self, error: &SessionError) -> Response<Bytes> {
        let answer = self.0.as_ref().and_then(|handler| handler(error, Stage::Load));
        answer.unwrap_or_else(|| default_error_handler(error, Stage::Load))
    }

    /// The answer to a failed save; `None` keeps the handler's response.
    pub(crate) fn save_failed(&self, error: &SessionError) -> Option<Response<Bytes>> {
        match &self.0 {
            Some(handler) => handler(error, Stage::Save),
            None => Some(default_error_handler(error, Stage::Save)),
        }
    }
}

impl fmt::Debug for ErrorHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "custom" } else { "default" })
    }
}
