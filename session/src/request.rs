use std::sync::Arc;

use http::request::Parts;
use tokio::sync::OnceCell;

use crate::{Session, SessionError, SessionId, Store, error_handler::ErrorHandler, extractor::Origin};

/// The session of one request, loaded when it is first asked for; what the layer leaves in the request's
/// extensions.
#[derive(Clone)]
pub(crate) struct RequestSession {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    on_error: ErrorHandler,
    extracted: Option<(SessionId, Origin)>,
    session: OnceCell<Session>,
}

impl RequestSession {
    pub(crate) fn new(store: Store, on_error: ErrorHandler, parts: &Parts) -> Self {
        let extracted = store.config().extractor.extract(parts);
        Self { inner: Arc::new(Inner { store, on_error, extracted, session: OnceCell::new() }) }
    }

    pub(crate) async fn session(&self) -> Result<Session, SessionError> {
        let inner = &*self.inner;
        let load = || inner.store.load_extracted(inner.extracted.clone());
        inner.session.get_or_try_init(load).await.cloned()
    }

    /// The session, if anybody has asked for it.
    pub(crate) fn loaded(&self) -> Option<&Session> {
        self.inner.session.get()
    }

    pub(crate) fn has_loaded(&self, store: &Store) -> bool {
        self.inner.store.is(store) && self.loaded().is_some()
    }

    pub(crate) fn on_error(&self) -> &ErrorHandler {
        &self.inner.on_error
    }
}
