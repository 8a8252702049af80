use std::fmt::Write;

use cloakroom_storage::ErrorKind;
use sqlx::{Postgres, error::DatabaseError, postgres::PgQueryResult};

use crate::sql::{
    engine::{Engine, write_hex},
    error::{Cause, Fate},
};

impl Engine for Postgres {
    const BACKEND: &'static str = "postgres";

    const SURVIVES_A_DROP: bool = false;

    const NUMBERED: bool = true;

    fn affected(result: &PgQueryResult) -> u64 {
        result.rows_affected()
    }

    /// See <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
    fn explain(error: &dyn DatabaseError) -> Cause {
        use ErrorKind::{Misconfigured, Timeout, Unavailable, ValueTooLarge};
        use Fate::{Lost, Refused, Undone};
        let code = error.code().unwrap_or_default();
        let (kind, fate, detail) = match &*code {
            "28P01" | "28000" => {
                (Misconfigured, Lost, "the user name or the password is wrong, or pg_hba.conf refuses it")
            }
            "3D000" => (Misconfigured, Lost, "the database does not exist; create it, or correct the URL"),
            "3F000" => (Misconfigured, Refused, "the schema does not exist; create it, or configure another"),
            "42501" => (
                Misconfigured,
                Refused,
                "the user lacks a right; grant SELECT, INSERT, UPDATE and DELETE on the table",
            ),
            "42P01" => (
                Misconfigured,
                Refused,
                "the table is not there (any more); restart the application, or create it as schema_sql() says",
            ),
            "42703" | "42804" => {
                (Misconfigured, Refused, "the table's columns are not what they were at the start")
            }
            "26000" | "42P05" => (
                Misconfigured,
                Lost,
                "prepared statements get lost between here and the server; behind a pooler in transaction mode, switch \
                 the statement cache off (statement-cache-capacity=0 in the URL)",
            ),
            "0A000" => (Unavailable, Lost, "the table was changed while a statement on it was prepared"),
            "25006" => (Unavailable, Lost, "the server is read-only; connect to the primary"),
            "40001" | "40P01" => (Unavailable, Undone, "others changed the same rows, again and again"),
            "55P03" => (Unavailable, Refused, "a lock was held for longer than lock_timeout"),
            "57014" => {
                (Timeout, Refused, "the statement took longer than statement_timeout, or was cancelled")
            }
            "57P01" | "57P02" => (Unavailable, Lost, "the server has ended the connection"),
            "57P03" => (Unavailable, Lost, "the server is starting or stopping"),
            "53300" => (
                Unavailable,
                Lost,
                "the server has too many connections; allow it more, or this application fewer",
            ),
            "53100" => (Unavailable, Refused, "the server's disk is full; make room"),
            code if code.starts_with("08") => (Unavailable, Lost, "the connection broke"),
            code if code.starts_with("53") => {
                (Unavailable, Refused, "the server is out of memory or another resource")
            }
            code if code.starts_with("54") => {
                (ValueTooLarge, Refused, "the value is larger than PostgreSQL stores")
            }
            code if code.starts_with("58") => (Unavailable, Lost, "the server's own system failed"),
            _ => {
                return Cause::new(ErrorKind::Other, Refused, format!("the server answered SQLSTATE {code}"));
            }
        };
        Cause::new(kind, fate, detail)
    }

    fn write_placeholder(sql: &mut String, number: usize) {
        let _ = write!(sql, "${number}");
    }

    /// Whatever `standard_conforming_strings` says.
    fn write_bytes(sql: &mut String, bytes: &[u8]) {
        sql.push_str("decode('");
        write_hex(sql, bytes);
        sql.push_str("', 'hex')");
    }

    fn write_number(sql: &mut String, number: Option<i64>) {
        let _ = match number {
            Some(number) => write!(sql, "{number}::bigint"),
            None => write!(sql, "NULL::bigint"),
        };
    }
}
