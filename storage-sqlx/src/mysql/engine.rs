use std::fmt::Write;

use cloakroom_storage::ErrorKind;
use sqlx::{
    Executor, MySql,
    error::DatabaseError,
    mysql::{MySqlConnection, MySqlDatabaseError, MySqlQueryResult},
};

use crate::sql::{
    engine::{Engine, write_hex},
    error::{Cause, Fate},
};

impl Engine for MySql {
    const BACKEND: &'static str = "mysql";

    const SURVIVES_A_DROP: bool = false;

    const NUMBERED: bool = false;

    /// How many rows were found: the driver asks the server to count those too that already are as they should be.
    fn affected(result: &MySqlQueryResult) -> u64 {
        result.rows_affected()
    }

    /// See <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html> and
    /// <https://mariadb.com/kb/en/mariadb-error-codes/>.
    fn explain(error: &dyn DatabaseError) -> Cause {
        use ErrorKind::{Misconfigured, Timeout, Unavailable, ValueTooLarge};
        use Fate::{Lost, Refused, Undone};
        let number = error.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
        let (kind, fate, detail) = match number {
            1045 | 1698 => (Misconfigured, Lost, "the user name or the password is wrong"),
            1130 => (Misconfigured, Lost, "the server does not let this host in"),
            1049 => (Misconfigured, Lost, "the database does not exist; create it, or correct the URL"),
            1046 => (Misconfigured, Refused, "the URL names no database; say mysql://HOST/DATABASE"),
            1044 | 1142 | 1143 | 1227 => (
                Misconfigured,
                Refused,
                "the user lacks a right; grant SELECT, INSERT, UPDATE and DELETE on the table",
            ),
            1146 => (
                Misconfigured,
                Refused,
                "the table is not there (any more); restart the application, or create it as schema_sql() says",
            ),
            1054 => (Misconfigured, Refused, "the table's columns are not what they were at the start"),
            1102 | 1103 => (Misconfigured, Refused, "the server does not take the name of the table"),
            1243 => (
                Misconfigured,
                Lost,
                "prepared statements get lost between here and the server; switch the statement cache off \
                 (statement-cache-capacity=0 in the URL)",
            ),
            1461 => {
                (Misconfigured, Refused, "raise max_prepared_stmt_count, or switch the statement cache off")
            }
            1665 => (Misconfigured, Refused, "set binlog_format to ROW or MIXED"),
            1040 | 1203 | 1226 => (
                Unavailable,
                Lost,
                "the server has too many connections; allow it more, or this application fewer",
            ),
            1205 => (Unavailable, Refused, "a lock was held for longer than innodb_lock_wait_timeout"),
            1213 | 1020 => (Unavailable, Undone, "others changed the same rows, again and again"),
            1290 | 1792 | 1836 => (Unavailable, Lost, "the server is read-only; connect to the primary"),
            1021 | 1114 => (Unavailable, Refused, "the server's disk or its tablespace is full; make room"),
            1053 | 1129 | 1152 | 1158..=1161 | 1184 | 1927 | 4031 => {
                (Unavailable, Lost, "the server has ended the connection")
            }
            1317 | 1969 | 3024 => (Timeout, Refused, "the statement took longer than the server allows"),
            1153 => (ValueTooLarge, Lost, "the value is larger than the server's max_allowed_packet"),
            1118 | 1406 => (
                ValueTooLarge,
                Refused,
                "the value is larger than the server stores; see innodb_log_file_size",
            ),
            _ => {
                return Cause::new(ErrorKind::Other, Refused, format!("the server answered error {number}"));
            }
        };
        Cause::new(kind, fate, detail)
    }

    /// By default, a write locks the gaps beside its row as well, and two of them may lock each other out.
    async fn greet(connection: &mut MySqlConnection) -> sqlx::Result<()> {
        connection.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED").await.map(drop)
    }

    fn write_placeholder(sql: &mut String, _: usize) {
        sql.push('?');
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
