use std::fmt::Write;

use cloakroom_storage::ErrorKind;
use sqlx::{Sqlite, error::DatabaseError, sqlite::SqliteQueryResult};

use crate::sql::{
    engine::{Engine, write_hex},
    error::{Cause, Fate},
};

impl Engine for Sqlite {
    const BACKEND: &'static str = "sqlite";

    // A statement runs to its end on the connection's own thread; whoever comes next waits for it.
    const SURVIVES_A_DROP: bool = true;

    const NUMBERED: bool = true;

    fn affected(result: &SqliteQueryResult) -> u64 {
        result.rows_affected()
    }

    /// See <https://www.sqlite.org/rescode.html>.
    fn explain(error: &dyn DatabaseError) -> Cause {
        let code: i32 = error.code().and_then(|code| code.parse().ok()).unwrap_or_default();
        let refused = |kind, detail| Cause::new(kind, Fate::Refused, detail);
        // The low byte is the primary code, the rest details it.
        match code & 0xff {
            1 if error.message().starts_with("no such table") => refused(
                ErrorKind::Misconfigured,
                "the table is not there (any more); restart the application, or create it as schema_sql() says",
            ),
            3 | 23 => {
                refused(ErrorKind::Misconfigured, "access to the file is denied; check its permissions")
            }
            5 | 6 => refused(
                ErrorKind::Unavailable,
                "the file is locked by another process or connection for longer than the busy timeout",
            ),
            8 => refused(
                ErrorKind::Misconfigured,
                "the file cannot be written; check the permissions of the file and its folder, and mode= in the URL",
            ),
            10 => refused(ErrorKind::Unavailable, "reading or writing the file failed; check the disk"),
            11 => refused(ErrorKind::Corrupt, "the file is damaged; restore it, or delete it to begin anew"),
            13 => refused(ErrorKind::Unavailable, "the disk is full; make room"),
            14 => refused(
                ErrorKind::Misconfigured,
                "the file cannot be opened; check the path, that its folder exists and that both can be written",
            ),
            18 => refused(ErrorKind::ValueTooLarge, "the value is larger than SQLite stores"),
            26 => refused(ErrorKind::Misconfigured, "the file is not a SQLite database; choose another path"),
            _ => refused(ErrorKind::Other, "SQLite refused the statement"),
        }
    }

    fn write_placeholder(sql: &mut String, number: usize) {
        let _ = write!(sql, "?{number}");
    }

    fn write_bytes(sql: &mut String, bytes: &[u8]) {
        sql.push_str("X'");
        write_hex(sql, bytes);
        sql.push('\'');
    }

    fn write_number(sql: &mut String, number: Option<i64>) {
        let _ = match number {
            Some(number) => write!(sql, "{number}"),
            None => write!(sql, "NULL"),
        };
    }
}
