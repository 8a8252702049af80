use std::fmt::Write;

use sqlx::{Database, error::DatabaseError};

use crate::sql::error::Cause;

/// What differs between the databases for the code that they share.
pub(crate) trait Engine: Database {
    /// The name in errors and capabilities.
    const BACKEND: &'static str;

    /// Whether a connection can be used further after the future of a statement was dropped half way. Where it
    /// cannot, it is closed.
    const SURVIVES_A_DROP: bool;

    /// How many rows a statement has changed or, on MySQL, found.
    fn affected(result: &Self::QueryResult) -> u64;

    /// What an error of the server means.
    fn explain(error: &dyn DatabaseError) -> Cause;

    /// What a new connection of our own is told first.
    fn greet(connection: &mut Self::Connection) -> impl Future<Output = sqlx::Result<()>> + Send {
        let _ = connection;
        async { Ok(()) }
    }

    /// Writes the placeholder of the parameter of that number, from 1.
    fn write_placeholder(sql: &mut String, number: usize);

    /// Whether a placeholder is numbered, and so stands for one parameter wherever it is repeated.
    const NUMBERED: bool;

    /// Writes bytes as a literal.
    fn write_bytes(sql: &mut String, bytes: &[u8]);

    /// Writes a number as a literal; `None` is NULL.
    fn write_number(sql: &mut String, number: Option<i64>);
}

/// Writes bytes in hexadecimal digits, which no quoting can go wrong with.
pub(crate) fn write_hex(sql: &mut String, bytes: &[u8]) {
    sql.reserve(2 * bytes.len());
    for byte in bytes {
        // Writing to a string cannot fail.
        let _ = write!(sql, "{byte:02x}");
    }
}
