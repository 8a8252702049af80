use std::{
    io,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use cloakroom::storage::{Bytes, ttl};

/// What a file holds: when it expires, its key, its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// In milliseconds since 1970; `u64::MAX` is never.
    expires: u64,
    pub(crate) key: String,
    pub(crate) value: Bytes,
}

const HEADER_BYTES: usize = 10;

impl Record {
    pub(crate) fn new(key: &str, value: Bytes, ttl: Option<Duration>) -> Self {
        // Rounded up, so that nothing expires early.
        let expires = ttl.map_or(u64::MAX, |ttl| now(Rounding::Up).saturating_add(ttl::to_millis(ttl)));
        Self { expires, key: key.to_owned(), value }
    }

    /// Nothing where it has expired, else the time that remains: `None` for a value that never expires.
    pub(crate) fn remaining(&self) -> Option<Option<Duration>> {
        if self.expires == u64::MAX {
            return Some(None);
        }
        let left = self.expires.saturating_sub(now(Rounding::Down));
        (left > 0).then(|| Some(Duration::from_millis(left)))
    }

    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        let key_bytes = u16::try_from(self.key.len()).map_err(io::Error::other)?;
        let mut file = Vec::with_capacity(HEADER_BYTES + self.key.len() + self.value.len());
        file.extend(self.expires.to_be_bytes());
        file.extend(key_bytes.to_be_bytes());
        file.extend(self.key.as_bytes());
        file.extend(&*self.value);
        Ok(file)
    }

    /// `None` for a file that is none of ours.
    pub(crate) fn decode(file: &[u8]) -> Option<Self> {
        let (expires, rest) = file.split_first_chunk()?;
        let (key_bytes, rest) = rest.split_first_chunk()?;
        let (key, value) = rest.split_at_checked(u16::from_be_bytes(*key_bytes).into())?;
        Some(Self {
            expires: u64::from_be_bytes(*expires),
            key: String::from_utf8(key.to_vec()).ok()?,
            value: Bytes::copy_from_slice(value),
        })
    }
}

enum Rounding {
    Up,
    Down,
}

/// In milliseconds since 1970.
fn now(rounding: Rounding) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match rounding {
        Rounding::Up => ttl::to_millis(now),
        Rounding::Down => u64::try_from(now.as_millis()).unwrap_or(u64::MAX),
    }
}
