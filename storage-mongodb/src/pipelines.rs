//! The statements for servers whose updates are pipelines that read the server's clock.
//!
//! `$$NOW` is the same all through a command, so that the update and the projection, which shows the document as it
//! was before, agree on what is expired.
//!
//! When the driver repeats a command whose answer was lost, the server answers from its record of what it did, and
//! may then show the whole document without what the projection computes. Such an answer means that there was
//! something to write, and that it was written.

use std::time::Duration;

use cloakroom_storage::{Bytes, Swap, Touch, Touched, ttl};
use mongodb::{
    Collection,
    bson::{Document, RawDocument, RawDocumentBuf, doc},
};

use crate::{
    document::{EXPIRES, VALUE, binary, due_below_millis, lifetime_millis, remaining, value},
    error::Fault,
};

/// How often an upsert is tried: of several at once, one inserts and the others find the key taken.
const TRIES: usize = 10;

const LEFT: &str = "left";
const LIVE: &str = "live";

/// Whether the expiry is not reached yet, or there is none.
fn unexpired() -> Document {
    doc! { "$or": [
        { "$eq": [{ "$type": "$expires" }, "missing"] },
        { "$gt": ["$expires", "$$NOW"] },
    ] }
}

/// [`unexpired`], where the document may have only just been made up to be inserted.
fn live() -> Document {
    doc! { "$and": [{ "$ne": [{ "$type": "$value" }, "missing"] }, unexpired()] }
}

/// DocumentDB does not know `$$NOW` in a comparison that a filter's `$expr` begins with, nor in an `$and`.
pub(crate) fn expired() -> Document {
    doc! { EXPIRES: { "$type": "date" }, "$expr": { "$or": [{ "$lte": ["$expires", "$$NOW"] }] } }
}

fn millis_left() -> Document {
    doc! { "$subtract": ["$expires", "$$NOW"] }
}

/// The whole document, as an expression.
fn entry(new: &[u8], ttl: Option<Duration>) -> Document {
    let mut entry = doc! { "_id": "$_id", VALUE: binary(new) };
    if let Some(ttl) = ttl {
        entry.insert(EXPIRES, doc! { "$add": ["$$NOW", lifetime_millis(ttl)] });
    }
    entry
}

pub(crate) async fn get(collection: &Collection<RawDocumentBuf>, id: &str) -> Result<Option<Bytes>, Fault> {
    let found = collection
        .find_one(doc! { "_id": id, "$expr": unexpired() })
        .projection(doc! { "_id": 0, VALUE: 1 })
        .await?;
    found.as_deref().map(value).transpose()
}

pub(crate) async fn set(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    new: &[u8],
    ttl: Option<Duration>,
) -> Result<(), Fault> {
    for _ in 0..TRIES {
        let update = vec![doc! { "$replaceWith": entry(new, ttl) }];
        match collection.update_one(doc! { "_id": id }, update).upsert(true).await.map_err(Fault::from) {
            Err(taken) if taken.is_of_a_lost_upsert() => {}
            done => return done.map(drop),
        }
    }
    Err(Fault::Contended)
}

pub(crate) async fn get_and_touch(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    touch: Touch,
) -> Result<Option<Touched>, Fault> {
    let due_below = due_below_millis(touch);
    let extend = doc! { "$cond": [
        { "$and": [
            { "$gt": ["$expires", "$$NOW"] },
            { "$lt": ["$expires", { "$add": ["$$NOW", due_below] }] },
        ] },
        { "$add": ["$$NOW", lifetime_millis(touch.ttl)] },
        "$expires",
    ] };
    let before = collection
        .find_one_and_update(
            doc! { "_id": id, "$expr": unexpired() },
            vec![doc! { "$set": { EXPIRES: extend } }],
        )
        .projection(doc! { "_id": 0, VALUE: 1, LEFT: millis_left() })
        .await?;
    before.map(|before| touched(&before, touch)).transpose()
}

/// Stores `new` where there is no live value.
pub(crate) async fn create(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    new: &[u8],
    ttl: Option<Duration>,
) -> Result<Swap, Fault> {
    for _ in 0..TRIES {
        let update = vec![doc! { "$replaceWith": { "$cond": [live(), "$$ROOT", entry(new, ttl)] } }];
        let before = collection
            .find_one_and_update(doc! { "_id": id }, update)
            .upsert(true)
            .projection(doc! { "_id": 0, VALUE: 1, LIVE: unexpired() })
            .await
            .map_err(Fault::from);
        match before {
            Ok(before) => return swap(before.as_deref(), |current| current.is_none()),
            Err(taken) if taken.is_of_a_lost_upsert() => {}
            Err(fault) => return Err(fault),
        }
    }
    Err(Fault::Contended)
}

