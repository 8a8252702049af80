use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytestring::ByteString;
use cloakroom_storage::{Storage, ttl};
use http::{Extensions, HeaderMap};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    AsKey, Codec, SessionError, SessionId, Store,
    emit::emit,
    envelope::{Envelope, Principal, Value},
    extractor::Origin,
    forwarder::Record,
    request::RequestSession,
    save,
    state::{Emission, Life, State, Stored},
    types::UNREGISTERED,
};

/// A visitor's session: a map from keys to values that outlives the request.
///
/// It is loaded once, then read and changed without I/O; the layer stores what was changed after the handler
/// has returned, and sends the cookie. Clones share one session. With the feature `axum` it is an extractor:
///
/// ```
/// use cloakroom_session::{Key, Session, SessionError};
///
/// const NAME: Key<String> = Key::new("name");
///
/// async fn sign_in(session: Session) -> Result<String, SessionError> {
///     session.regenerate()?; // a new id for a new privilege
///     session.set(NAME, &"Ada".to_owned())?;
///     Ok("Welcome".to_owned())
/// }
///
/// async fn greet(session: Session) -> Result<String, SessionError> {
///     Ok(format!("Hello {}", session.get(NAME)?.unwrap_or_default()))
/// }
///
/// async fn sign_out(session: Session) -> Result<(), SessionError> {
///     session.destroy().await
/// }
/// ```
///
/// # When requests race
///
/// Requests that change the same session at the same time each keep their changes: they are replayed key by
/// key onto the newer state, and where two set the same key, the later save wins. A session that was destroyed
/// meanwhile stays destroyed: the slow request's changes are dropped and its response expires the cookie.
#[derive(Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

/// The longest name of a principal, in bytes.
pub(crate) const MAX_PRINCIPAL_BYTES: usize = 256;
/// The longest metadata of a session, in bytes.
pub(crate) const MAX_METADATA_BYTES: usize = 256;

struct Inner {
    store: Store,
    origin: Origin,
    state: Mutex<State>,
    /// One save at a time.
    saving: tokio::sync::Mutex<()>,
}

impl Session {
    pub(crate) fn new(store: Store, origin: Origin, state: State) -> Self {
        let saving = tokio::sync::Mutex::new(());
        Self { inner: Arc::new(Inner { store, origin, state: Mutex::new(state), saving }) }
    }

    /// The session of the request that has these extensions, loaded now if it was not yet.
    ///
    /// `Ok(None)`: there is no layer around this service, or it skips this request.
    ///
    /// # Errors
    /// Those of [`Store::load`].
    pub async fn from_extensions(extensions: &Extensions) -> Result<Option<Self>, SessionError> {
        match extensions.get::<RequestSession>() {
            Some(request) => request.session().await.map(Some),
            None => Ok(None),
        }
    }

