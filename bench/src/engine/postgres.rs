use bytes::Bytes;
use sqlx::{
    ConnectOptions, PgConnection, PgPool, Row,
    postgres::{PgConnectOptions, PgRow},
    query,
};

use super::{
    Engine, SLACK, TTL,
    connections::{Bare, CONNECTIONS, Source},
    millis,
};
use crate::error::Failure;

/// sqlx on PostgreSQL, with Cloakroom's statements on Cloakroom's table.
pub(super) struct Postgres<S>(S);

macro_rules! now {
    () => {
        "floor(date_part('epoch', clock_timestamp()) * 1000)::bigint"
    };
}

macro_rules! live {
    () => {
        concat!("(expires_at IS NULL OR expires_at > ", now!(), ")")
    };
}

const LOOK: &str = concat!("SELECT v, expires_at - ", now!(), " FROM cloakroom WHERE k = $1 AND ", live!());

const SET: &str = concat!(
    "INSERT INTO cloakroom (k, v, expires_at) VALUES ($1, $2, ",
    now!(),
    " + 1 + $3) ON CONFLICT (k) DO UPDATE SET v = excluded.v, expires_at = excluded.expires_at"
);

const TOUCH: &str = concat!(
    "WITH found AS MATERIALIZED (SELECT v, expires_at - ",
    now!(),
    " AS remaining FROM cloakroom WHERE k = $1 AND ",
    live!(),
    "), extended AS (UPDATE cloakroom AS t SET expires_at = ",
    now!(),
    " + 1 + $2 FROM found WHERE found.remaining < $3 AND t.k = $1 AND t.expires_at > ",
    now!(),
    " AND t.expires_at - ",
    now!(),
    " < $3 RETURNING t.v) SELECT coalesce(extended.v, found.v), extended.v IS NOT NULL, found.remaining \
     FROM found LEFT JOIN extended ON true"
);

const SWAP: &str = concat!(
    "WITH swapped AS (UPDATE cloakroom SET v = $3, expires_at = ",
    now!(),
    " + 1 + $4 WHERE k = $1 AND v = $2 AND ",
    live!(),
    " RETURNING true), done AS (SELECT EXISTS (SELECT FROM swapped) AS done) SELECT done, CASE WHEN NOT done \
     THEN (SELECT v FROM cloakroom WHERE k = $1 AND ",
    live!(),
    ") END FROM done"
);

fn failed(error: sqlx::Error) -> Failure {
    Failure::set_up("sqlx on PostgreSQL")(error)
}

impl Postgres<Bare<PgConnection>> {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let options: PgConnectOptions = url.parse().map_err(failed)?;
        let options = options.disable_statement_logging();
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            connections.push(options.connect().await.map_err(failed)?);
        }
        Ok(Self(Bare::of(connections)))
    }
}

impl Postgres<PgPool> {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        PgPool::connect(url).await.map(Self).map_err(failed)
    }
}

fn value(row: &PgRow) -> Result<Bytes, Failure> {
    row.try_get::<Vec<u8>, _>(0).map(Bytes::from).map_err(failed)
}

impl<S: Source<Connection = PgConnection>> Engine for Postgres<S> {
    fn name(&self) -> &'static str {
        S::NAME
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        let mut connection = self.0.acquire().await?;
        let row = query(LOOK).bind(key.as_bytes()).fetch_optional(&mut *connection).await.map_err(failed)?;
        row.as_ref().map(value).transpose()
    }

    async fn set(&self, key: &str, new: Bytes) -> Result<(), Failure> {
        let mut connection = self.0.acquire().await?;
        let set = query(SET).bind(key.as_bytes()).bind(&new[..]).bind(millis(TTL));
        set.execute(&mut *connection).await.map(drop).map_err(failed)
    }

    async fn get_and_touch(&self, key: &str) -> Result<Option<(Bytes, bool)>, Failure> {
        let mut connection = self.0.acquire().await?;
        let look = query(LOOK).bind(key.as_bytes()).fetch_optional(&mut *connection).await;
        let Some(row) = look.map_err(failed)? else { return Ok(None) };
        let remaining: Option<i64> = row.try_get(1).map_err(failed)?;
        if remaining.is_none_or(|remaining| remaining >= millis(TTL - SLACK)) {
            return Ok(Some((value(&row)?, false)));
        }
        let touch = query(TOUCH).bind(key.as_bytes()).bind(millis(TTL)).bind(millis(TTL - SLACK));
        let Some(row) = touch.fetch_optional(&mut *connection).await.map_err(failed)? else {
            return Ok(None);
        };
        Ok(Some((value(&row)?, row.try_get(1).map_err(failed)?)))
    }

    async fn compare_and_swap(&self, key: &str, expected: &[u8], new: Bytes) -> Result<bool, Failure> {
        let mut connection = self.0.acquire().await?;
        let swap = query(SWAP).bind(key.as_bytes()).bind(expected).bind(&new[..]).bind(millis(TTL));
        let row = swap.fetch_one(&mut *connection).await.map_err(failed)?;
        row.try_get(0).map_err(failed)
    }
}
