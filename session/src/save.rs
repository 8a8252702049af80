//! How a session reaches the storage: created, swapped, or moved to a new id, always by compare-and-swap.

use std::time::Duration;

use cloakroom_storage::{Bytes, Storage, Swap, Touch};

use crate::{
    SessionConfig, SessionError, SessionId,
    envelope::Envelope,
    state::{Pending, Saved, Stored, TtlDrift},
};

/// How often a swap is tried again after another request was faster. Each lost race is another's gain, so this
/// many requests must have changed the session in the meantime.
const MAX_LOST_RACES: usize = 1_000;

/// How many ids are made before a generator is given up that repeats itself.
const MAX_TAKEN_IDS: usize = 3;

pub(crate) async fn save(
    storage: &dyn Storage,
    config: &SessionConfig,
    pending: Pending,
) -> Result<Saved, SessionError> {
    let save = Save { storage, config };
    match pending.stored.clone() {
        None => save.create(pending.id, pending.envelope).await,
        Some(stored) if stored.id != pending.id => save.rotate(stored, pending).await,
        Some(stored) if pending.changes.is_empty() => save.renew(stored, pending).await,
        Some(stored) => save.swap(stored, pending).await,
    }
}

struct Save<'a> {
    storage: &'a dyn Storage,
    config: &'a SessionConfig,
}

impl Save<'_> {
    /// Stores a session that is not stored yet. A new id is free, unless a custom generator repeats itself.
    async fn create(&self, mut id: SessionId, envelope: Envelope) -> Result<Saved, SessionError> {
        let ttl = self.config.ttl(&envelope);
        let bytes = envelope.encode();
        for _ in 0..MAX_TAKEN_IDS {
            let swap = self.put(&id, None, bytes.clone(), ttl).await?;
            if swap.is_swapped() {
                return Ok(Saved::Stored { stored: Stored { id, bytes }, envelope, ttl });
            }
            id = self.config.id_generator.next()?;
        }
        Err(SessionError::IdTaken)
    }

    /// Stores this request's changes. Where another request was faster, they are replayed onto its result.
    async fn swap(&self, stored: Stored, pending: Pending) -> Result<Saved, SessionError> {
        let Pending { mut envelope, changes, .. } = pending;
        let Stored { id, bytes: mut base } = stored;
        for _ in 0..MAX_LOST_RACES {
            let ttl = self.config.ttl(&envelope);
            let bytes = envelope.encode();
            match self.put(&id, Some(&base), bytes.clone(), ttl).await? {
                Swap::Swapped if ttl.is_zero() => return Ok(Saved::Lost),
                Swap::Swapped => {
                    return Ok(Saved::Stored { stored: Stored { id, bytes }, envelope, ttl });
                }
                Swap::Conflict { current: None } => return Ok(Saved::Lost),
                Swap::Conflict { current: Some(newer) } => {
                    envelope = Envelope::decode(&newer)?;
                    changes.apply(&mut envelope);
                    base = newer;
                }
            }
        }
        Err(SessionError::Contended)
    }

    /// Moves the session to its new id: stored there first, so that a crash in between loses nothing, then
    /// removed from the old one, and only if nobody has changed it meanwhile.
    async fn rotate(&self, old: Stored, pending: Pending) -> Result<Saved, SessionError> {
        let Saved::Stored { stored: mut new, mut envelope, mut ttl } =
            self.create(pending.id, pending.envelope).await?
        else {
            return Ok(Saved::Lost);
        };
        let mut base = old.bytes;
        for _ in 0..MAX_LOST_RACES {
            let removed = self.storage.compare_and_swap(&old.id.storage_key(), Some(&base), None, None).await;
            let newer = match removed {
                Ok(Swap::Swapped) => return Ok(Saved::Stored { stored: new, envelope, ttl }),
                Ok(Swap::Conflict { current: Some(newer) }) => newer,
                Ok(Swap::Conflict { current: None }) => {
                    self.storage.delete(&new.id.storage_key()).await?;
                    return Ok(Saved::Overtaken);
                }
                Err(error) => {
                    // Nobody has the new id, so what is left under it can only expire.
                    if let Err(error) = self.storage.delete(&new.id.storage_key()).await {
                        tracing::warn!(%error, "could not remove a new session id that was not given out");
                    }
                    return Err(error.into());
                }
            };
            envelope = Envelope::decode(&newer)?;
            pending.changes.apply(&mut envelope);
            ttl = self.config.ttl(&envelope);
            let bytes = envelope.encode();
            if !self.put(&new.id, Some(&new.bytes), bytes.clone(), ttl).await?.is_swapped() {
                return Ok(Saved::Overtaken);
            }
            new.bytes = bytes;
            base = newer;
        }
        Err(SessionError::Contended)
    }

    /// Puts the TTL right where the touch could not know the session's own.
    async fn renew(&self, stored: Stored, pending: Pending) -> Result<Saved, SessionError> {
        let ttl = self.config.ttl(&pending.envelope);
        match pending.ttl_drift {
            TtlDrift::TooLong => {
                // A conflict means that another request has stored the session, with the right TTL.
                let _ = self.put(&stored.id, Some(&stored.bytes), stored.bytes.clone(), ttl).await?;
            }
            TtlDrift::TooShort => {
                let touch = Touch::new(ttl, self.config.slack(ttl));
                self.storage.get_and_touch(&stored.id.storage_key(), touch).await?;
            }
            TtlDrift::None => {}
        }
        Ok(Saved::Renewed { ttl })
    }

    async fn put(
        &self,
        id: &SessionId,
        expected: Option<&[u8]>,
        new: Bytes,
        ttl: Duration,
    ) -> Result<Swap, SessionError> {
        Ok(self.storage.compare_and_swap(&id.storage_key(), expected, Some(new), Some(ttl)).await?)
    }
}
