//! How a session reaches the storage: created, swapped, or moved to a new id, always by compare-and-swap.

use std::time::Duration;

use cloakroom_storage::{Bytes, Storage, Swap, Touch};

use crate::{
    SessionConfig, SessionError, SessionId,
    envelope::Envelope,
    index::{Index, Snapshot},
    state::{Pending, Saved, Stored, TtlDrift},
};

/// How often a swap is tried again after another request was faster. Each lost race is another's gain, so this
/// many requests must have changed the session in the meantime.
const MAX_LOST_RACES: usize = 1_000;

/// How many ids are made before a generator is given up that repeats itself.
const MAX_TAKEN_IDS: usize = 3;

/// The index that names a session that is about to be stored, as it was then.
type Naming<'i> = Option<(&'i Index<'i>, Snapshot)>;

/// Replays this request's changes onto what another has stored.
type Replay<'a> = dyn Fn(&Bytes) -> Result<Envelope, SessionError> + Send + Sync + 'a;

pub(crate) async fn save(
    storage: &dyn Storage,
    config: &SessionConfig,
    replay: &Replay<'_>,
    pending: Pending,
) -> Result<Saved, SessionError> {
    let Pending { id, stored, bytes, ttl, is_changed, principal, ttl_drift, .. } = pending;
    let save = Save { storage, config, replay };
    let index = principal.as_deref().map(|principal| Index::of(storage, config, principal));
    let index = index.as_ref();
    match stored {
        None => {
            let (stored, naming) = save.create(id, bytes, ttl, index, None).await?;
            save.confirm(naming, None, Saved::Stored { stored, merged: None, ttl }).await
        }
        Some(old) if old.id != id => save.rotate(old, id, bytes, ttl, index).await,
        Some(stored) if is_changed => save.swap(stored, bytes, ttl).await,
        Some(stored) => save.renew(stored, ttl, ttl_drift).await,
    }
}

struct Save<'a> {
    storage: &'a dyn Storage,
    config: &'a SessionConfig,
    replay: &'a Replay<'a>,
}

impl Save<'_> {
    /// Stores a session that is not stored yet. A new id is free, unless a custom generator repeats itself.
    /// Where it belongs to a principal, their index has it first.
    async fn create<'i>(
        &self,
        mut id: SessionId,
        bytes: Bytes,
        ttl: Duration,
        index: Option<&'i Index<'i>>,
        replaces: Option<&str>,
    ) -> Result<(Stored, Naming<'i>), SessionError> {
        for _ in 0..MAX_TAKEN_IDS {
            let key = id.storage_key();
            let naming = match index {
                Some(index) => Some((index, index.add(&key, replaces, ttl).await?)),
                None => None,
            };
            if self.put(&key, None, bytes.clone(), ttl).await?.is_swapped() {
                return Ok((Stored { id, key, bytes }, naming));
            }
            id = self.config.id_generator.next()?;
        }
        Err(SessionError::IdTaken)
    }

    /// A sign-in that a revocation has overtaken is undone.
    async fn confirm(
        &self,
        naming: Naming<'_>,
        gone: Option<&str>,
        saved: Saved,
    ) -> Result<Saved, SessionError> {
        let (Some((index, snapshot)), Saved::Stored { stored, .. }) = (naming, &saved) else {
            return Ok(saved);
        };
        if index.confirm(snapshot, &stored.key, gone).await? {
            return Ok(saved);
        }
        self.storage.delete(&stored.key).await?;
        Ok(Saved::Lost)
    }

    /// Stores this request's changes. Where another request was faster, they are replayed onto its result.
    async fn swap(
        &self,
        mut stored: Stored,
        mut bytes: Bytes,
        mut ttl: Duration,
    ) -> Result<Saved, SessionError> {
        let mut merged = None;
        for _ in 0..MAX_LOST_RACES {
            match self.put(&stored.key, Some(&stored.bytes), bytes.clone(), ttl).await? {
                Swap::Swapped if ttl.is_zero() => return Ok(Saved::Lost),
                Swap::Swapped => {
                    stored.bytes = bytes;
                    return Ok(Saved::Stored { stored, merged, ttl });
                }
                Swap::Conflict { current: None } => return Ok(Saved::Lost),
                Swap::Conflict { current: Some(newer) } => {
                    let envelope = (self.replay)(&newer)?;
                    (bytes, ttl) = (envelope.encode(), self.config.ttl(&envelope));
                    merged = Some(Box::new(envelope));
                    stored.bytes = newer;
                }
            }
        }
        Err(SessionError::Contended)
    }

    /// Moves the session to its new id: stored there first, so that a crash in between loses nothing, then
    /// removed from the old one, and only if nobody has changed it meanwhile.
    async fn rotate(
        &self,
        mut old: Stored,
        id: SessionId,
        bytes: Bytes,
        mut ttl: Duration,
        index: Option<&Index<'_>>,
    ) -> Result<Saved, SessionError> {
        let (mut stored, naming) = self.create(id, bytes, ttl, index, Some(&old.key)).await?;
        let mut merged = None;
        for _ in 0..MAX_LOST_RACES {
            let newer = match self.storage.compare_and_swap(&old.key, Some(&old.bytes), None, None).await {
                Ok(Swap::Swapped) => {
                    return self.confirm(naming, Some(&old.key), Saved::Stored { stored, merged, ttl }).await;
                }
                Ok(Swap::Conflict { current: Some(newer) }) => newer,
                Ok(Swap::Conflict { current: None }) => {
                    self.storage.delete(&stored.key).await?;
                    return Ok(Saved::Overtaken);
                }
                Err(error) => {
                    // Nobody has the new id, so what is left under it can only expire.
                    if let Err(error) = self.storage.delete(&stored.key).await {
                        tracing::warn!(%error, "could not remove a new session id that was not given out");
                    }
                    return Err(error.into());
                }
            };
            let envelope = (self.replay)(&newer)?;
            ttl = self.config.ttl(&envelope);
            let bytes = envelope.encode();
            if !self.put(&stored.key, Some(&stored.bytes), bytes.clone(), ttl).await?.is_swapped() {
                return Ok(Saved::Overtaken);
            }
            stored.bytes = bytes;
            merged = Some(Box::new(envelope));
            old.bytes = newer;
        }
        Err(SessionError::Contended)
    }

    /// Puts the TTL right where the touch could not know the session's own.
    async fn renew(&self, stored: Stored, ttl: Duration, drift: TtlDrift) -> Result<Saved, SessionError> {
        match drift {
            TtlDrift::TooLong => {
                // A conflict means that another request has stored the session, with the right TTL.
                let _ = self.put(&stored.key, Some(&stored.bytes), stored.bytes.clone(), ttl).await?;
            }
            TtlDrift::TooShort => {
                let touch = Touch::new(ttl, self.config.slack(ttl));
                self.storage.get_and_touch(&stored.key, touch).await?;
            }
            TtlDrift::None => {}
        }
        Ok(Saved::Renewed { ttl })
    }

    async fn put(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Bytes,
        ttl: Duration,
    ) -> Result<Swap, SessionError> {
        Ok(self.storage.compare_and_swap(key, expected, Some(new), Some(ttl)).await?)
    }
}
