//! The statements for servers without pipelines in updates: plain operators, and the time from our copy of the
//! server's clock.
//!
//! No upsert has a predicate beyond `_id`: with one, a document that does not match would be inserted a second time
//! (<https://www.mongodb.com/docs/manual/reference/method/db.collection.update/#upsert-with-unique-index>).

use std::time::Duration;

use cloakroom_storage::{Bytes, Swap, Touch, Touched, ttl};
use mongodb::{
    Collection,
    bson::{Bson, DateTime, Document, RawBsonRef, RawDocument, RawDocumentBuf, cstr, doc, rawdoc},
};

use crate::{
    document::{EXPIRES, VALUE, binary, due_below_millis, lifetime_millis, remaining, value},
    error::Fault,
};

/// How often a set is tried: of several insertions at once, one succeeds and the others find the key taken.
const TRIES: usize = 10;

fn unexpired(now: i64) -> Document {
    // Null matches a field that is not there, too.
    doc! { "$or": [{ EXPIRES: Bson::Null }, { EXPIRES: { "$gt": DateTime::from_millis(now) } }] }
}

pub(crate) fn expired(now: i64) -> Document {
    doc! { EXPIRES: { "$lte": DateTime::from_millis(now) } }
}

fn entry(id: &str, new: &[u8], ttl: Option<Duration>, now: i64) -> RawDocumentBuf {
    let mut entry = rawdoc! { "_id": id, "value": binary(new) };
    if let Some(ttl) = ttl {
        entry.append(cstr!("expires"), DateTime::from_millis(now + lifetime_millis(ttl)));
    }
    entry
}

/// The milliseconds until the expiry; `None`: never expires.
pub(crate) fn left(document: &RawDocument, now: i64) -> Result<Option<i64>, Fault> {
    match document.get(EXPIRES) {
        Ok(None) => Ok(None),
        Ok(Some(RawBsonRef::DateTime(expires))) => Ok(Some(expires.timestamp_millis() - now)),
        _ => Err(Fault::Corrupt),
    }
}

/// Whether that is not yet expired.
pub(crate) fn is_live(left: Option<i64>) -> bool {
    left.is_none_or(|left| left > 0)
}

/// The live value, and the milliseconds until its expiry.
async fn read(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    now: i64,
) -> Result<Option<(Bytes, Option<i64>)>, Fault> {
    let Some(found) = collection.find_one(doc! { "_id": id }).await? else { return Ok(None) };
    let left = left(&found, now)?;
    if !is_live(left) {
        return Ok(None);
    }
    Ok(Some((value(&found)?, left)))
}

pub(crate) async fn get(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    now: i64,
) -> Result<Option<Bytes>, Fault> {
    Ok(read(collection, id, now).await?.map(|(value, _)| value))
}

pub(crate) async fn set(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    new: &[u8],
    ttl: Option<Duration>,
    now: i64,
) -> Result<(), Fault> {
    let entry = entry(id, new, ttl, now);
    for _ in 0..TRIES {
        let stored = collection.replace_one(doc! { "_id": id }, &entry).upsert(true).await;
        match stored.map_err(Fault::from) {
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
    now: i64,
) -> Result<Option<Touched>, Fault> {
    let due_below = due_below_millis(touch);
    loop {
        let Some((value, left)) = read(collection, id, now).await? else { return Ok(None) };
        if left.is_none_or(|left| left >= due_below) {
            return Ok(Some(Touched { value, extended: false, remaining: left.map(remaining) }));
        }
        let due = doc! {
            "$gt": DateTime::from_millis(now),
            "$lt": DateTime::from_millis(now + due_below),
        };
        let extended = collection
            .update_one(
                doc! { "_id": id, VALUE: binary(&value), EXPIRES: due },
                doc! { "$set": { EXPIRES: DateTime::from_millis(now + lifetime_millis(touch.ttl)) } },
            )
            .await?;
        if extended.matched_count > 0 {
            return Ok(Some(Touched { value, extended: true, remaining: Some(ttl::clamp(touch.ttl)) }));
        }
        // Written or deleted between the two, by somebody who got on.
    }
}

/// Stores `new` where there is no live value.
pub(crate) async fn create(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    new: &[u8],
    ttl: Option<Duration>,
    now: i64,
) -> Result<Swap, Fault> {
    let entry = entry(id, new, ttl, now);
    loop {
        match collection.insert_one(&entry).await.map_err(Fault::from) {
            Ok(_) => return Ok(Swap::Swapped),
            Err(taken) if taken.is_duplicate() => {}
            Err(fault) => return Err(fault),
        }
        let mut of_expired = expired(now);
        of_expired.insert("_id", id);
        if collection.replace_one(of_expired, &entry).await?.matched_count > 0 {
            return Ok(Swap::Swapped);
        }
        let current = get(collection, id, now).await?;
        // Otherwise deleted between the two, by somebody who got on.
        if current.is_some() {
            return Ok(Swap::Conflict { current });
        }
    }
}

/// Stores `new` where the live value is `expected`, or deletes it if there is no `new`.
pub(crate) async fn replace(
    collection: &Collection<RawDocumentBuf>,
    id: &str,
    expected: &[u8],
    new: Option<&[u8]>,
    ttl: Option<Duration>,
    now: i64,
) -> Result<Swap, Fault> {
    let mut is_expected = unexpired(now);
    is_expected.insert("_id", id);
    is_expected.insert(VALUE, binary(expected));
    loop {
        let swapped = match new {
            Some(new) => {
                let entry = entry(id, new, ttl, now);
                collection.replace_one(is_expected.clone(), &entry).await?.matched_count
            }
            None => collection.delete_one(is_expected.clone()).await?.deleted_count,
        };
        if swapped > 0 {
            return Ok(Swap::Swapped);
        }
        let current = get(collection, id, now).await?;
        // Otherwise written between the two, by somebody who got on.
        if current.as_deref() != Some(expected) {
            return Ok(Swap::Conflict { current });
        }
    }
}
