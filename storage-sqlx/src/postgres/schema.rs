use cloakroom_storage::{Operation, Result};
use sqlx::{AssertSqlSafe, Executor, Postgres, Row, postgres::PgRow};

use crate::sql::{
    client::{Client, Repeat},
    error::{misconfigured, storage_error},
    migration::{VERSION, VERSION_1, VERSION_KEY, missing, version, wrong_column},
    statement::{Arg, Statement},
    table::quote,
};

use super::PostgresConfig;

/// What each version of the schema adds to the one before it. Every statement may be run again.
pub(super) fn steps(config: &PostgresConfig) -> [Vec<String>; VERSION] {
    let table = config.quoted_table();
    let index = quote(&format!("{}_expires_at", config.table()), '"');
    let unlogged = if config.unlogged() { "UNLOGGED " } else { "" };
    [vec![
        // Bytes, so that no collation takes two keys for one, in a database of any encoding. Expiries are in epoch
        // milliseconds, NULL: never. The room that is left keeps the new version of a row beside the old one.
        format!(
            "CREATE {unlogged}TABLE IF NOT EXISTS {table} (k bytea PRIMARY KEY, v bytea NOT NULL, expires_at bigint) \
             WITH (fillfactor = 80)"
        ),
        format!("CREATE INDEX IF NOT EXISTS {index} ON {table} (expires_at) WHERE expires_at IS NOT NULL"),
        format!(
            "INSERT INTO {table} (k, v) VALUES (decode('{}', 'hex'), decode('{}', 'hex')) ON CONFLICT (k) DO NOTHING",
            hex(VERSION_KEY),
            hex(VERSION_1.as_bytes())
        ),
    ]]
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::new();
    crate::sql::engine::write_hex(&mut hex, bytes);
    hex
}

/// The number of the lock that everyone takes who creates a table; no other meaning.
const LOCK: i64 = 0x636c_6f61_6b72_6f6f;

/// Checks the table, and creates it or brings it up to date.
pub(super) async fn set_up(client: &Client<Postgres>, config: &PostgresConfig) -> Result<()> {
    let found = inspect(client, config).await?;
    if found == VERSION {
        return Ok(());
    }
    if !config.creates_table() {
        return Err(missing::<Postgres>(config.table(), &config.schema_sql()?));
    }
    // Statements that are sent together are one transaction, which the lock is held for. Everyone else who starts
    // now waits for it: even `IF NOT EXISTS` fails where two create the same at the same time.
    let mut sql = format!("SELECT pg_advisory_xact_lock({LOCK})");
    for statement in steps(config).iter().skip(found).flatten() {
        sql.push_str("; ");
        sql.push_str(statement);
    }
    create(client, sql).await.map_err(|error| match error {
        sqlx::Error::Database(refused) if refused.code().is_some_and(|code| code == "42501") => {
            match config.schema_sql() {
                Ok(sql) => missing::<Postgres>(config.table(), &sql),
                Err(error) => error,
            }
        }
        error => storage_error::<Postgres>(Operation::Open, error),
    })?;
    // It may have been there, unfinished.
    inspect(client, config).await.map(drop)
}

async fn create(client: &Client<Postgres>, sql: String) -> sqlx::Result<()> {
    let mut lease = client.connections().acquire(false).await?;
    let connection = lease.connection()?;
    client.in_time(Operation::Open, connection.execute(AssertSqlSafe(sql))).await?;
    lease.give_back();
    Ok(())
}

/// The version of the table that is there; 0: none, or none that was finished.
async fn inspect(client: &Client<Postgres>, config: &PostgresConfig) -> Result<usize> {
    let table = config.quoted_table();
    let columns = Statement::new(
        "SELECT a.attname::text, format_type(a.atttypid, NULL), a.attnotnull AND NOT a.atthasdef AND a.attidentity = \
         '', EXISTS (SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND \
         i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum), has_table_privilege(a.attrelid, \
         'SELECT') AND has_table_privilege(a.attrelid, 'INSERT') AND has_table_privilege(a.attrelid, 'UPDATE') AND \
         has_table_privilege(a.attrelid, 'DELETE'), c.relpersistence = 'u' FROM pg_attribute a JOIN pg_class c ON \
         c.oid = a.attrelid WHERE a.attrelid = to_regclass(convert_from(?1, 'UTF8')) AND a.attnum > 0 AND NOT \
         a.attisdropped",
        "",
    );
    let args = [Arg::Bytes(table.as_bytes())];
    let columns = client.rows(Operation::Open, &columns, &args).await?;
    if columns.is_empty() {
        return Ok(0);
    }
    check_columns(config, &columns)?;
    let record = Statement::new("SELECT v FROM {table} WHERE k = ?1", &table);
    let args = [Arg::Bytes(VERSION_KEY)];
    let record = client.row(Operation::Open, Repeat::Harmless, &record, &args).await?;
    let failed = |error| storage_error::<Postgres>(Operation::Open, error);
    version::<Postgres>(record.map(|row| row.try_get(0)).transpose().map_err(failed)?)
}

fn check_columns(config: &PostgresConfig, columns: &[PgRow]) -> Result<()> {
    let failed = |error| storage_error::<Postgres>(Operation::Open, error);
    let mut wanted = vec![("k", "bytea"), ("v", "bytea"), ("expires_at", "bigint")];
    for column in columns {
        let name: String = column.try_get(0).map_err(failed)?;
        let kind: String = column.try_get(1).map_err(failed)?;
        let needs_value: bool = column.try_get(2).map_err(failed)?;
        let is_unique: bool = column.try_get(3).map_err(failed)?;
        let may_use: bool = column.try_get(4).map_err(failed)?;
        let unlogged: bool = column.try_get(5).map_err(failed)?;
        if !may_use {
            return Err(misconfigured::<Postgres>(format!(
                "the user lacks a right; grant SELECT, INSERT, UPDATE and DELETE on table {}",
                config.table()
            )));
        }
        let Some(position) = wanted.iter().position(|(wanted, _)| *wanted == name) else {
            if needs_value {
                return Err(wrong_column::<Postgres>(config.table(), &name, "NOT NULL", "one that we know"));
            }
            continue;
        };
        let (_, right) = wanted.remove(position);
        if kind != right {
            return Err(wrong_column::<Postgres>(config.table(), &name, &kind, right));
        }
        if name == "k" && !is_unique {
            return Err(wrong_column::<Postgres>(config.table(), "k", "not unique", "the primary key"));
        }
        if name == "k" && unlogged && !config.unlogged() {
            tracing::warn!(
                backend = "postgres",
                table = config.table(),
                "the table is UNLOGGED, so that a crash of the server empties it; ALTER TABLE ... SET LOGGED, or \
                 configure it as unlogged"
            );
        }
    }
    match wanted.first() {
        Some((name, right)) => Err(wrong_column::<Postgres>(config.table(), name, "missing", right)),
        None => Ok(()),
    }
}
