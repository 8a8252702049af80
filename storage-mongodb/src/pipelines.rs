//! The statements for servers whose updates are pipelines that read the server's clock.
//!
//! `$$NOW` is the same all through a command, so that the update and the projection, which shows the document as it
//! was before, agree on what is expired.

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

/// How often a creation is tried: of several at once, one inserts and the others find the key taken.
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

pub(crate) fn expired() -> Document {
    doc! { EXPIRES: { "$type": "date" }, "$expr": { "$lte": ["$expires", "$$NOW"] } }
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
            Err(taken) if taken.is_duplicate() => {}
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
    let Some(before) = before else { return Ok(None) };
    let left = left(&before);
    let extended = left.is_some_and(|left| left < due_below);
    let remaining = if extended { Some(ttl::clamp(touch.ttl)) } else { left.map(remaining) };
    Ok(Some(Touched { value: value(&before)?, extended, remaining }))
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
            Ok(before) => {
                return Ok(match live_value(before.as_deref())? {
                    None => Swap::Swapped,
                    current => Swap::Conflict { current },
                });
            }
            Err(taken) if taken.is_duplicate() => {}
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
    Ok(match live_value(before.as_deref())? {
        Some(current) if current == expected => Swap::Swapped,
        current => Swap::Conflict { current },
    })
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

fn live_value(before: Option<&RawDocument>) -> Result<Option<Bytes>, Fault> {
    match before {
        Some(before) if before.get_bool(LIVE).map_err(|_| Fault::Corrupt)? => value(before).map(Some),
        _ => Ok(None),
    }
}
