use cloakroom_storage::{ErrorKind, Operation, Result, StorageError};

/// The longest name of a table, in bytes: the limit of PostgreSQL, 63, less what the name of its index adds.
pub(crate) const MAX_TABLE_BYTES: usize = 52;

/// The name of the table where none is given.
pub(crate) const DEFAULT_TABLE: &str = "cloakroom";

/// Checks the name of a table or a schema. It is quoted wherever it is used, so that any character that the engine
/// takes may be in it; engines strip spaces at its ends or refuse them.
pub(crate) fn check_name(backend: &'static str, what: &str, name: &str) -> Result<()> {
    let well_formed = !name.is_empty()
        && name.len() <= MAX_TABLE_BYTES
        && name.trim() == name
        && !name.chars().any(char::is_control);
    if well_formed {
        return Ok(());
    }
    Err(StorageError::new(ErrorKind::Misconfigured, backend, Operation::Open).with_detail(format!(
        "the name of the {what} has to have 1 to {MAX_TABLE_BYTES} bytes, no control character, and no space at its ends"
    )))
}

/// The name as an identifier between quotes, `"` or MySQL's backtick; a quote in it is doubled.
pub(crate) fn quote(name: &str, quote: char) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    quoted.push(quote);
    for character in name.chars() {
        if character == quote {
            quoted.push(quote);
        }
        quoted.push(character);
    }
    quoted.push(quote);
    quoted
}
