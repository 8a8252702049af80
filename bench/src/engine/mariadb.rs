use bytes::Bytes;
use sqlx::{
    ConnectOptions, Executor, MySqlConnection, MySqlPool, Row,
    mysql::{MySqlConnectOptions, MySqlRow},
    query,
};

use super::{
    Engine, SLACK, TTL,
    connections::{Bare, CONNECTIONS, Source},
    millis,
};
use crate::error::Failure;

/// sqlx on MariaDB, with Cloakroom's statements on Cloakroom's table.
pub(super) struct Mariadb<S>(S);

macro_rules! now {
    () => {
        "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000"
    };
}

macro_rules! live {
    () => {
        concat!("(expires_at IS NULL OR expires_at > ", now!(), ")")
    };
}

const GET: &str = concat!("SELECT v FROM cloakroom WHERE k = ? AND ", live!());

const SET: &str = concat!(
    "INSERT INTO cloakroom (k, v, expires_at) VALUES (?, ?, ",
    now!(),
    " + 1 + ?) ON DUPLICATE KEY UPDATE v = VALUES(v), expires_at = VALUES(expires_at)"
);

const LOOK: &str =
    concat!("SELECT v, expires_at, expires_at - ", now!(), " FROM cloakroom WHERE k = ? AND ", live!());

const EXTEND: &str = concat!(
    "UPDATE cloakroom SET expires_at = ",
    now!(),
    " + 1 + ? WHERE k = ? AND expires_at = ? AND expires_at > ",
    now!()
);

const SWAP: &str = concat!(
    "UPDATE cloakroom SET v = ?, expires_at = ",
    now!(),
    " + 1 + ? WHERE k = ? AND v = ? AND ",
    live!()
);

fn failed(error: sqlx::Error) -> Failure {
    Failure::set_up("sqlx on MariaDB")(error)
}

impl Mariadb<Bare<MySqlConnection>> {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let options: MySqlConnectOptions = url.parse().map_err(failed)?;
        let options = options.disable_statement_logging();
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut connection = options.connect().await.map_err(failed)?;
            // By default, writers lock the gaps beside their rows as well.
            let isolation = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
            connection.execute(isolation).await.map_err(failed)?;
            connections.push(connection);
        }
        Ok(Self(Bare::of(connections)))
    }
}

impl Mariadb<MySqlPool> {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        MySqlPool::connect(url).await.map(Self).map_err(failed)
    }
}

fn value(row: &MySqlRow) -> Result<Bytes, Failure> {
    row.try_get::<Vec<u8>, _>(0).map(Bytes::from).map_err(failed)
}

impl<S: Source<Connection = MySqlConnection>> Engine for Mariadb<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        let mut connection = self.0.acquire().await?;
        let row = query(GET).bind(key.as_bytes()).fetch_optional(&mut *connection).await.map_err(failed)?;
        row.as_ref().map(value).transpose()
    }

    async fn set(&self, key: &str, new: Bytes) -> Result<(), Failure> {
        let mut connection = self.0.acquire().await?;
        let set = query(SET).bind(key.as_bytes()).bind(&new[..]).bind(millis(TTL));
        set.execute(&mut *connection).await.map(drop).map_err(failed)
    }

    async fn get_and_touch(&self, key: &str) -> Result<Option<(Bytes, bool)>, Failure> {
        let mut connection = self.0.acquire().await?;
        loop {
            let look = query(LOOK).bind(key.as_bytes());
            let Some(row) = look.fetch_optional(&mut *connection).await.map_err(failed)? else {
                return Ok(None);
            };
            let expiry: Option<i64> = row.try_get(1).map_err(failed)?;
            let remaining: Option<i64> = row.try_get(2).map_err(failed)?;
            if remaining.is_none_or(|remaining| remaining >= millis(TTL - SLACK)) {
                return Ok(Some((value(&row)?, false)));
            }
            let extend = query(EXTEND).bind(millis(TTL)).bind(key.as_bytes()).bind(expiry);
            if extend.execute(&mut *connection).await.map_err(failed)?.rows_affected() > 0 {
                return Ok(Some((value(&row)?, true)));
            }
        }
    }

    async fn compare_and_swap(&self, key: &str, expected: &[u8], new: Bytes) -> Result<bool, Failure> {
        let mut connection = self.0.acquire().await?;
        let swap = query(SWAP).bind(&new[..]).bind(millis(TTL)).bind(key.as_bytes()).bind(expected);
        let swapped = swap.execute(&mut *connection).await.map_err(failed)?;
        Ok(swapped.rows_affected() > 0)
    }
}
