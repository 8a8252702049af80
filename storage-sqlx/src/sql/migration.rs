//! The version of the schema, kept in the table itself under a key that no namespace has.

use cloakroom_storage::{Result, StorageError};

use crate::sql::{engine::Engine, error::misconfigured};

/// The version that this code reads and writes.
///
/// A newer schema adds a step to an engine's list, which is then applied under a lock, by whichever node starts
/// first. What a step does has to be bearable for nodes that still run the older code.
pub(crate) const VERSION: usize = 1;

/// The key of the record. A namespace's name is not empty, so none of its keys begins with `:`.
pub(crate) const VERSION_KEY: &[u8] = b":schema";

/// The value of the record that the first step writes. Each step writes its own, so that a step which fails is done
/// again by the next start.
pub(crate) const VERSION_1: &str = "1";

/// The version that a record says.
pub(crate) fn version<DB: Engine>(record: Option<Vec<u8>>) -> Result<usize> {
    let Some(record) = record else { return Ok(0) };
    let version = std::str::from_utf8(&record).ok().and_then(|version| version.parse().ok());
    let version =
        version.ok_or_else(|| misconfigured::<DB>("the table's record of its version is not a number"))?;
    if version > VERSION {
        return Err(misconfigured::<DB>(format!(
            "the table was made by a newer release (its schema has version {version}, this release knows \
             {VERSION}); update this application, or give it a table of its own"
        )));
    }
    Ok(version)
}

/// A column that is not as it should be.
pub(crate) fn wrong_column<DB: Engine>(table: &str, column: &str, found: &str, wanted: &str) -> StorageError {
    misconfigured::<DB>(format!(
        "column {column} of table {table} is {found}, not {wanted}; rename that table and let a new one be made, or \
         configure another table"
    ))
}

/// A table that is missing and may not be created.
pub(crate) fn missing<DB: Engine>(table: &str, sql: &str) -> StorageError {
    misconfigured::<DB>(format!("table {table} is missing or not set up; have its owner run: {sql}"))
}