/// Stores `new` where the live value is `expected`.
pub(crate) async fn replace(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    expected: &[u8],
    new: &[u8],
    ttl: Option<Duration>,
) -> Result<Swap, Fault> {
    let is_expected = doc! { "$and": [{ "$eq": ["$value", binary(expected)] }, unexpired()] };
    let update = vec![doc! { "$replaceWith": { "$cond": [is_expected, entry(new, ttl), "$$ROOT"] } }];
    let before = collection
        .find_one_and_update(doc! { "_id": id }, update)
        .projection(doc! { "_id": 0, VALUE: 1, LIVE: unexpired() })
        .await?;
    swap(before.as_deref(), |current| current == Some(expected))
}

/// Deletes the document where the live value is `expected`.
pub(crate) async fn remove(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    expected: &[u8],
) -> Result<Swap, Fault> {
    loop {
        let gone =
            collection.delete_one(doc! { "_id": id, VALUE: binary(expected), "$expr": unexpired() }).await?;
        if gone.deleted_count > 0 {
            return Ok(Swap::Swapped);
        }
        let current = get(collection, id).await?;
        // Otherwise written between the two, by somebody who got on.
        if current.as_deref() != Some(expected) {
            return Ok(Swap::Conflict { current });
        }
    }
}

/// What a scan reads of each document.
pub(crate) fn scanned() -> Document {
    doc! { VALUE: 1, LEFT: millis_left() }
}

/// The milliseconds until the expiry; `None`: never expires.
pub(crate) fn left(document: &RawDocument) -> Option<i64> {
    document.get_i64(LEFT).ok()
}

/// Whether the server repeats from its record what it did before: the projection leaves `_id` out.
fn is_from_record(before: &RawDocument) -> bool {
    matches!(before.get("_id"), Ok(Some(_)))
}

/// How a swap ended that found this document; `is_expected` judges the live value.
fn swap(before: Option<&RawDocument>, is_expected: impl Fn(Option<&[u8]>) -> bool) -> Result<Swap, Fault> {
    let current = match before {
        Some(before) if is_from_record(before) => return Ok(Swap::Swapped),
        Some(before) if before.get_bool(LIVE).map_err(|_| Fault::Corrupt)? => Some(value(before)?),
        _ => None,
    };
    Ok(if is_expected(current.as_deref()) { Swap::Swapped } else { Swap::Conflict { current } })
}

/// How a touch ended that found this document.
fn touched(before: &RawDocument, touch: Touch) -> Result<Touched, Fault> {
    let left = left(before);
    let extended = is_from_record(before) || left.is_some_and(|left| left < due_below_millis(touch));
    let remaining = if extended { Some(ttl::clamp(touch.ttl)) } else { left.map(remaining) };
    Ok(Touched { value: value(before)?, extended, remaining })
}

#[cfg(test)]
mod tests {
    use mongodb::bson::rawdoc;

    use super::*;

    fn is_old(current: Option<&[u8]>) -> bool {
        current == Some(b"old")
    }

    fn conflict(current: Option<&'static str>) -> Swap {
        Swap::Conflict { current: current.map(Bytes::from) }
    }

    #[test]
    fn a_swap_is_judged_by_what_was_there_before() {
        let found = |value: &[u8], live: bool| {
            swap(Some(&rawdoc! { "value": binary(value), "live": live }), is_old).unwrap()
        };
        assert_eq!(found(b"old", true), Swap::Swapped);
        assert_eq!(found(b"other", true), conflict(Some("other")));
        assert_eq!(found(b"old", false), conflict(None));
        assert_eq!(swap(None, is_old).unwrap(), conflict(None));
        assert_eq!(swap(None, |current| current.is_none()).unwrap(), Swap::Swapped);
    }

    #[test]
    fn an_answer_from_the_servers_record_means_that_it_was_written() {
        let record =
            rawdoc! { "_id": "a:b", "value": binary(b"before"), "expires": mongodb::bson::DateTime::now() };
        assert_eq!(swap(Some(&record), is_old).unwrap(), Swap::Swapped);
        let touch = Touch::new(Duration::from_secs(9), Duration::ZERO);
        let touched = touched(&record, touch).unwrap();
        assert_eq!((touched.extended, touched.remaining), (true, Some(touch.ttl)));
        assert_eq!(touched.value, "before");
    }

    #[test]
    fn a_touch_is_judged_by_what_remained_before() {
        let touch = Touch::new(Duration::from_secs(10), Duration::from_secs(4));
        let found = |left: i64| touched(&rawdoc! { "value": binary(b""), "left": left }, touch).unwrap();
        assert!(!found(6_001).extended);
        assert_eq!(found(6_001).remaining, Some(Duration::from_secs(6)));
        assert!(found(6_000).extended);
        assert_eq!(found(6_000).remaining, Some(touch.ttl));
        let never = touched(&rawdoc! { "value": binary(b""), "left": null }, touch).unwrap();
        assert_eq!((never.extended, never.remaining), (false, None));
    }

    #[test]
    fn a_document_of_others_is_corrupt() {
        for foreign in [rawdoc! { "value": 1, "live": true }, rawdoc! { "live": true }, rawdoc! {}] {
            assert!(matches!(swap(Some(&foreign), is_old), Err(Fault::Corrupt)));
        }
    }
}
