//! The operations on one namespace, in the statements that the server knows.

use std::{num::NonZeroUsize, time::Duration};

use cloakroom_storage::{Bytes, Cursor, Entry, Namespace, Page, Swap, Touch, Touched};
use futures_util::TryStreamExt;
use mongodb::{
    Collection, Database,
    bson::{Document, RawDocument, RawDocumentBuf, doc},
};

use crate::{
    clock::Clock,
    document::{after, id, remaining, value, within},
    error::Fault,
    operators, pipelines,
    product::Product,
};

/// The most documents that are read at once by a scan, or removed at once by a sweep.
const BATCH: usize = 1_000;

/// How long ago a value must have expired to be removed where a command is not atomic: it might be set again between
/// the server's finding and its removing it, but hardly after an hour.
const GRACE_MILLIS: i64 = 60 * 60 * 1_000;

/// Which statements the server knows.
pub(crate) enum Dialect {
    /// Pipelines that read the server's clock.
    Pipelines,
    /// Plain operators, with the time from a copy of the server's clock.
    Operators {
        clock: Clock,
        /// Whether nothing comes between a command's reading and its writing.
        atomic: bool,
    },
}

pub(crate) struct Engine {
    pub(crate) collection: Collection<RawDocumentBuf>,
    pub(crate) database: Database,
    pub(crate) namespace: Namespace,
    pub(crate) dialect: Dialect,
    pub(crate) product: Product,
}

impl Engine {
    pub(crate) fn is_atomic(&self) -> bool {
        match &self.dialect {
            Dialect::Pipelines => true,
            Dialect::Operators { atomic, .. } => *atomic,
        }
    }

