//! A loaded session: where it is stored, what it holds, what this request has changed.

use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;

use crate::{
    SavePolicy, SessionConfig, SessionError, SessionId,
    changes::{Changes, Field, Revision},
    envelope::{Envelope, Principal, Value},
    forwarder::Record,
};

/// Storages and their servers round; within this much two TTLs are the same.
const SAME_TTL: Duration = Duration::from_millis(10);

pub(crate) struct State {
    /// The id that the session has, or will have once it is saved.
    pub(crate) id: SessionId,
    pub(crate) fresh: bool,
    /// What `fresh` goes back to when a new id cannot be stored.
    fresh_when_stored: bool,
    pub(crate) life: Life,
    /// Why `id` is to replace the one that the session is stored under.
    new_id: Option<NewId>,
    /// Where the session is stored; under another id than `id` until a new one is saved.
    pub(crate) stored: Option<Stored>,
    /// The session with this request's changes.
    pub(crate) envelope: Envelope,
    pub(crate) changes: Changes,
    /// Store it though nothing in it has changed.
    pub(crate) must_store: bool,
    pub(crate) ttl_drift: TtlDrift,
    /// When the session ends if it is not used again, in milliseconds since the Unix epoch.
    pub(crate) ends_ms: u64,
    pub(crate) emission: Emission,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Live,
    /// Destroyed by this request.
    Destroyed,
    /// Destroyed elsewhere while this request ran.
    Lost,
    /// Its sign-in was refused: stored is what was stored before.
    Refused,
    /// Nobody knows what is stored: the storage is away.
    Unknown,
}

/// Why a session gets a new id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum NewId {
    /// The application asked for it. The old one is dead at once.
    Regenerated,
    /// The old one has been in use for long. It leads to the session for a moment yet.
    Renewed,
}

#[derive(Clone)]
pub(crate) struct Stored {
    pub(crate) id: SessionId,
    /// The storage key of `id`.
    pub(crate) key: String,
    /// What is stored, as far as this request knows.
    pub(crate) bytes: Bytes,
}

/// How the stored TTL differs from what this session should have after the touch that loaded it, which knew
/// only the configured idle timeout.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TtlDrift {
    None,
    TooLong,
    TooShort,
}

/// What the response tells the client about its id.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Emission {
    Nothing,
    Send(Duration),
    Expire,
}

/// Everything that a save needs, taken at one moment.
pub(crate) struct Pending {
    pub(crate) id: SessionId,
    pub(crate) new_id: Option<NewId>,
    pub(crate) stored: Option<Stored>,
    /// The session with the changes, as it is to be stored.
    pub(crate) bytes: Bytes,
    pub(crate) ttl: Duration,
    /// Whether there are changes, or only a TTL to be put right.
    pub(crate) is_changed: bool,
    /// Whose session it is.
    pub(crate) principal: Option<ByteString>,
    pub(crate) ttl_drift: TtlDrift,
    pub(crate) revision: Revision,
}

/// How a save ended.
pub(crate) enum Saved {
    /// The session is stored, with this TTL; `merged`: its content, where other requests have changed it too.
    Stored { stored: Stored, merged: Option<Box<Envelope>>, ttl: Duration },
    /// Only the TTL was put right.
    TtlRenewed { ttl: Duration },
    /// It is stored as it was, under the id that it had; a later request may give it a new one.
    NotRenewed,
    /// It was destroyed elsewhere and stays so: nothing was stored.
    Lost,
    /// It got a new id or was destroyed elsewhere before this request could give it one: nothing was stored.
    /// The client may have its new id already, so it is told nothing.
    Overtaken,
}

impl State {
    pub(crate) fn fresh(config: &SessionConfig) -> Result<Self, SessionError> {
        let envelope = config.begin();
        let mut state = Self {
            id: config.id_generator.next()?,
            fresh: true,
            fresh_when_stored: true,
            life: Life::Live,
            new_id: None,
            stored: None,
            envelope,
            changes: Changes::default(),
            must_store: config.save_policy == SavePolicy::Always,
            ttl_drift: TtlDrift::None,
            ends_ms: 0,
            emission: Emission::Nothing,
        };
        state.ends_in(config.ttl(&state.envelope), config);
        Ok(state)
    }

