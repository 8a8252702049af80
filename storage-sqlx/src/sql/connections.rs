use std::sync::Arc;

use sqlx::pool::PoolConnection;

use crate::sql::{engine::Engine, pool};

/// Where connections come from.
pub(crate) enum Connections<DB: Engine> {
    /// Our own pool, closed with the storage.
    Ours(Arc<pool::Pool<DB>>),
    /// One that the caller handed in, which stays open.
    Callers(sqlx::Pool<DB>),
}

impl<DB: Engine> Connections<DB> {
    pub(crate) async fn acquire(&self, fresh: bool) -> sqlx::Result<Lease<'_, DB>> {
        match self {
            Self::Ours(pool) => Ok(Lease::Ours(pool.acquire(fresh).await?)),
            Self::Callers(pool) => Ok(Lease::Callers(Borrowed(Some(pool.acquire().await?)))),
        }
    }

    /// How many there may be.
    #[cfg(feature = "postgres")]
    pub(crate) fn most(&self) -> usize {
        match self {
            Self::Ours(pool) => pool.most(),
            Self::Callers(pool) => {
                usize::try_from(pool.options().get_max_connections()).unwrap_or(usize::MAX)
            }
        }
    }

    pub(crate) fn distrust(&self) {
        if let Self::Ours(pool) = self {
            pool.distrust();
        }
    }

    pub(crate) async fn close(&self) {
        if let Self::Ours(pool) = self {
            pool.close().await;
        }
    }
}

impl<DB: Engine> Clone for Connections<DB> {
    fn clone(&self) -> Self {
        match self {
            Self::Ours(pool) => Self::Ours(Arc::clone(pool)),
            Self::Callers(pool) => Self::Callers(pool.clone()),
        }
    }
}

/// A connection for one operation, closed unless it is [given back](Self::give_back).
pub(crate) enum Lease<'a, DB: Engine> {
    Ours(pool::Lease<'a, DB>),
    Callers(Borrowed<DB>),
}

/// A connection of the caller's pool.
pub(crate) struct Borrowed<DB: Engine>(Option<PoolConnection<DB>>);

impl<DB: Engine> Drop for Borrowed<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.0.as_mut().filter(|_| !DB::SURVIVES_A_DROP) {
            connection.close_on_drop();
        }
    }
}

impl<DB: Engine> Lease<'_, DB> {
    pub(crate) fn connection(&mut self) -> sqlx::Result<&mut DB::Connection> {
        match self {
            Self::Ours(lease) => lease.connection(),
            Self::Callers(lease) => lease.0.as_deref_mut().ok_or(sqlx::Error::WorkerCrashed),
        }
    }

    /// Whether it has served before, and so may have been lost since.
    pub(crate) fn is_reused(&self) -> bool {
        match self {
            Self::Ours(lease) => lease.is_reused(),
            // The caller's pool has tested it, or was told not to.
            Self::Callers(_) => false,
        }
    }

    pub(crate) fn give_back(self) {
        match self {
            Self::Ours(lease) => lease.give_back(),
            Self::Callers(mut lease) => drop(lease.0.take()),
        }
    }

    pub(crate) fn discard(self) {
        match self {
            Self::Ours(lease) => lease.discard(),
            Self::Callers(mut lease) => {
                if let Some(connection) = &mut lease.0 {
                    connection.close_on_drop();
                }
            }
        }
    }
}
