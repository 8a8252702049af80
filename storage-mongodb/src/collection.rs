//! The collection: what must be true of it, and its TTL index.

use std::time::Duration;

use cloakroom_storage::{Operation, Result};
use futures_util::TryStreamExt;
use mongodb::{
    Collection, Database, IndexModel,
    bson::{RawDocumentBuf, doc},
    options::IndexOptions,
    results::CollectionType,
};
use tracing::warn;

use crate::{
    document::EXPIRES,
    error::{Fault, misconfigured},
};

/// Refuses a collection whose keys would not be told apart, or that cannot hold what we write.
pub(crate) async fn check(database: &Database, name: &str) -> Result<()> {
    let open = |error: mongodb::error::Error| Fault::from(error).into_error(Operation::Open);
    let found = database.list_collections().filter(doc! { "name": name }).await.map_err(open)?;
    let found: Vec<_> = found.try_collect().await.map_err(open)?;
    let Some(found) = found.into_iter().find(|found| found.name == name) else { return Ok(()) };
    if found.collection_type != CollectionType::Collection {
        return Err(misconfigured(format!("{name:?} is not a plain collection; use another one")));
    }
    if found.options.capped == Some(true) {
        return Err(misconfigured(format!(
            "the collection {name:?} is capped, which drops the oldest sessions; use another one"
        )));
    }
    if let Some(collation) = found.options.collation
        && collation.locale != "simple"
    {
        return Err(misconfigured(format!(
            "the collection {name:?} has the collation {:?}, which may take different keys for the same one; use \
             another one, without a collation",
            collation.locale
        )));
    }
    Ok(())
}

/// Creates the index by which the server removes expired documents, if it is not there yet; returns whether the
/// server has it.
pub(crate) async fn ensure_ttl_index(collection: &Collection<RawDocumentBuf>) -> Result<bool, Fault> {
    let index = IndexModel::builder()
        .keys(doc! { EXPIRES: 1 })
        .options(IndexOptions::builder().expire_after(Duration::ZERO).name("expires_ttl".to_owned()).build())
        .build();
    let created = collection.create_index(index).await;
    if has_ttl_index(collection).await? {
        return Ok(true);
    }
    // Otherwise the server took the index and ignored what it was for.
    let code = created.err().and_then(|error| match *error.kind {
        mongodb::error::ErrorKind::Command(command) => Some(command.code),
        _ => None,
    });
    match code {
        Some(85 | 86) => warn!(
            "mongodb: the collection has an index on \"expires\" that is no TTL index, so this storage removes expired \
             values itself; drop that index and restart"
        ),
        Some(13) => warn!(
            "mongodb: the user may not create the TTL index, so this storage removes expired values itself; let an \
             administrator create an index on {{ expires: 1 }} with expireAfterSeconds: 0"
        ),
        _ => warn!("mongodb: the server has no TTL indexes, so this storage removes expired values itself"),
    }
    Ok(false)
}

async fn has_ttl_index(collection: &Collection<RawDocumentBuf>) -> Result<bool, Fault> {
    let mut indexes = match collection.list_indexes().await {
        Ok(indexes) => indexes,
        // The collection is not there yet (code 26), where an index that was refused has not made it.
        Err(error) if matches!(&*error.kind, mongodb::error::ErrorKind::Command(command) if command.code == 26) =>
        {
            return Ok(false);
        }
        Err(error) => return Err(error.into()),
    };
    while let Some(index) = indexes.try_next().await? {
        let expires = index.options.is_some_and(|options| options.expire_after.is_some());
        if expires && index.keys.len() == 1 && index.keys.contains_key(EXPIRES) {
            return Ok(true);
        }
    }
    Ok(false)
}