    /// What a visitor has while the storage is away.
    pub(crate) fn unknown(config: &SessionConfig) -> Result<Self, SessionError> {
        Ok(Self { life: Life::Unknown, must_store: false, ..Self::fresh(config)? })
    }

    /// A session as it was read, `remaining` being what the storage says is left of its TTL.
    pub(crate) fn existing(
        config: &SessionConfig,
        stored: Stored,
        envelope: Envelope,
        extended: bool,
        remaining: Option<Duration>,
    ) -> Self {
        let ttl = config.ttl(&envelope);
        let ttl_drift = match remaining {
            Some(left) if left > ttl.saturating_add(SAME_TTL) => TtlDrift::TooLong,
            Some(left) if left < ttl.saturating_sub(config.slack(ttl)).saturating_sub(SAME_TTL) => {
                TtlDrift::TooShort
            }
            Some(_) => TtlDrift::None,
            None => TtlDrift::TooLong,
        };
        let mut state = Self {
            id: stored.id.clone(),
            fresh: false,
            fresh_when_stored: false,
            life: Life::Live,
            new_id: None,
            stored: Some(stored),
            envelope,
            changes: Changes::default(),
            must_store: false,
            ttl_drift,
            ends_ms: 0,
            emission: if extended { Emission::Send(ttl) } else { Emission::Nothing },
        };
        state.ends_in(remaining.map_or(ttl, |left| left.min(ttl)), config);
        state
    }

    /// The client has come with an old id, so it may not have heard of this one.
    pub(crate) fn told_again(mut self, config: &SessionConfig) -> Self {
        self.emission = Emission::Send(config.ttl(&self.envelope));
        self
    }

    pub(crate) fn ends_in(&mut self, left: Duration, config: &SessionConfig) {
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        self.ends_ms = config.clock.now_ms().saturating_add(left);
    }

    /// Whether changes are noted: to be saved, or for the save to fail.
    fn takes_changes(&self) -> bool {
        matches!(self.life, Life::Live | Life::Unknown)
    }

    pub(crate) fn set(&mut self, key: &str, value: Value) {
        let unchanged = !self.changes.touches(key) && self.envelope.values.get(key) == Some(&value);
        if self.takes_changes() && !unchanged {
            let key = ByteString::from(key);
            self.changes.value(key.clone());
            self.envelope.values.insert(key, value);
        }
    }

    pub(crate) fn delete(&mut self, key: &str) -> bool {
        if !self.takes_changes() {
            return false;
        }
        if self.life == Life::Unknown {
            // It may be there.
            self.changes.value(key.into());
        }
        let removed = self.envelope.values.remove(key);
        removed.is_some_and(|(key, _)| {
            self.changes.value(key);
            true
        })
    }

    pub(crate) fn set_idle(&mut self, idle_ms: Option<u64>) {
        if self.takes_changes() && self.envelope.idle_ms != idle_ms {
            self.changes.field(Field::Idle);
            self.envelope.idle_ms = idle_ms;
        }
    }

    pub(crate) fn set_authenticated(&mut self, authenticated_ms: Option<u64>) {
        if self.takes_changes() && self.envelope.authenticated_ms != authenticated_ms {
            self.changes.field(Field::Authenticated);
            self.envelope.authenticated_ms = authenticated_ms;
            self.must_store = true;
        }
    }

    /// Under a new id. Who the visitor was before has proved nothing for who they are now.
    pub(crate) fn bind(&mut self, id: SessionId, principal: Principal, now_ms: u64) {
        if !self.takes_changes() {
            return;
        }
        if self.envelope.principal.as_ref().is_none_or(|before| before.name != principal.name) {
            self.set_authenticated(None);
        }
        self.changes.field(Field::Principal);
        self.envelope.principal = Some(principal);
        self.regenerate(id, now_ms);
    }

    /// Under another id from the next save on.
    pub(crate) fn regenerate(&mut self, id: SessionId, now_ms: u64) {
        if self.takes_changes() {
            self.new_id(id, NewId::Regenerated, now_ms);
            self.fresh = true;
            self.must_store = true;
        }
    }

