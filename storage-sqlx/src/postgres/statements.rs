use sqlx::Postgres;

use crate::sql::statement::Statement;

/// The server's clock in epoch milliseconds, rounded down, read wherever it stands: a statement that waited for a lock
/// sees the time after the wait.
macro_rules! now {
    () => {
        "floor(date_part('epoch', clock_timestamp()) * 1000)::bigint"
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

/// A swap, and the current value only if it was refused. The current value is what was there when the statement
/// began, so that it may be the expected one where another writer was faster: then it is to be asked again.
macro_rules! or_current {
    ($swap:expr) => {
        concat!(
            "WITH swapped AS (",
            $swap,
            " RETURNING true), done AS (SELECT EXISTS (SELECT FROM swapped) AS done) SELECT done, CASE WHEN NOT done \
             THEN (SELECT v FROM {table} WHERE k = ?1 AND ",
            live!(),
            ") END FROM done"
        )
    };
}

pub(super) struct Statements {
    pub(super) look: Statement<Postgres>,
    pub(super) look_at_all: Statement<Postgres>,
    pub(super) set: Statement<Postgres>,
    pub(super) delete: Statement<Postgres>,
    pub(super) touch: Statement<Postgres>,
    pub(super) create: Statement<Postgres>,
    pub(super) replace: Statement<Postgres>,
    pub(super) replace_all: Statement<Postgres>,
    pub(super) remove: Statement<Postgres>,
    pub(super) scan: Statement<Postgres>,
    pub(super) reset: Statement<Postgres>,
    pub(super) purge: Statement<Postgres>,
    pub(super) ping: Statement<Postgres>,
}

impl Statements {
    pub(super) fn new(table: &str) -> Self {
        let statement = |template| Statement::new(template, table);
        Self {
            // The value and what remains until its expiry.
            look: statement(concat!(
                "SELECT v, expires_at - ",
                now!(),
                " FROM {table} WHERE k = ?1 AND ",
                live!()
            )),
            // The same of many keys, with the number of each.
            look_at_all: statement(concat!(
                "SELECT asked.n, v, expires_at - ",
                now!(),
                " FROM unnest(?1) WITH ORDINALITY AS asked (k, n) JOIN {table} USING (k) WHERE ",
                live!()
            )),
            set: statement(concat!(
                "INSERT INTO {table} (k, v, expires_at) VALUES (?1, ?2, ",
                expiry!("?3"),
                ") ON CONFLICT (k) DO UPDATE SET v = excluded.v, expires_at = excluded.expires_at"
            )),
            delete: statement("DELETE FROM {table} WHERE k = ?1"),
            // Writes nothing, and takes no lock, while enough of the TTL remains.
            touch: statement(concat!(
                "WITH found AS MATERIALIZED (SELECT v, expires_at - ",
                now!(),
                " AS remaining FROM {table} WHERE k = ?1 AND ",
                live!(),
                "), extended AS (UPDATE {table} AS t SET expires_at = ",
                expiry!("?2"),
                " FROM found WHERE found.remaining < ?3 AND t.k = ?1 AND t.expires_at > ",
                now!(),
                " AND t.expires_at - ",
                now!(),
                " < ?3 RETURNING t.v) SELECT coalesce(extended.v, found.v), extended.v IS NOT NULL, \
                 found.remaining FROM found LEFT JOIN extended ON true"
            )),
            create: statement(or_current!(concat!(
                "INSERT INTO {table} AS t (k, v, expires_at) VALUES (?1, ?2, ",
                expiry!("?3"),
                ") ON CONFLICT (k) DO UPDATE SET v = excluded.v, expires_at = excluded.expires_at \
                 WHERE t.expires_at <= ",
                now!()
            ))),
            replace: statement(or_current!(concat!(
                "UPDATE {table} SET v = ?3, expires_at = ",
                expiry!("?4"),
                " WHERE k = ?1 AND v = ?2 AND ",
                live!()
            ))),
            // The same of many keys. Each is locked in the order in which it is asked for, so that two of these wait for
            // each other instead of dying; the update would choose an order of its own. Of two that ask for the same
            // key one is refused, and sees what was there before the other.
            replace_all: statement(concat!(
                "WITH asked AS MATERIALIZED (SELECT * FROM unnest(?1, ?2, ?3, ?4) WITH ORDINALITY AS a (k, expected, \
                 new, ttl, n)), swapped AS (UPDATE {table} AS t SET v = asked.new, expires_at = ",
                expiry!("asked.ttl"),
                " FROM asked, LATERAL (SELECT k FROM {table} WHERE k = asked.k AND v = asked.expected AND ",
                live!(),
                " LIMIT 1 FOR UPDATE) AS locked WHERE t.k = locked.k RETURNING asked.n) SELECT swapped.n IS NOT NULL, \
                 CASE WHEN swapped.n IS NULL THEN (SELECT v FROM {table} WHERE k = asked.k AND ",
                live!(),
                ") END FROM asked LEFT JOIN swapped USING (n) ORDER BY asked.n"
            )),
            remove: statement(or_current!(concat!(
                "DELETE FROM {table} WHERE k = ?1 AND v = ?2 AND ",
                live!()
            ))),
            scan: statement(concat!(
                "SELECT k, v, expires_at - ",
                now!(),
                " FROM {table} WHERE k > ?1 AND k < ?2 AND ",
                live!(),
                " ORDER BY k LIMIT ?3"
            )),
            // A batch, in the order of the keys, so that two resets wait for each other instead of dying; returns the
            // last key of it.
            reset: statement(
                "WITH batch AS MATERIALIZED (SELECT k FROM {table} WHERE k > ?1 AND k < ?2 ORDER BY k LIMIT 1000 FOR \
                 UPDATE), gone AS (DELETE FROM {table} AS t USING batch WHERE t.k = batch.k) SELECT k FROM batch \
                 ORDER BY k DESC LIMIT 1",
            ),
            // By the time at which the statement began: unlike the running clock, an index is of use for that.
            purge: statement(
                "DELETE FROM {table} WHERE ctid = ANY (ARRAY (SELECT ctid FROM {table} WHERE expires_at <= \
                 floor(date_part('epoch', statement_timestamp()) * 1000)::bigint LIMIT 1000 FOR UPDATE SKIP LOCKED))",
            ),
            ping: statement("SELECT 1"),
        }
    }
}
