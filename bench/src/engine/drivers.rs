use sqlx::{MySqlConnection, MySqlPool, PgConnection, PgPool, SqliteConnection, SqlitePool};

use super::{
    cloakroom::Cloakroom, connections::Bare, dynamodb::Dynamodb, mariadb::Mariadb, moka::Moka,
    mongodb::Mongodb, postgres::Postgres, redis::Redis, side::Side, sqlite::Sqlite,
};
use crate::{backend::Backend, error::Failure};

/// The drivers that the backend is compared with: the one that it is made of, as who knows it well would use it; of
/// sqlx also the pool that its users have.
pub(super) async fn open(backend: Backend, url: &str, ours: &Cloakroom) -> Result<Vec<Side>, Failure> {
    Ok(match backend {
        Backend::Memory => vec![Side::new(Moka::open(), backend)],
        Backend::Redis => vec![Side::new(Redis::open(url).await?, backend)],
        Backend::Postgres => vec![
            Side::new(Postgres::<Bare<PgConnection>>::open(url).await?, backend),
            Side::new(Postgres::<PgPool>::open(url).await?, backend),
        ],
        Backend::Sqlite => vec![
            Side::new(Sqlite::<Bare<SqliteConnection>>::open(url).await?, backend),
            Side::new(Sqlite::<SqlitePool>::open(url).await?, backend),
        ],
        Backend::Mariadb => vec![
            Side::new(Mariadb::<Bare<MySqlConnection>>::open(url).await?, backend),
            Side::new(Mariadb::<MySqlPool>::open(url).await?, backend),
        ],
        Backend::Mongodb => vec![Side::new(Mongodb::open(url, ours.capabilities()).await?, backend)],
        Backend::Dynamodb => vec![Side::new(Dynamodb::open(url).await?, backend)],
    })
}
