use bytes::Bytes;
use mongodb::{
    Collection,
    bson::{Document, RawDocument, RawDocumentBuf, doc},
};

use super::{binary, by_id, failed, lifetime, value};
use crate::{
    engine::{SLACK, TTL, millis},
    error::Failure,
};

fn unexpired() -> Document {
    doc! { "$or": [
        { "$eq": [{ "$type": "$expires" }, "missing"] },
        { "$gt": ["$expires", "$$NOW"] },
    ] }
}

fn entry(new: &[u8]) -> Document {
    doc! { "_id": "$_id", "value": binary(new), "expires": { "$add": ["$$NOW", lifetime()] } }
}

pub(super) async fn get(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
) -> Result<Option<Bytes>, Failure> {
    let found = collection
        .find_one(doc! { "_id": key, "$expr": unexpired() })
        .projection(doc! { "_id": 0, "value": 1 })
        .await;
    found.map_err(failed)?.as_deref().map(value).transpose()
}

pub(super) async fn set(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
    new: &[u8],
) -> Result<(), Failure> {
    let update = vec![doc! { "$replaceWith": entry(new) }];
    collection.update_one(by_id(key), update).upsert(true).await.map(drop).map_err(failed)
}

/// Below this many milliseconds of the rest, the expiry is extended.
fn due_below() -> i64 {
    millis(TTL - SLACK) + 1
}

pub(super) async fn get_and_touch(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
) -> Result<Option<(Bytes, bool)>, Failure> {
    let extend = doc! { "$cond": [
        { "$and": [
            { "$gt": ["$expires", "$$NOW"] },
            { "$lt": ["$expires", { "$add": ["$$NOW", due_below()] }] },
        ] },
        { "$add": ["$$NOW", lifetime()] },
        "$expires",
    ] };
    let before = collection
        .find_one_and_update(
            doc! { "_id": key, "$expr": unexpired() },
            vec![doc! { "$set": { "expires": extend } }],
        )
        .projection(doc! { "_id": 0, "value": 1, "left": { "$subtract": ["$expires", "$$NOW"] } })
        .await;
    let Some(before) = before.map_err(failed)? else { return Ok(None) };
    let extended = before.get_i64("left").is_ok_and(|left| left < due_below());
    Ok(Some((value(&before)?, extended)))
}

pub(super) async fn swap(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
    expected: &[u8],
    new: &[u8],
) -> Result<bool, Failure> {
    let is_expected = doc! { "$and": [{ "$eq": ["$value", binary(expected)] }, unexpired()] };
    let before = collection
        .find_one_and_update(
            by_id(key),
            vec![doc! { "$replaceWith": { "$cond": [is_expected, entry(new), "$$ROOT"] } }],
        )
        .projection(doc! { "_id": 0, "value": 1, "live": unexpired() })
        .await;
    let is_expected =
        |before: &RawDocument| Ok(before.get_bool("live").unwrap_or_default() && value(before)? == expected);
    before.map_err(failed)?.as_deref().map_or(Ok(false), is_expected)
}