    /// The value under `key`; `None` where there is none.
    ///
    /// ```
    /// # use cloakroom_session::{Session, SessionError};
    /// # fn example(session: &Session) -> Result<(), SessionError> {
    /// let visits = session.get::<u64>("visits")?.unwrap_or(0);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`SessionError::TypeMismatch`] if it was written as another type; [`SessionError::Decode`] if the bytes
    /// do not decode, [`SessionError::CodecOff`] if their codec is not compiled in.
    pub fn get<T: DeserializeOwned + 'static>(&self, key: impl AsKey<T>) -> Result<Option<T>, SessionError> {
        let state = self.state();
        let Some(value) = state.envelope.values.get(key.name()) else { return Ok(None) };
        let expected = self.inner.store.types().of::<T>();
        if value.type_name != expected {
            let shown = |name: &ByteString| match &**name {
                UNREGISTERED => "a value of an unregistered type".into(),
                name => name.to_owned().into(),
            };
            return Err(SessionError::TypeMismatch {
                expected: shown(&expected),
                found: shown(&value.type_name),
            });
        }
        Codec::decode(value.codec, &value.bytes).map(Some)
    }

    /// Stores `value` under `key`, replacing what is there.
    ///
    /// ```
    /// # use cloakroom_session::{Session, SessionError};
    /// # fn example(session: &Session) -> Result<(), SessionError> {
    /// session.set("name", "Ada")?;
    /// session.set("visits", &1_u64)?;
    /// # Ok(()) }
    /// ```
    ///
    /// After [`destroy`](Self::destroy) it changes nothing.
    ///
    /// # Errors
    /// [`SessionError::Encode`] if the value's `Serialize` fails.
    pub fn set<T: Serialize + ?Sized + 'static>(
        &self,
        key: impl AsKey<T>,
        value: &T,
    ) -> Result<(), SessionError> {
        let codec = self.config().codec;
        let value = Value {
            type_name: self.inner.store.types().of::<T>(),
            codec: codec.tag(),
            bytes: codec.encode(value)?.into(),
        };
        self.state().set(key.name(), value);
        Ok(())
    }

    /// Removes the value under `key`; whether there was one.
    pub fn delete(&self, key: impl AsRef<str>) -> bool {
        self.state().delete(key.as_ref())
    }

    /// The keys that have a value, in alphabetical order.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.state().envelope.values.keys().map(str::to_owned).collect()
    }

    /// The session's id: the token that the client has, or will have with this response.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.state().id.clone()
    }

    /// Whether the session began in this request, or got a new id by [`regenerate`](Self::regenerate) and the like.
    /// (Not by [`renew_after`](crate::SessionConfig::renew_after).)
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.state().fresh
    }

    /// Gives the session a new id and keeps its data and deadline. Call it whenever somebody signs in or gains
    /// rights: an id that an attacker knew or planted beforehand is then worthless.
    ///
    /// It takes effect with the save, after the handler or by [`save`](Self::save): the session is stored under
    /// the new id first and removed from the old one then, so that a crash in between loses nothing. If either
    /// fails, the session keeps its old id and data, and the save reports the error. If the session was
    /// destroyed or moved by another request meanwhile, this one's new id is dropped and the client told
    /// nothing.
    ///
    /// # Errors
    /// [`SessionError::EmptyId`] or [`SessionError::InvalidId`] from a custom generator.
    pub fn regenerate(&self) -> Result<(), SessionError> {
        let id = self.config().id_generator.next()?;
        self.state().regenerate(id, self.config().clock.now_ms());
        Ok(())
    }

    /// Signs somebody in: the session belongs to `principal` from now on, under a new id as by
    /// [`regenerate`](Self::regenerate). [`Store::sessions_of`] lists it and [`Store::revoke`] ends it.
    ///
    /// A principal is the application's name for a user, 1 to 256 bytes such as `user:42`. Signing out is
    /// [`destroy`](Self::destroy) or [`reset`](Self::reset).
    ///
    /// It takes effect with the save, and costs that save three round trips more than a regenerate alone.
    ///
    /// ```
    /// # use cloakroom_session::{Session, SessionError};
    /// async fn sign_in(session: Session) -> Result<(), SessionError> {
    ///     // ... check the password, then:
    ///     session.bind("user:42")?;
    ///     session.elevate()?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// [`SessionError::InvalidPrincipal`]; those of [`regenerate`](Self::regenerate). The save may fail with
    /// [`SessionError::TooManySessions`], and drops the session where a revocation has overtaken it.
    pub fn bind(&self, principal: &str) -> Result<(), SessionError> {
        self.bind_with(principal, "")
    }

    /// [`bind`](Self::bind), with up to 256 bytes that [`SignedIn::metadata`](crate::SignedIn::metadata) gives back in
    /// a list of the principal's sessions, such as the name of the browser.
    ///
    /// # Errors
    /// Those of [`bind`](Self::bind).
    pub fn bind_with(&self, principal: &str, metadata: &str) -> Result<(), SessionError> {
        let is_valid = (1..=MAX_PRINCIPAL_BYTES).contains(&principal.len());
        if !is_valid || metadata.len() > MAX_METADATA_BYTES {
            return Err(SessionError::InvalidPrincipal);
        }
        let id = self.config().id_generator.next()?;
        let principal = Principal { name: principal.into(), metadata: metadata.into() };
        self.state().bind(id, principal, self.config().clock.now_ms());
        Ok(())
    }

    /// Who is signed in.
    #[must_use]
    pub fn principal(&self) -> Option<String> {
        self.state().envelope.principal.as_ref().map(|principal| principal.name.to_string())
    }

    /// Notes that the visitor has just proved who they are, by a password, a second factor or the like, under a new id
    /// as by [`regenerate`](Self::regenerate): whoever had the old one has no share in it. Signing in as somebody else
    /// forgets it.
    ///
    /// # Errors
    /// Those of [`regenerate`](Self::regenerate).
    pub fn elevate(&self) -> Result<(), SessionError> {
        let id = self.config().id_generator.next()?;
        let now_ms = self.config().clock.now_ms();
        let mut state = self.state();
        state.set_authenticated(Some(now_ms));
        state.regenerate(id, now_ms);
        Ok(())
    }

    /// Whether the last [`elevate`](Self::elevate) was no longer ago than `duration`: what to ask before a change of the
    /// password, a payment, a deletion.
    #[must_use]
    pub fn authenticated_within(&self, duration: Duration) -> bool {
        let authenticated_ms = self.state().envelope.authenticated_ms;
        let since = |at| self.config().clock.now_ms().checked_sub(at);
        // A clock that was put back makes it a proof of the future, which is none.
        authenticated_ms.and_then(since).is_some_and(|ms| Duration::from_millis(ms) <= duration)
    }

    /// Deletes the session now and begins an empty one with a new id, its own deadline and the configured idle
    /// timeout, which is stored with the save.
    ///
    /// After [`destroy`](Self::destroy) in the same request it begins a new session.
    ///
    /// # Errors
    /// [`SessionError::Storage`] if the deletion failed: data and id are as before. Those of
    /// [`regenerate`](Self::regenerate).
    pub async fn reset(&self) -> Result<(), SessionError> {
        self.check_known()?;
        let _turn = self.inner.saving.lock().await;
        let mut next = State::fresh(self.config())?;
        next.must_store = true;
        self.delete_stored().await?;
        *self.state() = next;
        Ok(())
    }

    /// Deletes the session now; the response expires the cookie. Nothing that this request sets, before or
    /// after, is stored.
    ///
    /// # Errors
    /// [`SessionError::Storage`] if the deletion failed: data and id are as before.
    pub async fn destroy(&self) -> Result<(), SessionError> {
        self.check_known()?;
        let _turn = self.inner.saving.lock().await;
        self.delete_stored().await?;
        self.state().destroyed();
        Ok(())
    }

    /// Whether the storage is away and the visitor is [treated as anonymous](crate::Outage::TreatAsAnonymous).
    #[must_use]
    pub fn is_outage(&self) -> bool {
        self.state().life == Life::Unknown
    }

    fn check_known(&self) -> Result<(), SessionError> {
        if self.is_outage() { Err(SessionError::Outage) } else { Ok(()) }
    }

    /// The storage key of the session as it is stored, if it is.
    pub(crate) fn stored_key(&self) -> Option<String> {
        self.state().stored.as_ref().map(|stored| stored.key.clone())
    }

    /// The storage key of the session as it is stored now, though another request may have renewed its id meanwhile.
    pub(crate) async fn current_key(&self) -> Result<Option<String>, SessionError> {
        let Some(key) = self.stored_key() else { return Ok(None) };
        let current = self.storage().get(&key).await?;
        Ok(match current.as_ref().map(Record::decode).transpose()? {
            Some(Record::Forwarder(forwarder)) => Some(forwarder.key),
            _ => Some(key),
        })
    }

    async fn delete_stored(&self) -> Result<(), SessionError> {
        let stored = self.state().stored.clone();
        match stored {
            Some(Stored { key, bytes, .. }) => save::delete(self.storage(), key, Some(bytes)).await,
            None => Ok(()),
        }
    }

    /// Stores what was changed, now. Under the layer this happens by itself after the handler; call it where
    /// the handler wants to answer a failure itself. With no changes it does nothing.
    ///
    /// # Errors
    /// [`SessionError::Storage`], and [`SessionError::Contended`] after very many lost races; the changes are
    /// kept and tried again by the next save.
    pub async fn save(&self) -> Result<(), SessionError> {
        if self.state().is_saved() {
            return Ok(());
        }
        self.check_known()?;
        // Boxed, so that the futures of requests that only read do not carry the large one of a save.
        Box::pin(self.save_pending()).await
    }

    async fn save_pending(&self) -> Result<(), SessionError> {
        let _turn = self.inner.saving.lock().await;
        let Some(pending) = self.state().pending(self.config()) else { return Ok(()) };
        let revision = pending.revision;
        // Asked for only when another request was faster.
        let replay = |newer: Envelope| self.state().replayed(newer);
        let result = save::save(self.storage(), self.config(), &replay, pending).await;
        let mut state = self.state();
        match result {
            Ok(saved) => {
                state.saved(saved, revision, self.config());
                Ok(())
            }
            Err(error) => {
                state.keep_id();
                if matches!(error, SessionError::TooManySessions { .. }) {
                    state.refused();
                }
                Err(error)
            }
        }
    }

    /// Writes the cookie or header that the session's last save or [`destroy`](Self::destroy) calls for. Under
    /// the layer this happens by itself; with [`Store::load`] call it after [`save`](Self::save).
    pub fn emit(&self, headers: &mut HeaderMap) {
        let mut state = self.state();
        let emission = std::mem::replace(&mut state.emission, Emission::Nothing);
        emit(emission, &state, &self.inner.origin, self.store(), headers);
    }

    /// Gives this session an idle timeout of its own, from the next save on; zero means the configured one.
    /// Unlike in the specification it lasts longer than this request: it is stored with the session.
    ///
    /// A session with a timeout of its own may cost one round trip more to read, as the read that renews the
    /// TTL knows only the configured one.
    pub fn set_idle_timeout(&self, idle_timeout: Duration) {
        let idle_ms = (!idle_timeout.is_zero()).then(|| ttl::to_millis(idle_timeout));
        self.state().set_idle(idle_ms);
    }

    /// When the session began.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.state().envelope.created_ms)
    }

    /// How long the session lives from now on if it is not used again.
    #[must_use]
    pub fn idle_remaining(&self) -> Duration {
        Duration::from_millis(self.state().ends_ms.saturating_sub(self.config().clock.now_ms()))
    }

    /// How long the session lives from now on at most; `None`: there is no absolute timeout.
    #[must_use]
    pub fn absolute_remaining(&self) -> Option<Duration> {
        let deadline_ms = self.state().envelope.deadline_ms?;
        Some(Duration::from_millis(deadline_ms.saturating_sub(self.config().clock.now_ms())))
    }

    /// The store that the session belongs to.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    fn config(&self) -> &crate::SessionConfig {
        self.inner.store.config()
    }

    fn storage(&self) -> &dyn Storage {
        self.inner.store.storage()
    }

    /// Held for map operations only, never across an await. A panic elsewhere leaves the map whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Session")
            .field("fresh", &state.fresh)
            .field("values", &state.envelope.values.len())
            .finish_non_exhaustive()
    }
}