    /// Under another id from the next save on, if this one has been in use for long.
    pub(crate) fn renew_old_id(&mut self, config: &SessionConfig) -> Result<(), SessionError> {
        if config.is_id_old(&self.envelope) {
            self.new_id(config.id_generator.next()?, NewId::Renewed, config.clock.now_ms());
        }
        Ok(())
    }

    fn new_id(&mut self, id: SessionId, reason: NewId, now_ms: u64) {
        self.id = id;
        self.new_id = Some(reason);
        self.envelope.issued_ms = now_ms;
    }

    /// The session is deleted from the storage: nothing of this request is saved any more.
    pub(crate) fn destroyed(&mut self) {
        self.end(Life::Destroyed);
        self.emission = Emission::Expire;
    }

    fn end(&mut self, life: Life) {
        self.life = life;
        self.stored = None;
        self.must_store = false;
        self.changes.clear();
        self.envelope.principal = None;
        self.envelope.authenticated_ms = None;
        self.envelope.values.clear();
    }

    /// Whether there is nothing to save.
    pub(crate) fn is_saved(&self) -> bool {
        match &self.stored {
            _ if self.life == Life::Unknown => self.changes.is_empty() && !self.must_store,
            _ if self.life != Life::Live => true,
            None => !self.must_store && self.envelope.values.is_empty() && self.envelope.idle_ms.is_none(),
            Some(_) => self.new_id.is_none() && self.changes.is_empty() && self.ttl_drift == TtlDrift::None,
        }
    }

    /// What there is to save, if anything.
    pub(crate) fn pending(&self, config: &SessionConfig) -> Option<Pending> {
        (!self.is_saved()).then(|| Pending {
            id: self.id.clone(),
            new_id: self.new_id,
            stored: self.stored.clone(),
            bytes: self.envelope.encode(),
            ttl: config.ttl(&self.envelope),
            is_changed: !self.changes.is_empty(),
            principal: self.envelope.principal.as_ref().map(|principal| principal.name.clone()),
            ttl_drift: self.ttl_drift,
            revision: self.changes.revision(),
        })
    }

    /// What another request has stored meanwhile, with this one's changes.
    pub(crate) fn replayed(&self, mut newer: Envelope) -> Envelope {
        self.changes.replay(&self.envelope, &mut newer);
        if self.new_id == Some(NewId::Regenerated) {
            newer.issued_ms = self.envelope.issued_ms;
        }
        newer
    }

    /// Takes over how a save ended. What was changed after it began is still to be saved.
    pub(crate) fn saved(&mut self, saved: Saved, revision: Revision, config: &SessionConfig) {
        match saved {
            Saved::Stored { stored, merged, ttl } => {
                self.changes.forget_until(revision);
                self.id = stored.id.clone();
                self.stored = Some(stored);
                if let Some(mut merged) = merged {
                    self.changes.replay(&self.envelope, &mut merged);
                    self.envelope = *merged;
                }
                self.new_id = None;
                self.fresh_when_stored = self.fresh;
                self.must_store = false;
                self.renewed(ttl, config);
            }
            Saved::TtlRenewed { ttl } => self.renewed(ttl, config),
            Saved::NotRenewed => self.keep_id(),
            Saved::Lost => {
                self.end(Life::Lost);
                self.emission = Emission::Expire;
            }
            Saved::Overtaken => {
                self.end(Life::Lost);
                self.emission = Emission::Nothing;
            }
        }
    }

    fn renewed(&mut self, ttl: Duration, config: &SessionConfig) {
        self.ttl_drift = TtlDrift::None;
        self.emission = Emission::Send(ttl);
        self.ends_in(ttl, config);
    }

    /// A sign-in was refused. Nothing of this request is stored, as its values may be what the application knows a user
    /// by.
    pub(crate) fn refused(&mut self) {
        let stored = self.stored.take();
        self.end(Life::Refused);
        self.stored = stored;
        self.emission = Emission::Nothing;
    }

    /// A new id could not be stored: the session stays what it was, under the id that it had.
    pub(crate) fn keep_id(&mut self) {
        if let Some(stored) = &self.stored {
            self.id = stored.id.clone();
            self.new_id = None;
            self.fresh = self.fresh_when_stored;
            if let Ok(Record::Session(as_stored)) = Record::decode(&stored.bytes) {
                self.envelope.issued_ms = as_stored.issued_ms;
            }
        }
    }
}
