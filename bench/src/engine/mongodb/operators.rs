use bytes::Bytes;
use mongodb::{
    Collection,
    bson::{Bson, DateTime, RawBsonRef, RawDocument, RawDocumentBuf, doc, rawdoc},
};

use super::{binary, by_id, failed, lifetime, value};
use crate::{
    engine::{SLACK, TTL, millis},
    error::Failure,
};

fn now() -> i64 {
    DateTime::now().timestamp_millis()
}

fn entry(key: &str, new: &[u8]) -> RawDocumentBuf {
    rawdoc! { "_id": key, "value": binary(new), "expires": DateTime::from_millis(now() + lifetime()) }
}

/// The milliseconds until the expiry; `None`: never expires.
fn left(document: &RawDocument) -> Option<i64> {
    match document.get("expires") {
        Ok(Some(RawBsonRef::DateTime(expires))) => Some(expires.timestamp_millis() - now()),
        _ => None,
    }
}

/// The live value and what is left of it.
async fn read(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
) -> Result<Option<(Bytes, Option<i64>)>, Failure> {
    let Some(found) = collection.find_one(by_id(key)).await.map_err(failed)? else { return Ok(None) };
    let left = left(&found);
    if left.is_some_and(|left| left <= 0) {
        return Ok(None);
    }
    Ok(Some((value(&found)?, left)))
}

pub(super) async fn get(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
) -> Result<Option<Bytes>, Failure> {
    Ok(read(collection, key).await?.map(|(value, _)| value))
}

pub(super) async fn set(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
    new: &[u8],
) -> Result<(), Failure> {
    let stored = collection.replace_one(by_id(key), entry(key, new)).upsert(true).await;
    stored.map(drop).map_err(failed)
}

pub(super) async fn get_and_touch(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
) -> Result<Option<(Bytes, bool)>, Failure> {
    let Some((value, left)) = read(collection, key).await? else { return Ok(None) };
    let due_below = millis(TTL - SLACK) + 1;
    if left.is_none_or(|left| left >= due_below) {
        return Ok(Some((value, false)));
    }
    let now = now();
    let due = doc! { "$gt": DateTime::from_millis(now), "$lt": DateTime::from_millis(now + due_below) };
    let extended = collection
        .update_one(
            doc! { "_id": key, "value": binary(&value), "expires": due },
            doc! { "$set": { "expires": DateTime::from_millis(now + lifetime()) } },
        )
        .await;
    let extended = extended.map_err(failed)?.matched_count > 0;
    Ok(Some((value, extended)))
}

/// A touch where no command is atomic: it extends always.
pub(super) async fn read_and_swap(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
) -> Result<Option<(Bytes, bool)>, Failure> {
    let Some(value) = get(collection, key).await? else { return Ok(None) };
    let extended = swap(collection, key, &value, &value).await?;
    Ok(Some((value, extended)))
}

pub(super) async fn swap(
    collection: &Collection<RawDocumentBuf>,
    key: &str,
    expected: &[u8],
    new: &[u8],
) -> Result<bool, Failure> {
    let is_expected = doc! {
        "$or": [{ "expires": Bson::Null }, { "expires": { "$gt": DateTime::from_millis(now()) } }],
        "_id": key,
        "value": binary(expected),
    };
    let swapped = collection.replace_one(is_expected, entry(key, new)).await.map_err(failed)?;
    Ok(swapped.matched_count > 0)
}