    fn id(&self, key: &str) -> String {
        id(&self.namespace, key)
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, Fault> {
        match &self.dialect {
            Dialect::Pipelines => pipelines::get(&self.collection, &self.id(key)).await,
            Dialect::Operators { clock, .. } => {
                operators::get(&self.collection, &self.id(key), clock.now()).await
            }
        }
    }

    pub(crate) async fn set(&self, key: &str, new: &[u8], ttl: Option<Duration>) -> Result<(), Fault> {
        if ttl == Some(Duration::ZERO) {
            return self.delete(key).await;
        }
        match &self.dialect {
            Dialect::Pipelines => pipelines::set(&self.collection, &self.id(key), new, ttl).await,
            Dialect::Operators { clock, .. } => {
                operators::set(&self.collection, &self.id(key), new, ttl, clock.now()).await
            }
        }
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Fault> {
        let found = doc! { "_id": self.id(key) };
        match self.product {
            // There is only one. The driver does not send it again where a connection breaks.
            Product::Documentdb => self.collection.delete_many(found).await?,
            Product::Ferretdb1 | Product::Other => self.collection.delete_one(found).await?,
        };
        Ok(())
    }

    pub(crate) async fn reset(&self) -> Result<(), Fault> {
        self.collection.delete_many(doc! { "_id": within(&self.namespace) }).await?;
        Ok(())
    }

    pub(crate) async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>, Fault> {
        match &self.dialect {
            Dialect::Pipelines => pipelines::get_and_touch(&self.collection, &self.id(key), touch).await,
            Dialect::Operators { clock, atomic: true } => {
                operators::get_and_touch(&self.collection, &self.id(key), touch, clock.now()).await
            }
            Dialect::Operators { atomic: false, .. } => self.read_and_swap(key, touch).await,
        }
    }

    /// What the contract says of a touch that is not claimed to be atomic: it extends always.
    async fn read_and_swap(&self, key: &str, touch: Touch) -> Result<Option<Touched>, Fault> {
        let Some(mut value) = self.get(key).await? else { return Ok(None) };
        if touch.ttl.is_zero() {
            return Ok(Some(Touched { value, extended: false, remaining: Some(Duration::ZERO) }));
        }
        loop {
            match self.compare_and_swap(key, Some(&value), Some(&value), Some(touch.ttl)).await? {
                Swap::Swapped => {
                    return Ok(Some(Touched { value, extended: true, remaining: Some(touch.ttl) }));
                }
                Swap::Conflict { current: Some(newer) } => value = newer,
                Swap::Conflict { current: None } => return Ok(None),
            }
        }
    }

    pub(crate) async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<Swap, Fault> {
        // Already expired: the same as none.
        let new = new.filter(|_| ttl != Some(Duration::ZERO));
        let (collection, id) = (&self.collection, self.id(key));
        match (&self.dialect, expected, new) {
            (_, None, None) => Ok(match self.get(key).await? {
                None => Swap::Swapped,
                current => Swap::Conflict { current },
            }),
            (Dialect::Pipelines, None, Some(new)) => pipelines::create(collection, &id, new, ttl).await,
            (Dialect::Pipelines, Some(expected), Some(new)) => {
                pipelines::replace(collection, &id, expected, new, ttl).await
            }
            (Dialect::Pipelines, Some(expected), None) => pipelines::remove(collection, &id, expected).await,
            (Dialect::Operators { clock, .. }, None, Some(new)) => {
                operators::create(collection, &id, new, ttl, clock.now()).await
            }
            (Dialect::Operators { clock, .. }, Some(expected), new) => {
                operators::replace(collection, &id, expected, new, ttl, clock.now()).await
            }
        }
    }

    /// A page in the order of the keys. Documents that are expired are read too, so that a page may be short though
    /// more follow.
    pub(crate) async fn scan(&self, from: Option<&Cursor>, limit: NonZeroUsize) -> Result<Page, Fault> {
        let limit = limit.get().min(BATCH);
        let mut find = self
            .collection
            .find(doc! { "_id": after(&self.namespace, from.map(Cursor::as_str)) })
            .sort(doc! { "_id": 1 })
            .limit(i64::try_from(limit).unwrap_or(i64::MAX));
        if matches!(self.dialect, Dialect::Pipelines) {
            find = find.projection(pipelines::scanned());
        }
        let documents: Vec<RawDocumentBuf> = find.await?.try_collect().await?;
        let next = match documents.last() {
            Some(last) if documents.len() == limit => Some(Cursor::new(self.key(last)?)),
            _ => None,
        };
        let mut entries = Vec::with_capacity(documents.len());
        for document in &documents {
            let left = match &self.dialect {
                Dialect::Pipelines => pipelines::left(document),
                Dialect::Operators { clock, .. } => operators::left(document, clock.now())?,
            };
            if operators::is_live(left) {
                let key = self.key(document)?.to_owned();
                entries.push(Entry { key, value: value(document)?, ttl: left.map(remaining) });
            }
        }
        Ok(Page { entries, next })
    }

    /// The key of a document of this namespace.
    fn key<'a>(&self, document: &'a RawDocument) -> Result<&'a str, Fault> {
        let id = document.get_str("_id").map_err(|_| Fault::Corrupt)?;
        id.strip_prefix(self.namespace.prefix()).ok_or(Fault::Corrupt)
    }

    /// Removes the expired documents of this namespace, in batches. What is expired is judged by the server once more
    /// as it removes it.
    pub(crate) async fn purge_expired(&self) -> Result<u64, Fault> {
        let mut purged = 0;
        loop {
            let mut expired = self.expired();
            expired.insert("_id", within(&self.namespace));
            let found: Vec<RawDocumentBuf> = self
                .collection
                .find(expired)
                .projection(doc! { "_id": 1 })
                .limit(i64::try_from(BATCH).unwrap_or(i64::MAX))
                .await?
                .try_collect()
                .await?;
            if found.is_empty() {
                return Ok(purged);
            }
            let ids: Result<Vec<&str>, Fault> =
                found.iter().map(|found| found.get_str("_id").map_err(|_| Fault::Corrupt)).collect();
            let mut expired = self.expired();
            expired.insert("_id", doc! { "$in": ids? });
            let removed = self.collection.delete_many(expired).await?.deleted_count;
            purged += removed;
            // None: another node was faster, and goes on.
            if found.len() < BATCH || removed == 0 {
                return Ok(purged);
            }
        }
    }

    fn expired(&self) -> Document {
        match &self.dialect {
            Dialect::Pipelines => pipelines::expired(),
            Dialect::Operators { clock, atomic: true } => operators::expired(clock.now()),
            Dialect::Operators { clock, atomic: false } => operators::expired(clock.now() - GRACE_MILLIS),
        }
    }

    pub(crate) async fn ping(&self) -> Result<(), Fault> {
        self.database.run_command(doc! { "ping": 1 }).await?;
        Ok(())
    }
}
