//! What is stored for a session: one version byte, then postcard.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use serde::{Deserialize, Serialize, Serializer};

use crate::{Clock, SessionError};

/// The version that is written, and the newest that is read.
const VERSION: u8 = 3;

/// The content of version 3. Golden files of each version are in `tests/golden/`; a change needs a new version.
#[derive(Clone, PartialEq, Eq, Default, Serialize)]
pub(crate) struct Envelope {
    /// When the session began, in milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// When it got the id that it has, in milliseconds since the Unix epoch.
    pub(crate) issued_ms: u64,
    /// When it ends whatever happens, in milliseconds since the Unix epoch.
    pub(crate) deadline_ms: Option<u64>,
    /// The session's own idle timeout, in milliseconds, where it is not the configured one.
    pub(crate) idle_ms: Option<u64>,
    /// When its visitor last proved who they are, in milliseconds since the Unix epoch.
    pub(crate) authenticated_ms: Option<u64>,
    /// Who is signed in.
    pub(crate) principal: Option<Principal>,
    /// The application's values.
    pub(crate) values: Values,
}

/// Who a session belongs to.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Principal {
    pub(crate) name: ByteString,
    /// What the application wants to know of the session in a list of sessions.
    pub(crate) metadata: ByteString,
}

/// An encoded value and what is needed to decode it as what it was.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) type_name: ByteString,
    pub(crate) codec: u8,
    pub(crate) bytes: Bytes,
}

/// A map in the order of its keys. Keys and values of a loaded session are slices of what was loaded, so that
/// reading one value of many copies none of them.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Values(Vec<(ByteString, Value)>);

impl Envelope {
    /// Never empty: the version byte is always there.
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.values.size_hint());
        bytes.push(VERSION);
        // Only a map of unknown length or a failing writer can fail here, and there is neither.
        Bytes::from(postcard::to_extend(self, bytes).expect("an envelope encodes into memory"))
    }

    pub(crate) fn decode(stored: &Bytes) -> Result<Self, SessionError> {
        let (&version, encoded) = stored.split_first().ok_or(SessionError::Corrupt)?;
        match version {
            VERSION => Self::decode_v3(stored, encoded),
            2 => Self::decode_v2(stored, encoded),
            1 => Self::decode_v1(stored, encoded),
            0 => Err(SessionError::Corrupt),
            found => Err(SessionError::UnsupportedVersion { found, known: VERSION }),
        }
    }

    fn decode_v1(stored: &Bytes, encoded: &[u8]) -> Result<Self, SessionError> {
        let ((created_ms, deadline_ms, idle_ms, count), rest) = take(encoded)?;
        let values = Values::decode(stored, count, rest)?;
        Ok(Self { created_ms, issued_ms: created_ms, deadline_ms, idle_ms, values, ..Self::default() })
    }

    fn decode_v2(stored: &Bytes, encoded: &[u8]) -> Result<Self, SessionError> {
        let ((created_ms, deadline_ms, idle_ms, authenticated_ms), rest) = take(encoded)?;
        let (principal, values) = Self::decode_rest(stored, rest)?;
        Ok(Self {
            created_ms,
            issued_ms: created_ms,
            deadline_ms,
            idle_ms,
            authenticated_ms,
            principal,
            values,
        })
    }

    fn decode_v3(stored: &Bytes, encoded: &[u8]) -> Result<Self, SessionError> {
        let ((created_ms, issued_ms, deadline_ms, idle_ms, authenticated_ms), rest) = take(encoded)?;
        let (principal, values) = Self::decode_rest(stored, rest)?;
        Ok(Self { created_ms, issued_ms, deadline_ms, idle_ms, authenticated_ms, principal, values })
    }

    fn decode_rest(stored: &Bytes, rest: &[u8]) -> Result<(Option<Principal>, Values), SessionError> {
        let ((principal, count), rest) = take::<(Option<(&str, &str)>, u32)>(rest)?;
        let principal = match principal {
            Some((name, metadata)) => {
                Some(Principal { name: slice(stored, name)?, metadata: slice(stored, metadata)? })
            }
            None => None,
        };
        Ok((principal, Values::decode(stored, count, rest)?))
    }

    pub(crate) fn is_past_deadline(&self, clock: &Clock) -> bool {
        self.deadline_ms.is_some_and(|deadline| clock.now_ms() >= deadline)
    }
}

fn take<'a, T: Deserialize<'a>>(encoded: &'a [u8]) -> Result<(T, &'a [u8]), SessionError> {
    postcard::take_from_bytes(encoded).map_err(|_| SessionError::Corrupt)
}

fn slice(stored: &Bytes, text: &str) -> Result<ByteString, SessionError> {
    ByteString::try_from(stored.slice_ref(text.as_bytes())).map_err(|_| SessionError::Corrupt)
}

impl Values {
    /// So many values, and nothing after them.
    fn decode(stored: &Bytes, count: u32, mut rest: &[u8]) -> Result<Self, SessionError> {
        let mut values = Self::default();
        for _ in 0..count {
            let ((key, type_name, codec, bytes), after) = take::<(&str, &str, u8, &[u8])>(rest)?;
            let value = Value { type_name: slice(stored, type_name)?, codec, bytes: stored.slice_ref(bytes) };
            values.push(slice(stored, key)?, value)?;
            rest = after;
        }
        if rest.is_empty() { Ok(values) } else { Err(SessionError::Corrupt) }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.position(key).ok().map(|at| &self.0[at].1)
    }

    pub(crate) fn insert(&mut self, key: ByteString, value: Value) {
        match self.position(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key, value)),
        }
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<(ByteString, Value)> {
        self.position(key).ok().map(|at| self.0.remove(at))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(key, _)| &**key)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// The next of a stored map, whose keys ascend.
    fn push(&mut self, key: ByteString, value: Value) -> Result<(), SessionError> {
        if self.0.last().is_some_and(|(last, _)| *last >= key) {
            return Err(SessionError::Corrupt);
        }
        self.0.push((key, value));
        Ok(())
    }

    fn position(&self, key: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(key))
    }

    /// About how long the encoded envelope is.
    fn size_hint(&self) -> usize {
        let size =
            |(key, value): &(ByteString, Value)| key.len() + value.type_name.len() + value.bytes.len() + 8;
        32 + self.0.iter().map(size).sum::<usize>()
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| {
            let Value { type_name, codec, bytes } = value;
            (&**key, (&**type_name, codec, &**bytes))
        }))
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("values", &self.values.len()).finish_non_exhaustive()
    }
}
