//! What the server says that it is, for what cannot be found out by trying a command.

use futures_util::future::try_join;
use mongodb::{
    Database,
    bson::{Document, doc},
    error::ErrorKind,
};

use crate::error::Fault;

/// What is known of some servers that speak MongoDB's protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    /// Its `findAndModify` and `update` find a document, and then write it by its `_id` alone.
    Ferretdb1,
    /// DocumentDB, the engine on PostgreSQL: behind its own gateway, as Azure's service, or behind FerretDB 2. Not
    /// Amazon's service of that name. Its deletion of one document finds none, and says so, where another command is
    /// writing that document.
    Documentdb,
    /// MongoDB, or what does not say that it is something else.
    Other,
}

impl Product {
    /// Asks the server.
    pub(crate) async fn of(database: &Database) -> Result<Self, Fault> {
        let (build, hello) = try_join(ask(database, "buildInfo"), ask(database, "hello")).await?;
        Ok(Self::told_by(&build, &hello))
    }

    fn told_by(build: &Document, hello: &Document) -> Self {
        let engine = hello.get_document("internal").ok();
        // Under the second name until it was made public.
        let is_documentdb = engine.is_some_and(|engine| {
            engine.contains_key("documentdb_versions") || engine.contains_key("cosmos_versions")
        });
        if build.contains_key("ferretdbVersion") {
            Self::Ferretdb1
        } else if is_documentdb || build.contains_key("ferretdb") {
            Self::Documentdb
        } else {
            Self::Other
        }
    }
}

/// A server that refuses to answer has said nothing.
async fn ask(database: &Database, command: &str) -> Result<Document, Fault> {
    match database.run_command(doc! { command: 1 }).await {
        Err(error) if matches!(*error.kind, ErrorKind::Command(_)) => Ok(Document::new()),
        answer => Ok(answer?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_what_it_says_that_it_is() {
        let nothing = Document::new();
        let ferretdb_1 = doc! { "version": "7.0.42", "ferretdbVersion": "v1.24.0", "ferretdbFeatures": {} };
        let ferretdb_2 = doc! { "version": "7.0.77", "ferretdb": { "version": "v2.7.0" } };
        let gateway = doc! { "internal": { "documentdb_versions": ["1.0-0"] } };
        let azure = doc! { "msg": "isdbgrid", "internal": { "cosmos_versions": ["1.104-1"] } };
        let mongodb = doc! { "version": "8.0.4", "modules": [], "storageEngines": ["wiredTiger"] };
        assert_eq!(Product::told_by(&ferretdb_1, &nothing), Product::Ferretdb1);
        assert_eq!(Product::told_by(&ferretdb_2, &nothing), Product::Documentdb);
        assert_eq!(Product::told_by(&mongodb, &gateway), Product::Documentdb);
        assert_eq!(Product::told_by(&mongodb, &azure), Product::Documentdb);
        assert_eq!(Product::told_by(&mongodb, &doc! { "setName": "rs0" }), Product::Other);
    }
}
