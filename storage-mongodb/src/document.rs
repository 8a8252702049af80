//! What is stored under a key, and when it counts as expired.

use std::time::Duration;

use cloakroom_storage::{Bytes, Namespace, Touch, ttl};
use mongodb::bson::{Binary, Document, RawBsonRef, RawDocument, doc, spec::BinarySubtype};

use crate::error::Fault;

pub(crate) const VALUE: &str = "value";
pub(crate) const EXPIRES: &str = "expires";

/// The largest value: a swap sends the old one and the new one in one command, and a command has at most 16 MiB
/// (<https://www.mongodb.com/docs/manual/reference/limits/>).
pub(crate) const MAX_VALUE_BYTES: usize = 8 * 1024 * 1024 - 16 * 1024;

/// One more than the TTL, in milliseconds, to be added to a clock that shows whole milliseconds only: it may be
/// almost one behind, and a value is never gone early.
pub(crate) fn lifetime_millis(ttl: Duration) -> i64 {
    ttl::to_millis_i64(ttl) + 1
}

/// What remains of a TTL, given the milliseconds until the stored expiry: the one that was added is taken off again.
pub(crate) fn remaining(millis_until_expiry: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis_until_expiry - 1).unwrap_or(0))
}

/// The milliseconds until the stored expiry below which a touch extends; none at all for a TTL of zero.
pub(crate) fn due_below_millis(touch: Touch) -> i64 {
    lifetime_millis(Touch::new(ttl::clamp(touch.ttl), touch.slack).threshold())
}

pub(crate) fn binary(value: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: value.to_vec() }
}

/// The bytes under [`VALUE`].
pub(crate) fn value(document: &RawDocument) -> Result<Bytes, Fault> {
    match document.get(VALUE) {
        Ok(Some(RawBsonRef::Binary(binary))) => Ok(Bytes::copy_from_slice(binary.bytes)),
        _ => Err(Fault::Corrupt),
    }
}

/// The documents of a namespace: from its prefix to the first string that has another one.
pub(crate) fn within(namespace: &Namespace) -> Document {
    after(namespace, None)
}

/// [`within`], beginning after a key.
pub(crate) fn after(namespace: &Namespace, key: Option<&str>) -> Document {
    // The character after ':', which ends every prefix and is in no name.
    let end = format!("{};", namespace.as_str());
    match key {
        Some(key) => doc! { "$gt": id(namespace, key), "$lt": end },
        None => doc! { "$gte": namespace.prefix(), "$lt": end },
    }
}

pub(crate) fn id(namespace: &Namespace, key: &str) -> String {
    let mut id = String::with_capacity(namespace.prefix().len() + key.len());
    id.push_str(namespace.prefix());
    id.push_str(key);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);

    #[test]
    fn a_stored_expiry_is_one_millisecond_late_and_what_remains_does_not_count_it() {
        assert_eq!(lifetime_millis(MILLI), 2);
        assert_eq!(lifetime_millis(Duration::from_nanos(1)), 2);
        assert_eq!(remaining(lifetime_millis(MILLI)), MILLI);
        assert_eq!(remaining(1), Duration::ZERO);
    }

    #[test]
    fn a_touch_is_due_while_less_than_its_ttl_without_the_slack_remains() {
        let touch = Touch::new(Duration::from_secs(60), Duration::from_secs(10));
        assert!(lifetime_millis(Duration::from_secs(50) - MILLI) < due_below_millis(touch));
        assert!(lifetime_millis(Duration::from_secs(50)) >= due_below_millis(touch));
    }

    #[test]
    fn a_touch_without_a_ttl_or_with_as_much_slack_is_never_due() {
        let least_of_a_live_value = 1;
        for touch in [Touch::new(Duration::ZERO, Duration::ZERO), Touch::new(MILLI, Duration::MAX)] {
            assert!(least_of_a_live_value >= due_below_millis(touch));
        }
    }

    #[test]
    fn the_slack_counts_for_a_huge_ttl_too() {
        let touch = Touch::new(Duration::MAX, Duration::from_secs(60));
        assert!(due_below_millis(touch) < lifetime_millis(ttl::MAX));
    }

    #[test]
    fn a_namespace_holds_every_key_of_its_own_and_none_of_a_similar_one() {
        let namespace = Namespace::new("shop").unwrap();
        let range = within(&namespace);
        let (from, to) = (range.get_str("$gte").unwrap(), range.get_str("$lt").unwrap());
        let holds = |id: &str| from <= id && id < to;
        for key in [" ", "$gt", ".", "~", "\u{7f}", "\u{10ffff}", ":", ";"] {
            assert!(holds(&id(&namespace, key)));
        }
        for other in ["shop", "shop.:key", "shop-:key", "shop_:key", "shop2:key", "Shop:key", "sho:key"] {
            assert!(!holds(other), "{other}");
        }
    }
}
