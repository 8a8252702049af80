use bytes::Bytes;
use sqlx::{
    ConnectOptions, Row, SqliteConnection, SqlitePool, query,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteRow, SqliteSynchronous},
};

use super::{
    Engine, SLACK, TTL,
    connections::{Bare, Source},
    millis,
};
use crate::error::Failure;

/// sqlx on SQLite, with Cloakroom's statements on Cloakroom's table.
pub(super) struct Sqlite<S> {
    reader: S,
    writer: S,
}

/// Connections that read: Cloakroom's default. One more writes, as SQLite has one writer at a time.
const READERS: usize = 4;

macro_rules! now {
    () => {
        "CAST(round(unixepoch('subsec') * 1000) AS INTEGER)"
    };
}

macro_rules! live {
    () => {
        concat!("(expires_at IS NULL OR expires_at > ", now!(), ")")
    };
}

const GET: &str = concat!("SELECT v FROM cloakroom WHERE k = ?1 AND ", live!());

const SET: &str = concat!(
    "INSERT INTO cloakroom (k, v, expires_at) VALUES (?1, ?2, ",
    now!(),
    " + 1 + ?3) ON CONFLICT (k) DO UPDATE SET v = excluded.v, expires_at = excluded.expires_at"
);

const LOOK: &str =
    concat!("SELECT v, expires_at, expires_at - ", now!(), " FROM cloakroom WHERE k = ?1 AND ", live!());

const EXTEND: &str = concat!(
    "UPDATE cloakroom SET expires_at = ",
    now!(),
    " + 1 + ?3 WHERE k = ?1 AND expires_at = ?2 AND expires_at > ",
    now!()
);

const SWAP: &str = concat!(
    "UPDATE cloakroom SET v = ?3, expires_at = ",
    now!(),
    " + 1 + ?4 WHERE k = ?1 AND v = ?2 AND ",
    live!()
);

fn failed(error: sqlx::Error) -> Failure {
    Failure::set_up("sqlx on SQLite")(error)
}

/// As Cloakroom has it: a journal that does not make readers wait, and no wait for the disk at each write.
fn options(url: &str) -> Result<SqliteConnectOptions, Failure> {
    let options: SqliteConnectOptions = url.parse().map_err(failed)?;
    Ok(options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Normal))
}

impl Sqlite<Bare<SqliteConnection>> {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let options = options(url)?.disable_statement_logging();
        let mut readers = Vec::new();
        for _ in 0..READERS {
            readers.push(options.connect().await.map_err(failed)?);
        }
        let writer = options.connect().await.map_err(failed)?;
        Ok(Self { reader: Bare::of(readers), writer: Bare::of(vec![writer]) })
    }
}

impl Sqlite<SqlitePool> {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let pool = SqlitePool::connect_with(options(url)?).await.map_err(failed)?;
        Ok(Self { reader: pool.clone(), writer: pool })
    }
}

fn value(row: &SqliteRow) -> Result<Bytes, Failure> {
    row.try_get::<Vec<u8>, _>(0).map(Bytes::from).map_err(failed)
}

impl<S: Source<Connection = SqliteConnection>> Engine for Sqlite<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        let mut connection = self.reader.acquire().await?;
        let row = query(GET).bind(key.as_bytes()).fetch_optional(&mut *connection).await.map_err(failed)?;
        row.as_ref().map(value).transpose()
    }

    async fn set(&self, key: &str, new: Bytes) -> Result<(), Failure> {
        let mut connection = self.writer.acquire().await?;
        let set = query(SET).bind(key.as_bytes()).bind(&new[..]).bind(millis(TTL));
        set.execute(&mut *connection).await.map(drop).map_err(failed)
    }

    async fn get_and_touch(&self, key: &str) -> Result<Option<(Bytes, bool)>, Failure> {
        loop {
            let mut connection = self.reader.acquire().await?;
            let look = query(LOOK).bind(key.as_bytes());
            let Some(row) = look.fetch_optional(&mut *connection).await.map_err(failed)? else {
                return Ok(None);
            };
            drop(connection);
            let expiry: Option<i64> = row.try_get(1).map_err(failed)?;
            let remaining: Option<i64> = row.try_get(2).map_err(failed)?;
            if remaining.is_none_or(|remaining| remaining >= millis(TTL - SLACK)) {
                return Ok(Some((value(&row)?, false)));
            }
            let mut connection = self.writer.acquire().await?;
            let extend = query(EXTEND).bind(key.as_bytes()).bind(expiry).bind(millis(TTL));
            if extend.execute(&mut *connection).await.map_err(failed)?.rows_affected() > 0 {
                return Ok(Some((value(&row)?, true)));
            }
        }
    }

    async fn compare_and_swap(&self, key: &str, expected: &[u8], new: Bytes) -> Result<bool, Failure> {
        let mut connection = self.writer.acquire().await?;
        let swap = query(SWAP).bind(key.as_bytes()).bind(expected).bind(&new[..]).bind(millis(TTL));
        let swapped = swap.execute(&mut *connection).await.map_err(failed)?;
        Ok(swapped.rows_affected() > 0)
    }
}
