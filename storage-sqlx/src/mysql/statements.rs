use sqlx::MySql;

use crate::sql::statement::Statement;

/// The server's clock in epoch milliseconds, rounded down, at the start of the statement. Whatever the session's time
/// zone, unlike `UNIX_TIMESTAMP(NOW(3))`, which errs by an hour as daylight saving time ends.
macro_rules! now {
    () => {
        "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000"
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
    pub(super) get: Statement<MySql>,
    pub(super) set: Statement<MySql>,
    pub(super) delete: Statement<MySql>,
    pub(super) look: Statement<MySql>,
    pub(super) extend: Statement<MySql>,
    pub(super) create: Statement<MySql>,
    pub(super) replace_expired: Statement<MySql>,
    pub(super) replace: Statement<MySql>,
    pub(super) remove: Statement<MySql>,
    pub(super) scan: Statement<MySql>,
    pub(super) batch_end: Statement<MySql>,
    pub(super) reset: Statement<MySql>,
    pub(super) purge: Statement<MySql>,
    pub(super) ping: Statement<MySql>,
}

impl Statements {
    pub(super) fn new(table: &str) -> Self {
        let statement = |template| Statement::new(template, table);
        Self {
            get: statement(concat!("SELECT v FROM {table} WHERE k = ?1 AND ", live!())),
            // MySQL 8.0.20 would rather have an alias than VALUES(), which MariaDB does not know.
            set: statement(concat!(
                "INSERT INTO {table} (k, v, expires_at) VALUES (?1, ?2, ",
                expiry!("?3"),
                ") ON DUPLICATE KEY UPDATE v = VALUES(v), expires_at = VALUES(expires_at)"
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
                ")"
            )),
            replace_expired: statement(concat!(
                "UPDATE {table} SET v = ?2, expires_at = ",
                expiry!("?3"),
                " WHERE k = ?1 AND expires_at <= ",
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
            // Locks rows as writers do, by the primary key, and not the index on the expiry first.
            purge: statement(concat!(
                "DELETE expired FROM {table} AS expired JOIN (SELECT k FROM {table} WHERE expires_at <= ",
                now!(),
                " LIMIT 1000) AS batch ON expired.k = batch.k WHERE expired.expires_at <= ",
                now!()
            )),
            ping: statement("SELECT 1"),
        }
    }
}
