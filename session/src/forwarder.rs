//! What is left under an id that was renewed: the way to the session, for requests that still carry the old id.

use std::time::Duration;

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
    /// Makes the key stream one of its own, even if an id were ever renewed twice.
    nonce: [u8; 16],
    encrypted: Vec<u8>,
}

impl Forwarder {
    /// From the session's old id to its new one, for so long from now on.
    pub(crate) fn new(
        old: &SessionId,
        new: &SessionId,
        grace: Duration,
        clock: &Clock,
    ) -> Result<Self, SessionError> {
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|_| SessionError::NoRandomness)?;
        let encrypted = apply_key_stream(old, nonce, new.as_str().as_bytes());
        let ends_ms = clock.now_ms().saturating_add(ttl::to_millis(grace));
        Ok(Self { ends_ms, key: new.storage_key(), nonce, encrypted })
    }

    pub(crate) fn encode(&self) -> Bytes {
        // Only a failing writer can fail here.
        postcard::to_extend(self, vec![KIND]).expect("a forwarder encodes into memory").into()
    }

    /// The new id, for whoever has the old one; `None`: it does not hold any more.
    pub(crate) fn open(&self, old: &SessionId, clock: &Clock) -> Option<SessionId> {
        if self.remaining(clock).is_zero() {
            return None;
        }
        let new = apply_key_stream(old, self.nonce, &self.encrypted);
        SessionId::parse(str::from_utf8(&new).ok()?)
    }

    pub(crate) fn remaining(&self, clock: &Clock) -> Duration {
        Duration::from_millis(self.ends_ms.saturating_sub(clock.now_ms()))
    }
}

/// Encrypts or decrypts: a key stream of SHA-256 in counter mode, keyed with an id.
fn apply_key_stream(key: &SessionId, nonce: [u8; 16], text: &[u8]) -> Vec<u8> {
    let blocks = (0_u32..).map(|block| {
        let mut hash = Sha256::new_with_prefix(b"cloakroom forwarder");
        hash.update(nonce);
        hash.update(block.to_be_bytes());
        // Last, as it alone has no fixed length.
        hash.update(key.as_str());
        hash.finalize()
    });
    text.iter().zip(blocks.flatten()).map(|(byte, key)| byte ^ key).collect()
}
