//! The connection string, and what we add to it.

use cloakroom_storage::{ErrorKind, Operation, Result};
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria,
    WriteConcern,
};
use tracing::warn;

use crate::{
    MongodbConfig,
    error::{Fault, misconfigured},
};

/// Resolves `mongodb+srv://` too.
pub(crate) async fn client_options(config: &MongodbConfig) -> Result<ClientOptions> {
    let scheme = config.url().split_once("://").map(|(scheme, _)| scheme);
    if !matches!(scheme, Some("mongodb" | "mongodb+srv")) {
        return Err(misconfigured("the URL begins with neither mongodb:// nor mongodb+srv://"));
    }
    let mut options = ClientOptions::parse(config.url()).await.map_err(|error| {
        let fault = Fault::from(error);
        match fault.kind() {
            ErrorKind::Misconfigured => misconfigured(
                "the URL is no connection string; it is \
                 mongodb://user:password@host:port/database?option=value, with every special character of user name \
                 and password percent-encoded, and options spelled as in MongoDB's manual",
            ),
            _ => fault.into_error(Operation::Open),
        }
    })?;
    let patience = config.connect_timeout() / 10 * 9;
    options.server_selection_timeout.get_or_insert(patience);
    options.connect_timeout.get_or_insert(patience);
    options.app_name.get_or_insert_with(|| "cloakroom".to_owned());
    if config.max_pool_size().is_some() {
        options.max_pool_size = config.max_pool_size();
    }
    Ok(options)
}

/// How the collection is read and written: by the client's own concerns where it has them.
pub(crate) fn collection_options(
    write_concern: Option<&WriteConcern>,
    read_concern: Option<&ReadConcern>,
) -> CollectionOptions {
    if let Some(concern) = write_concern
        && matches!(concern.w, Some(Acknowledgment::Nodes(0 | 1)))
    {
        warn!(
            "mongodb: writes are acknowledged by one member only, so that a failover may bring destroyed sessions \
             back; leave w out of the URL"
        );
    }
    let majority = WriteConcern::builder().w(Acknowledgment::Majority).journal(true).build();
    CollectionOptions::builder()
        .write_concern(write_concern.cloned().unwrap_or(majority))
        .read_concern(read_concern.cloned().unwrap_or_else(ReadConcern::majority))
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
        .build()
}
