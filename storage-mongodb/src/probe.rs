//! Which statements the server knows, found out by trying them.

use std::time::Duration;

use cloakroom_storage::{ErrorKind, Swap, Touch};
use mongodb::{
    Collection, Database,
    bson::{RawDocumentBuf, doc, oid::ObjectId},
};
use tracing::warn;

use crate::{clock::Clock, engine::Dialect, error::Fault, pipelines, product::Product};

pub(crate) async fn dialect(
    database: &Database,
    collection: &Collection<RawDocumentBuf>,
    product: Product,
) -> Result<Dialect, Fault> {
    // Of no namespace, as those have no space in their names and a colon after them. It expires a moment later if we
    // do not come to delete it.
    let id = format!("cloakroom probe {}", ObjectId::new());
    let works = knows_pipelines(collection, &id).await;
    collection.delete_one(doc! { "_id": &id }).await?;
    if works? {
        return Ok(Dialect::Pipelines);
    }
    let atomic = product != Product::Ferretdb1;
    warn!(
        "mongodb: the server's updates know neither pipelines nor $$NOW: the time is the server's as told by hello, \
         corrected once a minute, and a touch that extends takes two round trips"
    );
    if !atomic {
        warn!(
            "mongodb: FerretDB 1 lets others in between a command's reading and its writing: swaps and touches are \
             not atomic, and expired values are removed an hour later; use MongoDB where sessions are \
             written by several requests at once"
        );
    }
    Ok(Dialect::Operators { clock: Clock::of(database).await?, atomic })
}

/// Creates, touches, swaps and reads a document, and looks at the outcome. A server that merely ignores what it does
/// not know is found out too.
async fn knows_pipelines(collection: &Collection<RawDocumentBuf>, id: &str) -> Result<bool, Fault> {
    let (ttl, longer) = (Duration::from_secs(60), Duration::from_secs(120));
    let outcome = async {
        let created = pipelines::create(collection, id, b"old", Some(ttl)).await?;
        let touched = pipelines::get_and_touch(collection, id, Touch::new(longer, Duration::ZERO)).await?;
        let refused = pipelines::replace(collection, id, b"other", b"new", Some(ttl)).await?;
        let swapped = pipelines::replace(collection, id, b"old", b"new", Some(ttl)).await?;
        let read = pipelines::get(collection, id).await?;
        Ok::<_, Fault>(
            created.is_swapped()
                && touched.is_some_and(|touched| touched.extended && touched.value == "old")
                && refused == Swap::Conflict { current: Some("old".into()) }
                && swapped.is_swapped()
                && read.as_deref() == Some(b"new"),
        )
    };
    match outcome.await {
        // What has nothing to do with the statement would happen to any other, too.
        Err(fault) if is_about_the_statement(&fault) => Ok(false),
        outcome => outcome,
    }
}

fn is_about_the_statement(fault: &Fault) -> bool {
    match fault {
        Fault::Driver(error) => {
            let refused = matches!(
                *error.kind,
                mongodb::error::ErrorKind::Command(_) | mongodb::error::ErrorKind::Write(_)
            );
            refused && matches!(fault.kind(), ErrorKind::Other)
                || matches!(&*error.kind, mongodb::error::ErrorKind::Command(command)
                    if matches!(command.code, 115 | 238 | 303))
        }
        // Nobody else writes that document.
        Fault::Corrupt | Fault::Contended => true,
        Fault::NoClock => false,
    }
}
