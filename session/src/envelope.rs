//! What is stored for a session: one version byte, then postcard.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::SessionError;

/// The version that is written, and the newest that is read.
const VERSION: u8 = 1;

/// The content of version 1. Its golden files are in `tests/golden/`; a change needs a new version.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Envelope {
    /// When the session began, in milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// When it ends whatever happens, in milliseconds since the Unix epoch.
    pub(crate) deadline_ms: Option<u64>,
    /// The session's own idle timeout, in milliseconds, where it is not the configured one.
    pub(crate) idle_ms: Option<u64>,
    /// The application's values.
    pub(crate) values: BTreeMap<String, Value>,
}

/// An encoded value and what is needed to decode it as what it was.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Value {
    pub(crate) type_name: Cow<'static, str>,
    pub(crate) codec: u8,
    pub(crate) bytes: Bytes,
}

impl Envelope {
    /// Never empty: the version byte is always there.
    pub(crate) fn encode(&self) -> Bytes {
        let encoded = postcard::to_extend(self, vec![VERSION]);
        // Only a map of unknown length or a failing writer can fail here, and there is neither.
        Bytes::from(encoded.expect("an envelope encodes into memory"))
    }

    pub(crate) fn decode(stored: &[u8]) -> Result<Self, SessionError> {
        let (&version, encoded) = stored.split_first().ok_or(SessionError::Corrupt)?;
        match version {
            VERSION => match postcard::take_from_bytes(encoded) {
                Ok((envelope, [])) => Ok(envelope),
                _ => Err(SessionError::Corrupt),
            },
            0 => Err(SessionError::Corrupt),
            found => Err(SessionError::UnsupportedVersion { found, known: VERSION }),
        }
    }

    pub(crate) fn is_past_deadline(&self, now_ms: u64) -> bool {
        self.deadline_ms.is_some_and(|deadline| now_ms >= deadline)
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("values", &self.values.len()).finish_non_exhaustive()
    }
}
