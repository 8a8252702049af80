//! How a value lies in the table.
//!
//! | attribute | type | holds |
//! | --- | --- | --- |
//! | `k` | string, the partition key | the namespace's prefix and the key |
//! | `v` | binary | the value |
//! | `expires_at` | number | when it expires, in epoch milliseconds; missing where it never does |
//! | `ttl` | number | the same in epoch seconds, rounded up, for DynamoDB's reaper, which is days late |
//!
//! The first three are no reserved words, so expressions name them as they are.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use cloakroom_storage::{Bytes, MAX_KEY_BYTES, MAX_NAMESPACE_BYTES};

use crate::clock::Now;

pub(crate) const KEY: &str = "k";
pub(crate) const VALUE: &str = "v";
pub(crate) const EXPIRES_AT: &str = "expires_at";
pub(crate) const TTL: &str = "ttl";

/// DynamoDB's limit of an item, the names of its attributes included: 400 KB.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>
const MAX_ITEM_BYTES: usize = 400 * 1024;

/// A number takes at most 21 bytes.
const MAX_NUMBER_BYTES: usize = 21;

/// The largest value that fits under the longest key of the longest namespace.
pub(crate) const MAX_VALUE_BYTES: usize = MAX_ITEM_BYTES
    - (KEY.len() + MAX_NAMESPACE_BYTES + 1 + MAX_KEY_BYTES)
    - VALUE.len()
    - (EXPIRES_AT.len() + MAX_NUMBER_BYTES)
    - (TTL.len() + MAX_NUMBER_BYTES);

/// An item as the SDK has it.
pub(crate) type Attributes = HashMap<String, AttributeValue>;

/// A value and when it expires.
pub(crate) struct Item {
    pub(crate) value: Bytes,
    /// In epoch milliseconds; `None`: never.
    pub(crate) expires_at: Option<u64>,
}

/// An item that no storage wrote.
#[derive(Debug)]
pub(crate) struct Malformed;

impl Item {
    pub(crate) fn read(mut attributes: Attributes) -> Result<Self, Malformed> {
        let Some(AttributeValue::B(value)) = attributes.remove(VALUE) else { return Err(Malformed) };
        let expires_at = match attributes.get(EXPIRES_AT) {
            None => None,
            Some(AttributeValue::N(millis)) => Some(millis.parse().map_err(|_| Malformed)?),
            Some(_) => return Err(Malformed),
        };
        Ok(Self { value: value.into_inner().into(), expires_at })
    }

    pub(crate) fn is_live(&self, now: Now) -> bool {
        self.expires_at.is_none_or(|expires_at| now.millis() < expires_at)
    }

    /// What is left of its TTL; `None`: it never expires.
    pub(crate) fn remaining(&self, now: Now) -> Option<Duration> {
        self.expires_at.map(|expires_at| now.until(expires_at))
    }
}

/// A number of milliseconds.
pub(crate) fn millis(millis: u64) -> AttributeValue {
    AttributeValue::N(millis.to_string())
}

/// What the reaper compares, of an expiry in milliseconds.
pub(crate) fn reaped_at(expires_at: u64) -> AttributeValue {
    AttributeValue::N(expires_at.div_ceil(1_000).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reaper_is_given_whole_seconds_rounded_up() {
        assert_eq!(reaped_at(1_000), AttributeValue::N("1".to_owned()));
        assert_eq!(reaped_at(1_001), AttributeValue::N("2".to_owned()));
    }
}
