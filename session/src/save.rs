//! How a session reaches the storage: created, swapped, or moved to a new id, always by compare-and-swap.

mod new_id;

use std::time::Duration;

use cloakroom_storage::{Bytes, Storage, Swap, Touch};

use crate::{
    SessionConfig, SessionError, SessionId,
    envelope::Envelope,
    forwarder::Record,
    index::{Index, Snapshot},
    state::{NewId, Pending, Saved, Stored, TtlDrift},
};

/// How often a swap is tried again after another request was faster. Each lost race is another's gain, so this
/// many requests must have changed the session in the meantime.
const MAX_LOST_RACES: usize = 1_000;

/// How many ids are made before a generator is given up that repeats itself.
const MAX_TAKEN_IDS: usize = 3;

/// The index that names a session that is about to be stored, as it was then.
type Naming<'i> = Option<(&'i Index<'i>, Snapshot)>;

/// Replays this request's changes onto what another has stored.
type Replay<'a> = dyn Fn(Envelope) -> Envelope + Send + Sync + 'a;

pub(crate) async fn save(
    storage: &dyn Storage,
    config: &SessionConfig,
    replay: &Replay<'_>,
    pending: Pending,
) -> Result<Saved, SessionError> {
    let Pending { id, new_id, stored, bytes, ttl, is_changed, principal, ttl_drift, .. } = pending;
    let save = Save { storage, config, replay };
    let index = principal.as_deref().map(|principal| Index::of(storage, config, principal));
    let index = index.as_ref();
    match (stored, new_id) {
        (None, _) => {
            let (stored, naming) = save.create(id, bytes, ttl, index, None).await?;
            let stays = save.confirm(naming, &stored, None).await?;
            Ok(if stays { Saved::Stored { stored, merged: None, ttl } } else { Saved::Lost })
        }
        (Some(old), Some(NewId::Regenerated)) => save.regenerate(old, id, bytes, ttl, index).await,
        (Some(old), Some(NewId::Renewed)) => save.renew_id(old, id, bytes, ttl, index, is_changed).await,
        (Some(stored), None) if is_changed => save.swap(stored, bytes, ttl).await,
        (Some(stored), None) => save.renew_ttl(stored, ttl, ttl_drift).await,
    }
}

/// Deletes the session under that key, wherever other requests have moved it meanwhile as they renewed its id; `bytes`:
/// what was stored when last seen.
pub(crate) async fn delete(
    storage: &dyn Storage,
    mut key: String,
    mut bytes: Option<Bytes>,
) -> Result<(), SessionError> {
    for _ in 0..MAX_LOST_RACES {
        if bytes.is_none() {
            bytes = storage.get(&key).await?;
        }
        let Some(stored) = bytes else { return Ok(()) };
        // What is damaged can be deleted all the same.
        if let Ok(Record::Forwarder(forwarder)) = Record::decode(&stored) {
            (key, bytes) = (forwarder.key, None);
            continue;
        }
        match storage.compare_and_swap(&key, Some(&stored), None, None).await? {
            Swap::Swapped | Swap::Conflict { current: None } => return Ok(()),
            Swap::Conflict { current } => bytes = current,
        }
    }
    Err(SessionError::Contended)
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

    /// Whether the session stays that was just stored: a sign-in that a revocation has overtaken is undone. `gone` is
    /// not stored any more.
    async fn confirm(
        &self,
        naming: Naming<'_>,
        stored: &Stored,
        gone: Option<&str>,
    ) -> Result<bool, SessionError> {
        let Some((index, snapshot)) = naming else { return Ok(true) };
        let stays = index.confirm(snapshot, &stored.key, gone).await?;
        if !stays {
            self.storage.delete(&stored.key).await?;
        }
        Ok(stays)
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
            let newer = match self.put(&stored.key, Some(&stored.bytes), bytes.clone(), ttl).await? {
                Swap::Swapped if ttl.is_zero() => return Ok(Saved::Lost),
                Swap::Swapped => {
                    stored.bytes = bytes;
                    return Ok(Saved::Stored { stored, merged, ttl });
                }
                // Where ids are renewed, it may also be that the grace has passed, and the client has a new one.
                Swap::Conflict { current: None } if self.config.renew_after.is_some() => {
                    return Ok(Saved::Overtaken);
                }
                Swap::Conflict { current: None } => return Ok(Saved::Lost),
                Swap::Conflict { current: Some(newer) } => newer,
            };
            let Some((found, envelope)) = self.locate(stored, newer).await? else {
                return Ok(Saved::Overtaken);
            };
            let envelope = (self.replay)(envelope);
            (bytes, ttl) = (envelope.encode(), self.config.ttl(&envelope));
            merged = Some(Box::new(envelope));
            stored = found;
        }
        Err(SessionError::Contended)
    }

    /// The session as other requests have left it: in place, or where a renewal of its id has taken it. `None`: it has
    /// ended there.
    async fn locate(&self, stored: Stored, newer: Bytes) -> Result<Option<(Stored, Envelope)>, SessionError> {
        let forwarder = match Record::decode(&newer)? {
            Record::Session(envelope) => return Ok(Some((Stored { bytes: newer, ..stored }, envelope))),
            Record::Forwarder(forwarder) => forwarder,
        };
        let Some(id) = forwarder.open(&stored.id, &self.config.clock) else { return Ok(None) };
        let key = forwarder.key;
        let Some(bytes) = self.storage.get(&key).await? else { return Ok(None) };
        match Record::decode(&bytes)? {
            Record::Session(envelope) => Ok(Some((Stored { id, key, bytes }, envelope))),
            // An id is in use for longer than the one before it has grace.
            Record::Forwarder(_) => Ok(None),
        }
    }

    /// Puts the TTL right where the touch could not know the session's own.
    async fn renew_ttl(&self, stored: Stored, ttl: Duration, drift: TtlDrift) -> Result<Saved, SessionError> {
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
        Ok(Saved::TtlRenewed { ttl })
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
