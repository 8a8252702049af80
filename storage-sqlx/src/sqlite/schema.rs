use cloakroom_storage::{Operation, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, Row, Sqlite, SqliteConnection};

use crate::sql::{
    connections::Connections,
    error::{misconfigured, storage_error},
    migration::{VERSION, VERSION_1, VERSION_KEY, missing, version, wrong_column},
    table::quote,
};

use super::SqliteConfig;

/// What each version of the schema adds to the one before it. Every statement may be run again.
pub(super) fn steps(config: &SqliteConfig) -> [Vec<String>; VERSION] {
    let table = config.quoted_table();
    let index = quote(&format!("{}_expires_at", config.table()), '"');
    [vec![
        // Bytes, so that no collation takes two keys for one. Expiries are in epoch milliseconds, NULL: never.
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (k BLOB NOT NULL PRIMARY KEY, v BLOB NOT NULL, expires_at INTEGER) \
             STRICT"
        ),
        format!("CREATE INDEX IF NOT EXISTS {index} ON {table} (expires_at) WHERE expires_at IS NOT NULL"),
        format!(
            "INSERT INTO {table} (k, v) VALUES (CAST(':schema' AS BLOB), CAST('{VERSION_1}' AS BLOB)) \
             ON CONFLICT (k) DO UPDATE SET v = excluded.v"
        ),
    ]]
}

/// Checks the table, and creates it or brings it up to date.
pub(super) async fn set_up(connections: &Connections<Sqlite>, config: &SqliteConfig) -> Result<()> {
    let failed = |error| storage_error::<Sqlite>(Operation::Open, error);
    let mut lease = connections.acquire(false).await.map_err(failed)?;
    let connection = lease.connection().map_err(failed)?;
    if inspect(connection, config).await? < VERSION {
        if !config.creates_table() {
            return Err(missing::<Sqlite>(config.table(), &config.schema_sql()?));
        }
        // Whoever else starts now waits here, for as long as the busy timeout.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let found = inspect(&mut transaction, config).await?;
        for statement in steps(config).iter().skip(found).flatten() {
            transaction.execute(AssertSqlSafe(statement.as_str())).await.map_err(failed)?;
        }
        transaction.commit().await.map_err(failed)?;
    }
    lease.give_back();
    Ok(())
}

/// The version of the table that is there; 0: none, or none that was finished.
async fn inspect(connection: &mut SqliteConnection, config: &SqliteConfig) -> Result<usize> {
    let failed = |error| storage_error::<Sqlite>(Operation::Open, error);
    let columns = sqlx::query(r#"SELECT name, type, "notnull", pk FROM pragma_table_info(?1)"#)
        .bind(config.table().to_owned())
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    if columns.is_empty() {
        return Ok(0);
    }
    let mut wanted = vec![("k", "BLOB"), ("v", "BLOB"), ("expires_at", "INTEGER")];
    for column in &columns {
        let name: String = column.try_get(0).map_err(failed)?;
        let kind: String = column.try_get(1).map_err(failed)?;
        let not_null: bool = column.try_get(2).map_err(failed)?;
        let key: i64 = column.try_get(3).map_err(failed)?;
        if (key > 0) != (name == "k") {
            return Err(misconfigured::<Sqlite>(format!(
                "the primary key of table {} is not the column k alone; configure another table",
                config.table()
            )));
        }
        let Some(position) = wanted.iter().position(|(wanted, _)| *wanted == name) else {
            if not_null {
                return Err(wrong_column::<Sqlite>(config.table(), &name, "NOT NULL", "one that we know"));
            }
            continue;
        };
        let (_, right) = wanted.remove(position);
        if !kind.eq_ignore_ascii_case(right) {
            return Err(wrong_column::<Sqlite>(config.table(), &name, &kind, right));
        }
    }
    if let Some((name, right)) = wanted.first() {
        return Err(wrong_column::<Sqlite>(config.table(), name, "missing", right));
    }
    let record = sqlx::query(AssertSqlSafe(format!("SELECT v FROM {} WHERE k = ?1", config.quoted_table())))
        .bind(VERSION_KEY)
        .fetch_optional(&mut *connection)
        .await
        .map_err(failed)?;
    version::<Sqlite>(record.map(|row| row.try_get(0)).transpose().map_err(failed)?)
}
