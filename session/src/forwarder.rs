//! What is left under an id that was renewed: the way to the session, for requests that still carry the old id.

use std::time::Duration;

use aes_siv::{KeyInit, siv::Aes128Siv};
use bytes::Bytes;
use cloakroom_storage::ttl;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Clock, SessionError, SessionId, envelope::Envelope};

/// The first byte, which no version of an envelope has.
const KIND: u8 = 0xf1;

/// What can be stored under a session's key.
pub(crate) enum Record {
    Session(Envelope),
    Forwarder(Forwarder),
}

impl Record {
    pub(crate) fn decode(stored: &Bytes) -> Result<Self, SessionError> {
        match stored.split_first() {
            Some((&KIND, encoded)) => {
                postcard::from_bytes(encoded).map(Self::Forwarder).map_err(|_| SessionError::Corrupt)
            }
            _ => Envelope::decode(stored).map(Self::Session),
        }
    }
}

/// The new id is a secret that the storage must not know, so it is encrypted with the old one, which the storage does
/// not know either: a copy of the database still opens nobody's session.
#[derive(Serialize, Deserialize)]
pub(crate) struct Forwarder {
    /// Until when it holds, in milliseconds since the Unix epoch.
    ends_ms: u64,
    /// The new storage key.
    pub(crate) key: String,
    encrypted: Vec<u8>,
}

impl Forwarder {
    /// From the session's old id to its new one, for so long from now on.
    pub(crate) fn new(old: &SessionId, new: &SessionId, grace: Duration, clock: &Clock) -> Self {
        let mut forwarder = Self {
            ends_ms: clock.now_ms().saturating_add(ttl::to_millis(grace)),
            key: new.storage_key(),
            encrypted: Vec::new(),
        };
        let encrypted = cipher(old).encrypt(forwarder.bound_to(), new.as_str().as_bytes());
        forwarder.encrypted = encrypted.expect("an id is shorter than the 2^36 bytes that AES-SIV encrypts");
        forwarder
    }

    pub(crate) fn encode(&self) -> Bytes {
        // Only a failing writer can fail here.
        postcard::to_extend(self, vec![KIND]).expect("a forwarder encodes into memory").into()
    }

    /// The new id, for whoever has the old one; `None`: it does not hold any more, or is not as it was made.
    pub(crate) fn open(&self, old: &SessionId, clock: &Clock) -> Option<SessionId> {
        if self.remaining(clock).is_zero() {
            return None;
        }
        let new = cipher(old).decrypt(self.bound_to(), &self.encrypted).ok()?;
        SessionId::parse(str::from_utf8(&new).ok()?)
    }

    pub(crate) fn remaining(&self, clock: &Clock) -> Duration {
        Duration::from_millis(self.ends_ms.saturating_sub(clock.now_ms()))
    }

    /// What is authenticated with the id.
    fn bound_to(&self) -> [Vec<u8>; 2] {
        [self.ends_ms.to_be_bytes().to_vec(), self.key.as_bytes().to_vec()]
    }
}

/// AES-SIV (RFC 5297) needs no nonce. An id is as random as a key, and long enough once it is hashed.
fn cipher(id: &SessionId) -> Aes128Siv {
    let key: [u8; 32] =
        Sha256::new_with_prefix(b"cloakroom forwarder").chain_update(id.as_str()).finalize().into();
    Aes128Siv::new((&key).into())
}
