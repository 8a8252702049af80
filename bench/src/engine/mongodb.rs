//! The driver of MongoDB, with Cloakroom's statements on Cloakroom's collection.

use ::cloakroom::storage::Capabilities;
use ::mongodb::{
    Client, Collection,
    bson::{Binary, Document, RawBsonRef, RawDocument, RawDocumentBuf, doc, spec::BinarySubtype},
    error::Error,
    options::{Acknowledgment, CollectionOptions, ReadConcern, WriteConcern},
};
use bytes::Bytes;

use super::{Engine, TTL, millis};
use crate::error::Failure;

mod operators;
mod pipelines;

pub(super) struct Mongodb {
    collection: Collection<RawDocumentBuf>,
    dialect: Dialect,
}

/// What the server knows, as Cloakroom has found out.
#[derive(Clone, Copy)]
enum Dialect {
    /// Updates that are pipelines, which read the server's clock.
    Pipelines,
    /// Plain operators.
    Operators {
        /// Whether a command is atomic; where it is not, a touch is a read and a swap.
        atomic: bool,
    },
}

fn failed(error: Error) -> Failure {
    Failure::set_up("the driver of MongoDB")(error)
}

impl Mongodb {
    pub(super) async fn open(url: &str, capabilities: Capabilities) -> Result<Self, Failure> {
        let client = Client::with_uri_str(url).await.map_err(failed)?;
        let database =
            client.default_database().ok_or_else(|| Failure::set_up("the driver of MongoDB")(NoDatabase))?;
        let options = CollectionOptions::builder()
            .write_concern(WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build())
            .read_concern(ReadConcern::majority())
            .build();
        let collection = database.collection_with_options("cloakroom", options);
        let knows_pipelines = pipelines::get_and_touch(&collection, "rawdriver:").await.is_ok();
        let dialect = match capabilities.atomic_touch {
            true if knows_pipelines => Dialect::Pipelines,
            atomic => Dialect::Operators { atomic },
        };
        Ok(Self { collection, dialect })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the URL names no database")]
struct NoDatabase;

fn binary(bytes: &[u8]) -> Binary {
    Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() }
}

fn value(document: &RawDocument) -> Result<Bytes, Failure> {
    match document.get("value") {
        Ok(Some(RawBsonRef::Binary(binary))) => Ok(Bytes::copy_from_slice(binary.bytes)),
        _ => Err(Failure::Wrong {
            contender: "mongodb".to_owned(),
            what: "a document has no value".to_owned(),
        }),
    }
}

/// One more, as the clock shows whole milliseconds only.
fn lifetime() -> i64 {
    millis(TTL) + 1
}

/// What finds a document by its key.
fn by_id(key: &str) -> Document {
    doc! { "_id": key }
}

impl Engine for Mongodb {
    fn name(&self) -> &'static str {
        "mongodb"
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        match self.dialect {
            Dialect::Pipelines => pipelines::get(&self.collection, key).await,
            Dialect::Operators { .. } => operators::get(&self.collection, key).await,
        }
    }

    async fn set(&self, key: &str, new: Bytes) -> Result<(), Failure> {
        match self.dialect {
            Dialect::Pipelines => pipelines::set(&self.collection, key, &new).await,
            Dialect::Operators { .. } => operators::set(&self.collection, key, &new).await,
        }
    }

    async fn get_and_touch(&self, key: &str) -> Result<Option<(Bytes, bool)>, Failure> {
        match self.dialect {
            Dialect::Pipelines => pipelines::get_and_touch(&self.collection, key).await,
            Dialect::Operators { atomic: true } => operators::get_and_touch(&self.collection, key).await,
            Dialect::Operators { atomic: false } => operators::read_and_swap(&self.collection, key).await,
        }
    }

    async fn compare_and_swap(&self, key: &str, expected: &[u8], new: Bytes) -> Result<bool, Failure> {
        match self.dialect {
            Dialect::Pipelines => pipelines::swap(&self.collection, key, expected, &new).await,
            Dialect::Operators { .. } => operators::swap(&self.collection, key, expected, &new).await,
        }
    }
}
