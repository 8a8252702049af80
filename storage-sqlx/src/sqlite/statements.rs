use sqlx::Sqlite;

use crate::sql::statement::Statement;

/// The engine's clock in epoch milliseconds, rounded down, read once a statement and after the wait for the lock.
/// The product is rounded, as the seconds are a floating point number that ends in milliseconds.
macro_rules! now {
    () => {
        "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)"
    };
}

/// Holds for rows that are not expired.
macro_rules! live {
    () => {
        concat!("(expires_at IS NULL OR expires_at > ", now!(), ")")
    };
}

/// When a TTL that begins now ends. A clock that is rounded down may say up to a millisecond too little; one more
/// keeps a value from going early.
macro_rules! expiry {
    ($ttl:literal) => {
        concat!(now!(), " + 1 + ", $ttl)
    };
}

pub(super) struct Statements {
    pub(super) get: Statement<Sqlite>,
    pub(super) set: Statement<Sqlite>,
    pub(super) delete: Statement<Sqlite>,
    pub(super) look: Statement<Sqlite>,
    pub(super) extend: Statement<Sqlite>,
    pub(super) create: Statement<Sqlite>,
    pub(super) replace: Statement<Sqlite>,
    pub(super) remove: Statement<Sqlite>,
    pub(super) scan: Statement<Sqlite>,
    pub(super) batch_end: Statement<Sqlite>,
    pub(super) reset: Statement<Sqlite>,
    pub(super) purge: Statement<Sqlite>,
    pub(super) ping: Statement<Sqlite>,
}

impl Statements {
    pub(super) fn new(table: &str) -> Self {
        let statement = |template| Statement::new(template, table);
        Self {
            get: statement(concat!("SELECT v FROM {table} WHERE k = ?1 AND ", live!())),
            set: statement(concat!(
                "INSERT INTO {table} (k, v, expires_at) VALUES (?1, ?2, ",
                expiry!("?3"),
                ") ON CONFLICT (k) DO UPDATE SET v = excluded.v, expires_at = excluded.expires_at"
            )),
            delete: statement("DELETE FROM {table} WHERE k = ?1"),
            // The value, its expiry and what remains until then.
            look: statement(concat!(
                "SELECT v, expires_at, expires_at - ",
                now!(),
                " FROM {table} WHERE k = ?1 AND ",
                live!()
            )),
            // Only of the row that was looked at, and only while it is live.
            extend: statement(concat!(
                "UPDATE {table} SET expires_at = ",
                expiry!("?3"),
                " WHERE k = ?1 AND expires_at = ?2 AND expires_at > ",
                now!()
            )),
            create: statement(concat!(
                "INSERT INTO {table} (k, v, expires_at) VALUES (?1, ?2, ",
                expiry!("?3"),
                ") ON CONFLICT (k) DO UPDATE SET v = excluded.v, expires_at = excluded.expires_at ",
                "WHERE {table}.expires_at <= ",
                now!()
            )),
            replace: statement(concat!(
                "UPDATE {table} SET v = ?3, expires_at = ",
                expiry!("?4"),
                " WHERE k = ?1 AND v = ?2 AND ",
                live!()
            )),
            remove: statement(concat!("DELETE FROM {table} WHERE k = ?1 AND v = ?2 AND ", live!())),
            scan: statement(concat!(
                "SELECT k, v, expires_at - ",
                now!(),
                " FROM {table} WHERE k > ?1 AND k < ?2 AND ",
                live!(),
                " ORDER BY k LIMIT ?3"
            )),
            // The last key of a batch of 1,000, if there are more.
            batch_end: statement(
                "SELECT k FROM {table} WHERE k > ?1 AND k < ?2 ORDER BY k LIMIT 1 OFFSET 999",
            ),
            reset: statement("DELETE FROM {table} WHERE k > ?1 AND k <= ?2"),
            purge: statement(concat!(
                "DELETE FROM {table} WHERE k IN (SELECT k FROM {table} WHERE expires_at <= ",
                now!(),
                " LIMIT 1000)"
            )),
            ping: statement("SELECT 1"),
        }
    }
}
