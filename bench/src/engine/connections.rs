//! Where the SQL drivers' connections come from.

use std::{
    ops::{Deref, DerefMut},
    sync::{Mutex, PoisonError},
};

use sqlx::{Database, Pool, pool::PoolConnection};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::Failure;

/// How many connections to a server there are: Cloakroom's default, and sqlx's.
pub(super) const CONNECTIONS: usize = 10;

/// Hands a connection to one operation at a time.
pub(super) trait Source: Send + Sync + 'static {
    type Connection;
    type Lease<'a>: DerefMut<Target = Self::Connection> + Send
    where
        Self: 'a;
    /// As the table calls it.
    const NAME: &'static str;

    fn acquire(&self) -> impl Future<Output = Result<Self::Lease<'_>, Failure>> + Send;
}

/// Connections that operations take turns with: what a pool costs that never looks whether they still live.
pub(super) struct Bare<C> {
    idle: Mutex<Vec<C>>,
    permits: Semaphore,
}

impl<C> Bare<C> {
    pub(super) fn of(connections: Vec<C>) -> Self {
        Self { permits: Semaphore::new(connections.len()), idle: Mutex::new(connections) }
    }
}

pub(super) struct Lease<'a, C> {
    source: &'a Bare<C>,
    /// `None` in the end only.
    connection: Option<C>,
    _permit: SemaphorePermit<'a>,
}

impl<C> Deref for Lease<'_, C> {
    type Target = C;

    fn deref(&self) -> &C {
        self.connection.as_ref().expect("it is there until the end")
    }
}

impl<C> DerefMut for Lease<'_, C> {
    fn deref_mut(&mut self) -> &mut C {
        self.connection.as_mut().expect("it is there until the end")
    }
}

impl<C> Drop for Lease<'_, C> {
    fn drop(&mut self) {
        let mut idle = self.source.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
    }
}

impl<C: Send + 'static> Source for Bare<C> {
    type Connection = C;
    type Lease<'a> = Lease<'a, C>;
    const NAME: &'static str = "sqlx";

    async fn acquire(&self) -> Result<Lease<'_, C>, Failure> {
        let permit = self.permits.acquire().await.map_err(Failure::set_up("take a connection"))?;
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Ok(Lease { source: self, connection, _permit: permit })
    }
}

/// sqlx's own pool as it is by default, which pings a connection before and after each use.
impl<DB: Database> Source for Pool<DB> {
    type Connection = DB::Connection;
    type Lease<'a> = PoolConnection<DB>;
    const NAME: &'static str = "sqlx, its pool";

    async fn acquire(&self) -> Result<PoolConnection<DB>, Failure> {
        Self::acquire(self).await.map_err(Failure::set_up("take a connection"))
    }
}
