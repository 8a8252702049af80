use std::{fmt, num::NonZeroUsize, sync::Arc, time::Duration};

use bytes::Bytes;
use cloakroom_storage::Storage;
use http::{Response, request::Parts};
use tower_layer::Layer;

use crate::{
    Clock, Codec, ConfigError, CookieOptions, Excess, Extractor, IdGenerator, Outage, SavePolicy,
    SessionConfig, SessionError, SessionService, Stage, Store, error_handler::ErrorHandler,
};

/// Sessions for every service below it: a [`tower_layer::Layer`] for axum, tonic, plain hyper, anything tower.
///
/// It finds the id in the request, lets the handler ask for the [`Session`](crate::Session), stores what the
/// handler has changed and sends the cookie.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use axum::{Router, routing::get};
/// use cloakroom_session::{Session, SessionError, SessionLayer};
/// use cloakroom_storage_memory::MemoryStorage;
///
/// async fn count(session: Session) -> Result<String, SessionError> {
///     let visits = session.get::<u64>("visits")?.unwrap_or(0) + 1;
///     session.set("visits", &visits)?;
///     Ok(format!("visit number {visits}"))
/// }
///
/// # fn main() -> Result<(), cloakroom_session::ConfigError> {
/// let sessions = SessionLayer::builder(Arc::new(MemoryStorage::new()))
///     .idle_timeout(Duration::from_secs(15 * 60))
///     .build()?;
/// let app: Router = Router::new().route("/", get(count)).layer(sessions);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SessionLayer {
    pub(crate) shared: Arc<Shared>,
}

type Skip = Box<dyn Fn(&Parts) -> bool + Send + Sync>;

pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) skip: Option<Skip>,
    pub(crate) on_error: ErrorHandler,
    pub(crate) reads_form: bool,
    #[cfg(feature = "axum")]
    pub(crate) reads_path: bool,
}

impl SessionLayer {
    /// Sessions in `storage` with the secure defaults of [`SessionConfig`].
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self::assemble(Store::new(storage), None, ErrorHandler::default())
    }

    /// Sessions in `storage`, to be configured.
    pub fn builder(storage: Arc<dyn Storage>) -> SessionLayerBuilder {
        SessionLayerBuilder {
            source: Source::Storage(storage, Box::default()),
            skip: None,
            on_error: ErrorHandler::default(),
        }
    }

    /// The store behind the layer.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.shared.store
    }

    fn assemble(store: Store, skip: Option<Skip>, on_error: ErrorHandler) -> Self {
        let extractor = &store.config().extractor;
        let shared = Shared {
            reads_form: extractor.reads_form(),
            #[cfg(feature = "axum")]
            reads_path: extractor.reads_path(),
            store,
            skip,
            on_error,
        };
        Self { shared: Arc::new(shared) }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = SessionService<S>;

    fn layer(&self, inner: S) -> SessionService<S> {
        SessionService { inner, shared: self.shared.clone() }
    }
}

impl fmt::Debug for SessionLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionLayer")
            .field("store", &self.shared.store)
            .field("on_error", &self.shared.on_error)
            .finish_non_exhaustive()
    }
}

/// Builds a [`SessionLayer`].
#[must_use]
pub struct SessionLayerBuilder {
    source: Source,
    skip: Option<Skip>,
    on_error: ErrorHandler,
}

enum Source {
    Storage(Arc<dyn Storage>, Box<SessionConfig>),
    Store(Store),
}

