use std::sync::Arc;

use http::request::Parts;
use tokio::sync::OnceCell;

use crate::{Session, SessionError, SessionId, Store, extractor::Origin, layer::Shared};

/// The session of one request, loaded when it is first asked for; what the layer leaves in the request's
/// extensions.
#[derive(Clone)]
pub(crate) struct RequestSession {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    extracted: Option<(SessionId, Origin)>,
    session: OnceCell<Session>,
}

impl RequestSession {
    pub(crate) fn new(shared: Arc<Shared>, parts: &Parts) -> Self {
        let extracted = shared.store.config().extractor.extract(parts);
        Self { inner: Arc::new(Inner { shared, extracted, session: OnceCell::new() }) }
    }

    pub(crate) async fn session(&self) -> Result<Session, SessionError> {
        let inner = &*self.inner;
        let load = || inner.shared.store.load_extracted(inner.extracted.clone());
        inner.session.get_or_try_init(load).await.cloned()
    }

    /// The session, if anybody has asked for it.
    pub(crate) fn loaded(&self) -> Option<&Session> {
        self.inner.session.get()
    }

    pub(crate) fn has_loaded(&self, store: &Store) -> bool {
        self.inner.shared.store.is(store) && self.loaded().is_some()
    }

    /// The answer of the layer's error handler where the session could not be loaded.
    #[cfg(feature = "axum")]
    pub(crate) fn load_failed(&self, error: &SessionError) -> http::Response<bytes::Bytes> {
        self.inner.shared.on_error.load_failed(error)
    }
}
