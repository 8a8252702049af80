//! How a session gets a new id: because the application asks for one, or because the old one has been in use for long.
//!
//! Either way the session is stored under the new id before it leaves the old one, so that a crash in between loses
//! nothing; and it leaves the old one only as it is under the new one.

use std::time::Duration;

use cloakroom_storage::{Bytes, Swap};

use super::{MAX_LOST_RACES, Naming, Save, delete};
use crate::{
    SessionError, SessionId,
    forwarder::{Forwarder, Record},
    index::Index,
    state::{Saved, Stored},
};

impl Save<'_> {
    /// Nothing is left under the old id.
    pub(super) async fn regenerate(
        &self,
        old: Stored,
        id: SessionId,
        bytes: Bytes,
        ttl: Duration,
        index: Option<&Index<'_>>,
    ) -> Result<Saved, SessionError> {
        let Some((new, naming)) = self.arrive(&old, id, bytes, ttl, index).await? else {
            return Ok(Saved::Lost);
        };
        let key = new.key.clone();
        let saved = self.depart(old, new, ttl, naming, None).await;
        if !matches!(saved, Ok(Saved::Stored { .. })) {
            self.abandon(&key).await;
        }
        saved
    }

    /// A forwarder is left under the old id, for requests that are under way. The request is served also where this
    /// fails: its changes are stored first, under the old id, together with a new time of issue. Of requests that race,
    /// only that one goes on that could store it; so no two give the session a new id each.
    pub(super) async fn renew_id(
        &self,
        mut old: Stored,
        id: SessionId,
        bytes: Bytes,
        ttl: Duration,
        index: Option<&Index<'_>>,
        is_changed: bool,
    ) -> Result<Saved, SessionError> {
        match self.put(&old.key, Some(&old.bytes), bytes.clone(), ttl).await {
            Ok(Swap::Swapped) if ttl.is_zero() => return Ok(Saved::Lost),
            Ok(Swap::Swapped) => old.bytes = bytes,
            Ok(Swap::Conflict { .. }) if is_changed => return self.swap(old, bytes, ttl).await,
            Ok(Swap::Conflict { .. }) => return Ok(Saved::NotRenewed),
            Err(error) if is_changed => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "a session's id could not be renewed; the next request tries again");
                return Ok(Saved::NotRenewed);
            }
        }
        // The changes are stored.
        let save = Save { replay: &|envelope| envelope, ..*self };
        match save.forward(old.clone(), id, ttl, index).await {
            Ok(saved) => Ok(saved),
            Err(error) => {
                tracing::warn!(%error, "a session's id could not be renewed; it is kept until it is old again");
                Ok(Saved::Stored { stored: old, merged: None, ttl })
            }
        }
    }

    async fn forward(
        &self,
        old: Stored,
        id: SessionId,
        ttl: Duration,
        index: Option<&Index<'_>>,
    ) -> Result<Saved, SessionError> {
        let Some((new, naming)) = self.arrive(&old, id, old.bytes.clone(), ttl, index).await? else {
            return Ok(Saved::Lost);
        };
        let (old_key, new_key) = (old.key.clone(), new.key.clone());
        let saved = self.depart(old, new, ttl, naming, Some(self.config.renewal_grace)).await;
        match &saved {
            Ok(Saved::Stored { .. }) => {}
            Ok(_) => self.abandon(&new_key).await,
            // The swap may have taken place all the same; the new id is given up only if it has not.
            Err(_) => {
                if let Ok(Some(left)) = self.storage.get(&old_key).await
                    && matches!(Record::decode(&left), Ok(Record::Session(_)))
                {
                    self.abandon(&new_key).await;
                }
            }
        }
        saved
    }

    /// Stores the session under its new id. `None`: a revocation has overtaken it, and it is deleted.
    async fn arrive<'i>(
        &self,
        old: &Stored,
        id: SessionId,
        bytes: Bytes,
        ttl: Duration,
        index: Option<&'i Index<'i>>,
    ) -> Result<Option<(Stored, Naming<'i>)>, SessionError> {
        let (new, naming) = self.create(id, bytes, ttl, index, Some(&old.key)).await?;
        let is_sign_in = naming.as_ref().is_some_and(|(_, snapshot)| !snapshot.names(&old.key));
        if !is_sign_in {
            return Ok(Some((new, naming)));
        }
        // To be confirmed while there is still the old id to go back to.
        match self.confirm(naming, &new, None).await {
            Ok(true) => Ok(Some((new, None))),
            Ok(false) => {
                delete(self.storage, old.key.clone(), Some(old.bytes.clone())).await?;
                Ok(None)
            }
            Err(error) => {
                self.abandon(&new.key).await;
                Err(error)
            }
        }
    }

    /// Takes the session away from its old id, and along what others have stored there meanwhile. With a grace, a
    /// forwarder is left for so long.
    async fn depart(
        &self,
        mut old: Stored,
        mut new: Stored,
        mut ttl: Duration,
        naming: Naming<'_>,
        grace: Option<Duration>,
    ) -> Result<Saved, SessionError> {
        let mut merged = None;
        for _ in 0..MAX_LOST_RACES {
            let clock = &self.config.clock;
            let forwarder = grace.map(|grace| Forwarder::new(&old.id, &new.id, grace, clock).encode());
            let swap = self.storage.compare_and_swap(&old.key, Some(&old.bytes), forwarder, grace).await?;
            let newer = match swap {
                Swap::Swapped => {
                    return match self.confirm(naming, &new, Some(&old.key)).await {
                        Ok(false) => Ok(Saved::Lost),
                        Ok(true) => Ok(Saved::Stored { stored: new, merged, ttl }),
                        Err(error) => {
                            // It is named all the same, after the old one that was named too: whichever of the two
                            // a revocation came across first, it has found the other.
                            tracing::warn!(%error, "the list of a principal's sessions could not be brought up to date");
                            Ok(Saved::Stored { stored: new, merged, ttl })
                        }
                    };
                }
                Swap::Conflict { current: None } => return Ok(Saved::Overtaken),
                Swap::Conflict { current: Some(newer) } => newer,
            };
            let old_id = old.id.clone();
            let Some((found, envelope)) = self.locate(old, newer).await? else {
                return Ok(Saved::Overtaken);
            };
            if grace.is_some() && found.id != old_id {
                return Ok(Saved::Overtaken);
            }
            let envelope = (self.replay)(envelope);
            ttl = self.config.ttl(&envelope);
            let bytes = envelope.encode();
            if !self.put(&new.key, Some(&new.bytes), bytes.clone(), ttl).await?.is_swapped() {
                return Ok(Saved::Overtaken);
            }
            new.bytes = bytes;
            merged = Some(Box::new(envelope));
            old = found;
        }
        Err(SessionError::Contended)
    }

    /// Nobody has that new id, so what is left under it can only expire.
    async fn abandon(&self, key: &str) {
        if let Err(error) = self.storage.delete(key).await {
            tracing::warn!(%error, "could not remove a new session id that was not given out");
        }
    }
}
