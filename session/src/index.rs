//! Which sessions a principal has: one value a principal, which names its sessions by their storage keys and is
//! changed by compare-and-swap alone.
//!
//! A session is named before it is stored, as *pending*, and the name is confirmed when it is stored: so whoever
//! changes the index in between is noticed by either side. It is removed from the storage before its name is, so that
//! what is stored is always found by a revocation. The other way round an index may name a session that has ended;
//! such names are dropped when somebody comes across them.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use cloakroom_storage::{Storage, Swap, Touch};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Excess, SessionConfig, SessionError, envelope::Envelope, forwarder::Record};

/// The version that is written and read.
const VERSION: u8 = 1;

/// How often a swap is tried again after another sign-in or revocation was faster.
const MAX_LOST_RACES: usize = 1_000;

/// From so many sessions on, the index is looked through for ended ones whenever their number has doubled.
const MANY: usize = 8;

/// How long a name may be pending; after that whoever was to store the session has died. Longer than any request and
/// any difference between clocks.
const MAX_PENDING_MS: u64 = 10 * 60 * 1_000;

pub(crate) struct Index<'a> {
    storage: &'a dyn Storage,
    config: &'a SessionConfig,
    principal: &'a str,
    key: String,
}

/// A session's name in the index.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Name {
    /// The storage key of the session.
    key: String,
    /// Since when it is pending, in milliseconds since the Unix epoch; `None`: it is confirmed.
    pending_ms: Option<u64>,
}

/// The index at one moment.
pub(crate) struct Snapshot {
    stored: Option<Bytes>,
    /// The oldest first.
    names: Vec<Name>,
    remaining: Option<Duration>,
}

impl Snapshot {
    pub(crate) fn names(&self, session: &str) -> bool {
        self.names.iter().any(|name| name.key == session)
    }
}

impl<'a> Index<'a> {
    pub(crate) fn of(storage: &'a dyn Storage, config: &'a SessionConfig, principal: &'a str) -> Self {
        // No session's key has a dot.
        let key = format!("principal.{}", URL_SAFE_NO_PAD.encode(Sha256::digest(principal.as_bytes())));
        Self { storage, config, principal, key }
    }

    /// Names a session that is about to be stored for `ttl`; `replaces`: in place of that one, which does not count
    /// for the limit. To be [confirmed](Self::confirm).
    pub(crate) async fn add(
        &self,
        session: &str,
        replaces: Option<&str>,
        ttl: Duration,
    ) -> Result<Snapshot, SessionError> {
        let mut snapshot = self.read(ttl).await?;
        for _ in 0..MAX_LOST_RACES {
            let mut names = self.with_room(&snapshot.names, replaces).await?;
            names.push(Name { key: session.to_owned(), pending_ms: Some(self.config.clock.now_ms()) });
            match self.swap(snapshot, names).await? {
                Ok(added) => return Ok(added),
                Err(newer) => snapshot = newer,
            }
        }
        Err(SessionError::Contended)
    }

    /// Whether a session that has just been stored is still named: if not, a revocation or an eviction has overtaken
    /// it. `gone` is not stored any more.
    pub(crate) async fn confirm(
        &self,
        mut snapshot: Snapshot,
        session: &str,
        gone: Option<&str>,
    ) -> Result<bool, SessionError> {
        for _ in 0..MAX_LOST_RACES {
            let mut names = snapshot.names.clone();
            let Some(name) = names.iter_mut().find(|name| name.key == session) else { return Ok(false) };
            name.pending_ms = None;
            names.retain(|name| Some(name.key.as_str()) != gone);
            match self.swap(snapshot, names).await? {
                Ok(_) => return Ok(true),
                Err(newer) => snapshot = newer,
            }
        }
        Err(SessionError::Contended)
    }

    /// Keeps the index for as long as a session that was just used, and names the session where the storage has lost
    /// the index.
    pub(crate) async fn keep(&self, session: &str, ttl: Duration) -> Result<(), SessionError> {
        let mut snapshot = self.read(ttl).await?;
        for _ in 0..MAX_LOST_RACES {
            if snapshot.names(session) {
                return Ok(());
            }
            let mut names = snapshot.names.clone();
            names.push(Name { key: session.to_owned(), pending_ms: None });
            match self.swap(snapshot, names).await? {
                Ok(_) => return Ok(()),
                Err(newer) => snapshot = newer,
            }
        }
        Err(SessionError::Contended)
    }

    /// Deletes every session but one; how many there were.
    pub(crate) async fn revoke(&self, except: Option<&str>) -> Result<usize, SessionError> {
        let mut revoked = 0;
        let mut snapshot = self.read(Duration::ZERO).await?;
        for _ in 0..MAX_LOST_RACES {
            let mut kept = Vec::new();
            for name in &snapshot.names {
                if Some(name.key.as_str()) == except {
                    kept.push(name.clone());
                } else if self.session(&name.key).await?.is_some() {
                    self.storage.delete(&name.key).await?;
                    revoked += 1;
                }
            }
            match self.swap(snapshot, kept).await? {
                Ok(_) => return Ok(revoked),
                Err(newer) => snapshot = newer,
            }
        }
        Err(SessionError::Contended)
    }

