use std::{borrow::Cow, fmt, sync::Arc};

use cloakroom_storage::{Storage, Touch, Touched};
use http::request::Parts;

use crate::{
    ConfigError, Outage, Session, SessionConfig, SessionError, SessionId, SignedIn,
    cookie::CookieAttributes,
    envelope::Envelope,
    extractor::Origin,
    forwarder::{Forwarder, Record},
    index::Index,
    request::RequestSession,
    save,
    state::{State, Stored},
    types::TypeNames,
};

/// The sessions in a storage: what the layer uses, and what programs without it (jobs, admin tools, other
/// frameworks) use directly. Clones share everything.
///
/// ```
/// use std::sync::Arc;
/// use cloakroom_session::Store;
/// use cloakroom_storage_memory::MemoryStorage;
///
/// # async fn example(id: &str) -> Result<(), cloakroom_session::SessionError> {
/// let store = Store::new(Arc::new(MemoryStorage::new()));
/// let session = store.load_by_id(id).await?;
/// session.set("notice", "Your order has shipped")?;
/// session.save().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    storage: Arc<dyn Storage>,
    config: SessionConfig,
    cookie: CookieAttributes,
    types: TypeNames,
}

impl Store {
    /// The sessions in `storage`, with [`SessionConfig::default`].
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>) -> Self {
        Self::assemble(storage, SessionConfig::default())
    }

    /// The sessions in `storage`.
    ///
    /// # Errors
    /// [`ConfigError`] with the reason, where browsers or sense refuse the configuration.
    pub fn with_config(storage: Arc<dyn Storage>, config: SessionConfig) -> Result<Self, ConfigError> {
        config.check(&storage.capabilities())?;
        Ok(Self::assemble(storage, config))
    }

    fn assemble(storage: Arc<dyn Storage>, config: SessionConfig) -> Self {
        let capabilities = storage.capabilities();
        if !capabilities.atomic_swap {
            tracing::warn!(
                backend = capabilities.backend,
                "this storage has no atomic compare-and-swap: concurrent requests may lose each other's changes"
            );
        }
        let cookie = config.cookie.attributes();
        Self { inner: Arc::new(Inner { storage, config, cookie, types: TypeNames::default() }) }
    }

    /// Gives a type the name under which its values are stored, so that they are never read as another type,
    /// even when the type is renamed or moved. Primitives, strings and byte vectors have theirs from the start.
    /// Values of a type without a name decode as whatever type without a name is asked for.
    ///
    /// Register every type before the first request, under a name that never changes.
    ///
    /// # Errors
    /// [`SessionError::TypeNameTaken`] if the name is empty or another type's, or the type has another name.
    pub fn register_type<T: ?Sized + 'static>(
        &self,
        name: impl Into<Cow<'static, str>>,
    ) -> Result<(), SessionError> {
        self.types().register::<T>(name.into().into_owned().into())
    }

    /// The session that a request carries, or a fresh one: for use without the layer. After
    /// [`Session::save`] give the response its cookie with [`Session::emit`].
    ///
    /// # Errors
    /// [`SessionError::AlreadyLoaded`] if a layer of this store has loaded the request's session;
    /// [`SessionError::Corrupt`] and [`SessionError::UnsupportedVersion`] if what is stored cannot be read (it
    /// is kept); [`SessionError::Storage`].
    pub async fn load(&self, request: &Parts) -> Result<Session, SessionError> {
        let layers = request.extensions.get::<RequestSession>();
        if layers.is_some_and(|request| request.has_loaded(self)) {
            return Err(SessionError::AlreadyLoaded);
        }
        self.load_extracted(self.config().extractor.extract(request)).await
    }

    pub(crate) async fn load_extracted(
        &self,
        extracted: Option<(SessionId, Origin)>,
    ) -> Result<Session, SessionError> {
        let (loaded, origin) = match extracted {
            Some((id, origin)) => match self.read(id).await {
                Err(SessionError::Storage(error))
                    if error.is_retryable() && self.config().outage == Outage::TreatAsAnonymous =>
                {
                    tracing::warn!(%error, "a session could not be loaded; its visitor is treated as anonymous");
                    (Some(State::unknown(self.config())?), origin)
                }
                read => (read?, origin),
            },
            None => (None, Origin::Nowhere),
        };
        let state = match loaded {
            Some(mut state) => {
                // Where a new id has no way back to the client, it would only lock them out.
                if matches!(origin, Origin::Sink(_)) {
                    state.renew_old_id(self.config())?;
                }
                state
            }
            // A client's id is never adopted: an unknown one begins a session with an id of ours.
            None => State::fresh(self.config())?,
        };
        Ok(Session::new(self.clone(), origin, state))
    }

    /// The session with that id, with no request around it: changes reach the storage by [`Session::save`].
    ///
    /// # Errors
    /// [`SessionError::EmptyId`]; [`SessionError::NotFound`] for an unknown, malformed or expired id; those of
    /// [`load`](Self::load).
    pub async fn load_by_id(&self, id: &str) -> Result<Session, SessionError> {
        let Some(id) = parse(id)? else { return Err(SessionError::NotFound) };
        let state = self.read(id).await?.ok_or(SessionError::NotFound)?;
        Ok(Session::new(self.clone(), Origin::Nowhere, state))
    }

    async fn read(&self, id: SessionId) -> Result<Option<State>, SessionError> {
        let Some((key, touched)) = self.touch(&id).await? else { return Ok(None) };
        match Record::decode(&touched.value)? {
            Record::Session(envelope) => {
                let stored = Stored { id, key, bytes: touched.value.clone() };
                self.existing(stored, envelope, &touched).await
            }
            Record::Forwarder(forwarder) => {
                let Some(id) = self.forwarded(&id, &key, &forwarder, touched).await? else { return Ok(None) };
                let Some((key, touched)) = self.touch(&id).await? else { return Ok(None) };
                let Record::Session(envelope) = Record::decode(&touched.value)? else { return Ok(None) };
                let stored = Stored { id, key, bytes: touched.value.clone() };
                let state = self.existing(stored, envelope, &touched).await?;
                Ok(state.map(|state| state.told_again(self.config())))
            }
        }
    }

    async fn touch(&self, id: &SessionId) -> Result<Option<(String, Touched)>, SessionError> {
        let key = id.storage_key();
        let idle_timeout = self.config().idle_timeout;
        let touch = Touch::new(idle_timeout, self.config().slack(idle_timeout));
        Ok(self.storage().get_and_touch(&key, touch).await?.map(|touched| (key, touched)))
    }

    /// The id that a session was renewed to, while there is grace. The touch that read the forwarder has taken it for a
    /// session and given it the TTL of one.
    async fn forwarded(
        &self,
        old: &SessionId,
        key: &str,
        forwarder: &Forwarder,
        touched: Touched,
    ) -> Result<Option<SessionId>, SessionError> {
        let clock = &self.config().clock;
        if touched.extended {
            let (stored, grace) = (touched.value, forwarder.remaining(clock));
            let _ = self
                .storage()
                .compare_and_swap(key, Some(&stored), Some(stored.clone()), Some(grace))
                .await?;
        }
        Ok(forwarder.open(old, clock))
    }

    async fn existing(
        &self,
        stored: Stored,
        envelope: Envelope,
        touched: &Touched,
    ) -> Result<Option<State>, SessionError> {
        let (config, key) = (self.config(), &stored.key);
        if envelope.is_past_deadline(&config.clock) {
            self.storage().delete(key).await?;
            return Ok(None);
        }
        if let Some(principal) = envelope.principal.as_ref().filter(|_| touched.extended) {
            // Now and then, as the TTL is extended. It is no reason to turn the visitor away.
            let index = Index::of(self.storage(), config, &principal.name);
            if let Err(error) = index.keep(key, config.ttl(&envelope)).await {
                tracing::warn!(%error, "the list of a principal's sessions could not be renewed");
            }
        }
        Ok(Some(State::existing(config, stored, envelope, touched.extended, touched.remaining)))
    }

    /// Deletes the session with that id. An unknown one is success.
    ///
    /// # Errors
    /// [`SessionError::EmptyId`]; [`SessionError::Storage`].
    pub async fn delete(&self, id: &str) -> Result<(), SessionError> {
        match parse(id)? {
            Some(id) => save::delete(self.storage(), id.storage_key(), None).await,
            None => Ok(()),
        }
    }

    /// The sessions that `principal` is [signed in](Session::bind) with, the oldest first. One round trip and one more
    /// for each.
    ///
    /// # Errors
    /// [`SessionError::Storage`]; [`SessionError::Corrupt`] where what is stored cannot be read.
    pub async fn sessions_of(&self, principal: &str) -> Result<Vec<SignedIn>, SessionError> {
        let sessions = Index::of(self.storage(), self.config(), principal).sessions().await?;
        let live =
            sessions.into_iter().filter(|(_, envelope, _)| !envelope.is_past_deadline(&self.config().clock));
        Ok(live
            .map(|(key, envelope, remaining)| SignedIn::new(key, envelope, remaining, self.config()))
            .collect())
    }

    /// Ends one session of the list: a device that was lost. Success where it has ended already.
    ///
    /// # Errors
    /// [`SessionError::Storage`].
    pub async fn end(&self, session: &SignedIn) -> Result<(), SessionError> {
        save::delete(self.storage(), session.key().to_owned(), None).await
    }

    /// Signs `principal` out everywhere, or everywhere `except` in that session; how many sessions that ended. After a
    /// change of the password, after a theft.
    ///
    /// It holds for the very next request on every node, and for sign-ins that are under way: one that is overtaken is
    /// undone. A request that is running keeps what it has read, but what it writes is dropped. The spared session ends as
    /// well where another of its requests gives it a new id meanwhile: it is better asked to sign in than a thief spared.
    ///
    /// ```
    /// # use cloakroom_session::{Session, SessionError};
    /// async fn sign_out_elsewhere(session: Session) -> Result<(), SessionError> {
    ///     if let Some(principal) = session.principal() {
    ///         session.store().revoke(&principal, Some(&session)).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SessionError::Storage`]: some sessions may be ended already, call it again. [`SessionError::Contended`] after
    /// very many lost races against sign-ins.
    pub async fn revoke(&self, principal: &str, except: Option<&Session>) -> Result<usize, SessionError> {
        let except = match except {
            Some(session) => session.current_key().await?,
            None => None,
        };
        Index::of(self.storage(), self.config(), principal).revoke(except.as_deref()).await
    }

    /// Deletes every session, and whatever else is in the storage's namespace.
    ///
    /// # Errors
    /// [`SessionError::Storage`].
    pub async fn reset(&self) -> Result<(), SessionError> {
        Ok(self.storage().reset().await?)
    }

    pub(crate) fn config(&self) -> &SessionConfig {
        &self.inner.config
    }

    pub(crate) fn storage(&self) -> &dyn Storage {
        &*self.inner.storage
    }

    pub(crate) fn cookie(&self) -> &CookieAttributes {
        &self.inner.cookie
    }

    pub(crate) fn types(&self) -> &TypeNames {
        &self.inner.types
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

fn parse(id: &str) -> Result<Option<SessionId>, SessionError> {
    if id.is_empty() { Err(SessionError::EmptyId) } else { Ok(SessionId::parse(id)) }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("backend", &self.inner.storage.capabilities().backend)
            .field("config", &self.inner.config)
            .finish_non_exhaustive()
    }
}