impl SessionLayerBuilder {
    /// Another storage; with what was configured so far, unless a [`store`](Self::store) was given.
    pub fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        let config = match self.source {
            Source::Storage(_, config) => config,
            Source::Store(_) => Box::default(),
        };
        self.source = Source::Storage(storage, config);
        self
    }

    /// A ready store, whose settings apply: of this builder only [`skip_when`](Self::skip_when) and
    /// [`on_error`](Self::on_error) count then.
    pub fn store(mut self, store: Store) -> Self {
        self.source = Source::Store(store);
        self
    }

    /// All settings at once, for example [`SessionConfig::fiber_defaults`].
    pub fn config(self, config: SessionConfig) -> Self {
        self.configure(|_| config)
    }

    /// No session in requests for which `skip` is true: the extractor rejects them, `from_extensions` gives
    /// none.
    pub fn skip_when(mut self, skip: impl Fn(&Parts) -> bool + Send + Sync + 'static) -> Self {
        self.skip = Some(Box::new(skip));
        self
    }

    /// What to answer when the session cannot be loaded or saved. `None` keeps the handler's response after a
    /// failed save, and gives the [default](crate::default_error_handler) after a failed load.
    pub fn on_error(
        mut self,
        on_error: impl Fn(&SessionError, Stage) -> Option<Response<Bytes>> + Send + Sync + 'static,
    ) -> Self {
        self.on_error = ErrorHandler::new(on_error);
        self
    }

    /// See [`SessionConfig::id_generator`].
    pub fn id_generator(self, id_generator: IdGenerator) -> Self {
        self.configure(|config| config.id_generator(id_generator))
    }

    /// See [`SessionConfig::extractor`].
    pub fn extractor(self, extractor: Extractor) -> Self {
        self.configure(|config| config.extractor(extractor))
    }

    /// See [`SessionConfig::cookie`].
    pub fn cookie(self, cookie: CookieOptions) -> Self {
        self.configure(|config| config.cookie(cookie))
    }

    /// See [`SessionConfig::idle_timeout`].
    pub fn idle_timeout(self, idle_timeout: Duration) -> Self {
        self.configure(|config| config.idle_timeout(idle_timeout))
    }

    /// See [`SessionConfig::absolute_timeout`].
    pub fn absolute_timeout(self, absolute_timeout: impl Into<Option<Duration>>) -> Self {
        self.configure(|config| config.absolute_timeout(absolute_timeout))
    }

    /// See [`SessionConfig::renew_after`].
    pub fn renew_after(self, age: impl Into<Option<Duration>>) -> Self {
        self.configure(|config| config.renew_after(age))
    }

    /// See [`SessionConfig::renewal_grace`].
    pub fn renewal_grace(self, grace: Duration) -> Self {
        self.configure(|config| config.renewal_grace(grace))
    }

    /// See [`SessionConfig::max_sessions`].
    pub fn max_sessions(self, most: NonZeroUsize, excess: Excess) -> Self {
        self.configure(|config| config.max_sessions(most, excess))
    }

    /// See [`SessionConfig::save_policy`].
    pub fn save_policy(self, save_policy: SavePolicy) -> Self {
        self.configure(|config| config.save_policy(save_policy))
    }

    /// See [`SessionConfig::outage`].
    pub fn outage(self, outage: Outage) -> Self {
        self.configure(|config| config.outage(outage))
    }

    /// See [`SessionConfig::codec`].
    pub fn codec(self, codec: Codec) -> Self {
        self.configure(|config| config.codec(codec))
    }

    /// See [`SessionConfig::clock`].
    pub fn clock(self, clock: Clock) -> Self {
        self.configure(|config| config.clock(clock))
    }

    fn configure(mut self, change: impl FnOnce(SessionConfig) -> SessionConfig) -> Self {
        if let Source::Storage(storage, config) = self.source {
            self.source = Source::Storage(storage, Box::new(change(*config)));
        }
        self
    }

    /// The layer.
    ///
    /// # Errors
    /// [`ConfigError`] with the reason, where browsers or sense refuse the configuration.
    pub fn build(self) -> Result<SessionLayer, ConfigError> {
        let store = match self.source {
            Source::Storage(storage, config) => Store::with_config(storage, *config)?,
            Source::Store(store) => store,
        };
        Ok(SessionLayer::assemble(store, self.skip, self.on_error))
    }
}
