use cloakroom_storage::{ErrorKind, Operation, Result, StorageError};
use sqlx::{
    AssertSqlSafe, Executor, MySql, Row, ValueRef,
    mysql::{MySqlConnection, MySqlRow},
};

use crate::sql::{
    client::Client,
    engine::{Engine, write_hex},
    error::{misconfigured, storage_error},
    migration::{VERSION, VERSION_1, VERSION_KEY, missing, version, wrong_column},
};

use super::MysqlConfig;

/// What each version of the schema adds to the one before it. Every statement may be run again.
pub(super) fn steps(config: &MysqlConfig) -> [Vec<String>; VERSION] {
    let table = config.quoted_table();
    let mut record = String::new();
    write_hex(&mut record, VERSION_1.as_bytes());
    [vec![
        // Bytes, so that no collation takes two keys for one; the longest namespace, a colon and the longest key. A
        // plain BLOB would end at 64 KiB. Expiries are in epoch milliseconds, NULL: never.
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (k VARBINARY(576) NOT NULL, v LONGBLOB NOT NULL, expires_at BIGINT NULL, \
             PRIMARY KEY (k), KEY expires_at (expires_at)) ENGINE=InnoDB"
        ),
        format!("INSERT IGNORE INTO {table} (k, v) VALUES (X'{}', X'{record}')", version_key()),
    ]]
}

fn version_key() -> String {
    let mut key = String::new();
    write_hex(&mut key, VERSION_KEY);
    key
}

/// The lock that everyone takes who creates a table or brings one up to date, waited for as long as 30 seconds. Losing
/// the connection gives it back.
const LOCK: &str = "SELECT GET_LOCK('cloakroom', 30)";
const UNLOCK: &str = "SELECT RELEASE_LOCK('cloakroom')";

/// Checks the table, and creates it or brings it up to date. Returns the server's `max_allowed_packet`, in bytes.
pub(super) async fn set_up(client: &Client<MySql>, config: &MysqlConfig) -> Result<i64> {
    let failed = |error| storage_error::<MySql>(Operation::Open, error);
    let mut lease = client.connections().acquire(false).await.map_err(failed)?;
    let connection = lease.connection().map_err(failed)?;
    let prepared = client.in_time(Operation::Open, async { Ok(prepare(connection, config).await) }).await;
    let packet = prepared.map_err(failed)??;
    lease.give_back();
    Ok(packet)
}

async fn prepare(connection: &mut MySqlConnection, config: &MysqlConfig) -> Result<i64> {
    let failed = |error| storage_error::<MySql>(Operation::Open, error);
    if inspect(connection, config).await? < VERSION {
        if !config.creates_table() {
            return Err(missing::<MySql>(config.table(), &config.schema_sql()?));
        }
        lock(connection).await?;
        let found = inspect(connection, config).await?;
        for statement in steps(config).iter().skip(found).flatten() {
            let done = connection.execute(AssertSqlSafe(statement.as_str())).await;
            done.map_err(|error| match number(&error) {
                Some(1044 | 1142) => match config.schema_sql() {
                    Ok(sql) => missing::<MySql>(config.table(), &sql),
                    Err(error) => error,
                },
                _ => failed(error),
            })?;
        }
        connection.execute(UNLOCK).await.map_err(failed)?;
        // It may have been there, unfinished.
        inspect(connection, config).await?;
    }
    let packet = connection.fetch_one("SELECT CAST(@@max_allowed_packet AS SIGNED)").await.map_err(failed)?;
    packet.try_get(0).map_err(failed)
}

async fn lock(connection: &mut MySqlConnection) -> Result<()> {
    let failed = |error| storage_error::<MySql>(Operation::Open, error);
    let answer = connection.fetch_one(LOCK).await.map_err(failed)?;
    // NULL where the wait was ended from outside.
    let taken: Option<i64> = answer.try_get(0).map_err(failed)?;
    if taken == Some(1) {
        return Ok(());
    }
    let error = StorageError::new(ErrorKind::Unavailable, MySql::BACKEND, Operation::Open);
    Err(error.with_detail(
        "another node sets up a table and does not come to an end; see who holds the lock `cloakroom`",
    ))
}

fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?;
    Some(error.number())
}

/// The version of the table that is there; 0: none, or none that was finished.
async fn inspect(connection: &mut MySqlConnection, config: &MysqlConfig) -> Result<usize> {
    let failed = |error| storage_error::<MySql>(Operation::Open, error);
    let table = config.quoted_table();
    // Unlike the information schema, it looks for the table by the same rules as any statement.
    let columns = connection.fetch_all(AssertSqlSafe(format!("SHOW FULL COLUMNS FROM {table}"))).await;
    let columns = match columns {
        Ok(columns) => columns,
        Err(error) if number(&error) == Some(1146) => return Ok(0),
        // The server does not tell whether it is there to those who may not use it.
        Err(error) if number(&error) == Some(1142) => {
            return Err(misconfigured::<MySql>(format!(
                "the user may not use table {}; have its owner grant SELECT, INSERT, UPDATE and DELETE on it or, if it \
                 is missing, run: {}",
                config.table(),
                config.schema_sql()?
            )));
        }
        Err(error) => return Err(failed(error)),
    };
    check_columns(config, &columns)?;
    let record = AssertSqlSafe(format!("SELECT v FROM {table} WHERE k = X'{}'", version_key()));
    let record = connection.fetch_optional(record).await.map_err(failed)?;
    version::<MySql>(record.map(|row| row.try_get(0)).transpose().map_err(failed)?)
}

fn check_columns(config: &MysqlConfig, columns: &[MySqlRow]) -> Result<()> {
    let failed = |error| storage_error::<MySql>(Operation::Open, error);
    // Servers differ in the type that these texts have.
    let text = |row: &MySqlRow, column: &str| -> Result<String> {
        let text: Option<Vec<u8>> = row.try_get_unchecked(column).map_err(failed)?;
        Ok(String::from_utf8_lossy(&text.unwrap_or_default()).into_owned())
    };
    let mut wanted = vec![
        ("k", "varbinary(576)", &["varbinary(576)"][..]),
        ("v", "longblob", &["longblob"]),
        // MySQL 8.0.19 has stopped to show a width.
        ("expires_at", "bigint", &["bigint", "bigint(20)"]),
    ];
    for column in columns {
        let name = text(column, "Field")?;
        let kind = text(column, "Type")?.to_ascii_lowercase();
        let is_key = text(column, "Key")? == "PRI";
        if is_key != (name == "k") {
            return Err(misconfigured::<MySql>(format!(
                "the primary key of table {} is not the column k alone; configure another table",
                config.table()
            )));
        }
        let Some(position) = wanted.iter().position(|(wanted, ..)| *wanted == name) else {
            let has_value = text(column, "Null")? == "YES"
                || column.try_get_raw("Default").is_ok_and(|value| !value.is_null())
                || !text(column, "Extra")?.is_empty();
            if !has_value {
                return Err(wrong_column::<MySql>(config.table(), &name, "NOT NULL", "one that we know"));
            }
            continue;
        };
        let (_, right, kinds) = wanted.remove(position);
        if !kinds.contains(&kind.as_str()) {
            let found = match text(column, "Collation")? {
                collation if collation.is_empty() => kind,
                collation => {
                    format!("{kind} with the collation {collation}, which may take two keys for one")
                }
            };
            return Err(wrong_column::<MySql>(config.table(), &name, &found, right));
        }
    }
    match wanted.first() {
        Some((name, right, _)) => Err(wrong_column::<MySql>(config.table(), name, "missing", right)),
        None => Ok(()),
    }
}