    /// The sessions that are stored, each with its key and what remains of its TTL; the oldest first.
    pub(crate) async fn sessions(&self) -> Result<Vec<(String, Envelope, Option<Duration>)>, SessionError> {
        let mut found = Vec::new();
        for Name { key, .. } in self.read(Duration::ZERO).await?.names {
            if let Some((envelope, remaining)) = self.session(&key).await? {
                found.push((key, envelope, remaining));
            }
        }
        Ok(found)
    }

    /// That session, if it is stored and this principal's.
    async fn session(&self, key: &str) -> Result<Option<(Envelope, Option<Duration>)>, SessionError> {
        let look = Touch::new(Duration::ZERO, Duration::ZERO);
        let Some(touched) = self.storage.get_and_touch(key, look).await? else { return Ok(None) };
        let Record::Session(envelope) = Record::decode(&touched.value)? else { return Ok(None) };
        let is_ours = envelope.principal.as_ref().is_some_and(|principal| *principal.name == *self.principal);
        Ok(is_ours.then_some((envelope, touched.remaining)))
    }

    /// The names, without those of ended sessions where there are many, and with room for one more.
    async fn with_room(&self, names: &[Name], replaces: Option<&str>) -> Result<Vec<Name>, SessionError> {
        // A session that is named already takes no further room.
        let takes_room = !names.iter().any(|name| Some(name.key.as_str()) == replaces);
        let limit = self.config.max_sessions.filter(|_| takes_room);
        let counts = |name: &Name| Some(name.key.as_str()) != replaces;
        let is_full = |names: &[Name]| {
            limit.is_some_and(|limit| names.iter().filter(|name| counts(name)).count() >= limit.most.get())
        };
        let mut names = names.to_vec();
        let are_many = names.len() >= MANY && names.len().is_power_of_two();
        if are_many || is_full(&names) {
            names = self.without_ended(names).await?;
        }
        while let Some(limit) = limit.filter(|_| is_full(&names)) {
            if limit.excess == Excess::RefuseNew {
                return Err(SessionError::TooManySessions { most: limit.most });
            }
            let Some(oldest) = names.iter().position(counts) else { break };
            self.storage.delete(&names.remove(oldest).key).await?;
        }
        Ok(names)
    }

    async fn without_ended(&self, names: Vec<Name>) -> Result<Vec<Name>, SessionError> {
        let now_ms = self.config.clock.now_ms();
        let mut live = Vec::new();
        for name in names {
            let is_pending =
                name.pending_ms.is_some_and(|since| now_ms < since.saturating_add(MAX_PENDING_MS));
            if is_pending || self.session(&name.key).await?.is_some() {
                live.push(name);
            }
        }
        Ok(live)
    }

    /// Reads it and keeps it for at least `ttl`.
    async fn read(&self, ttl: Duration) -> Result<Snapshot, SessionError> {
        let touch = Touch::new(ttl, Duration::ZERO);
        Ok(match self.storage.get_and_touch(&self.key, touch).await? {
            Some(touched) => Snapshot {
                names: decode(&touched.value)?,
                stored: Some(touched.value),
                // A storage that cannot tell what remains says zero where it was not to extend.
                remaining: touched.remaining.filter(|remaining| !remaining.is_zero()),
            },
            None => Snapshot { stored: None, names: Vec::new(), remaining: Some(ttl) },
        })
    }

    /// Stores these names; the newer index where somebody else was faster.
    async fn swap(
        &self,
        snapshot: Snapshot,
        names: Vec<Name>,
    ) -> Result<Result<Snapshot, Snapshot>, SessionError> {
        let Snapshot { stored, names: before, remaining } = snapshot;
        if before == names {
            return Ok(Ok(Snapshot { stored, names, remaining }));
        }
        let new = (!names.is_empty()).then(|| encode(&names));
        let swap =
            self.storage.compare_and_swap(&self.key, stored.as_deref(), new.clone(), remaining).await?;
        Ok(match swap {
            Swap::Swapped => Ok(Snapshot { stored: new, names, remaining }),
            Swap::Conflict { current } => {
                let names = current.as_deref().map_or_else(|| Ok(Vec::new()), decode)?;
                Err(Snapshot { stored: current, names, remaining })
            }
        })
    }
}

fn encode(names: &[Name]) -> Bytes {
    // Only a failing writer can fail here.
    postcard::to_extend(names, vec![VERSION]).expect("an index encodes into memory").into()
}

fn decode(stored: &[u8]) -> Result<Vec<Name>, SessionError> {
    match stored.split_first() {
        Some((&VERSION, encoded)) => postcard::from_bytes(encoded).map_err(|_| SessionError::Corrupt),
        Some((&found, _)) if found > VERSION => {
            Err(SessionError::UnsupportedVersion { found, known: VERSION })
        }
        _ => Err(SessionError::Corrupt),
    }
}
