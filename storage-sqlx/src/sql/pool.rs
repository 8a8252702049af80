use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use sqlx::{ConnectOptions, Connection, Error};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::timeout,
};

use crate::sql::{engine::Engine, limits::Limits};

type Options<DB> = <<DB as sqlx::Database>::Connection as Connection>::Options;

/// Connections that are kept open between operations.
///
/// The pool of sqlx pings each connection that comes back to it: a round trip more, for each operation. This one
/// trusts a connection whose last statement was answered whole, and closes every other. The last used is used next,
/// so that those which a quiet time does not need grow old and are closed.
pub(crate) struct Pool<DB: Engine> {
    options: Options<DB>,
    limits: Limits,
    /// One for each connection that is in use or being made. With those that are idle they are never more than the
    /// limit: whoever holds a permit takes an idle one, or exchanges it, before making another.
    permits: Arc<Semaphore>,
    idle: Mutex<VecDeque<Idle<DB::Connection>>>,
}

const MOST_IDLE: Duration = Duration::from_secs(10 * 60);
const MOST_AGE: Duration = Duration::from_secs(30 * 60);

struct Idle<C> {
    connection: C,
    since: Instant,
    born: Instant,
}

impl<DB: Engine> Pool<DB> {
    pub(crate) fn new(options: Options<DB>, limits: Limits) -> Self {
        let permits = Arc::new(Semaphore::new(limits.most_connections()));
        Self { options: options.disable_statement_logging(), limits, permits, idle: Mutex::default() }
    }

    /// How many connections there may be.
    #[cfg(feature = "postgres")]
    pub(crate) fn most(&self) -> usize {
        self.limits.most_connections()
    }

    /// A connection for one operation, waited for no longer than the connect timeout. With `fresh` it is a new one.
    pub(crate) async fn acquire(self: &Arc<Self>, fresh: bool) -> sqlx::Result<Lease<'_, DB>> {
        let permit = self.permit().await?;
        match self.take_idle() {
            Some(idle) if !fresh => {
                let (connection, born) = (Some(idle.connection), idle.born);
                Ok(Lease { pool: self, connection, born, reused: true, _permit: permit })
            }
            // One that is idle is closed in exchange for a new one.
            _ => self.connect(permit).await,
        }
    }

    async fn permit(&self) -> sqlx::Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        // It tells a closed pool from a busy one.
        match timeout(self.limits.connect_timeout, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(permit) => permit.map_err(|_| Error::PoolClosed),
            Err(_) => Err(Error::PoolTimedOut),
        }
    }

    /// Connects in a task of its own: a caller with less patience than a connection takes would otherwise never
    /// get one, again and again. What comes too late for it is for the next. The permit goes along, so that callers
    /// who give up do not leave more connections in the making than there may be.
    async fn connect(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> sqlx::Result<Lease<'_, DB>> {
        let (send, receive) = oneshot::channel();
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let connecting = async {
                let mut connection = pool.options.connect().await?;
                DB::greet(&mut connection).await?;
                Ok(connection)
            };
            let connected = match timeout(pool.limits.connect_timeout, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(Error::Io(io::Error::new(io::ErrorKind::TimedOut, "no answer to the connect"))),
            };
            let connected = connected.map(|connection| (connection, permit));
            if let Err(Ok((connection, _permit))) = send.send(connected) {
                pool.put_back(connection, Instant::now());
            }
        });
        let (connection, permit) = receive.await.map_err(|_| Error::WorkerCrashed)??;
        let (connection, born) = (Some(connection), Instant::now());
        Ok(Lease { pool: self, connection, born, reused: false, _permit: permit })
    }

    fn take_idle(&self) -> Option<Idle<DB::Connection>> {
        let mut idle = self.idle();
        loop {
            let last = idle.pop_back()?;
            if self.limits.patience.is_some()
                && (last.since.elapsed() > MOST_IDLE || last.born.elapsed() > MOST_AGE)
            {
                dismiss(last.connection);
            } else {
                return Some(last);
            }
        }
    }

    /// Called by whoever holds the permit of the connection, before the permit is given back.
    fn put_back(&self, connection: DB::Connection, born: Instant) {
        let mut idle = self.idle();
        if self.permits.is_closed() {
            dismiss(connection);
            return;
        }
        // The first is the one that was not needed for the longest time.
        if let Some(first) =
            idle.pop_front_if(|first| self.limits.patience.is_some() && first.since.elapsed() > MOST_IDLE)
        {
            dismiss(first.connection);
        }
        idle.push_back(Idle { connection, since: Instant::now(), born });
    }

    /// Closes what is idle: where one connection is lost, the others are as well, most of the time.
    pub(crate) fn distrust(&self) {
        self.idle().clear();
    }

    pub(crate) async fn close(&self) {
        self.permits.close();
        let idle = std::mem::take(&mut *self.idle());
        for Idle { connection, .. } in idle {
            // A server that has gone cannot be told.
            let _ = timeout(self.limits.connect_timeout, connection.close()).await;
        }
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle<DB::Connection>>> {
        // Held for a push or a pop, so no panic leaves it half done.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<DB: Engine> Drop for Pool<DB> {
    fn drop(&mut self) {
        for Idle { connection, .. } in self.idle().drain(..) {
            dismiss(connection);
        }
    }
}

/// Says goodbye to the server, which logs a warning otherwise.
fn dismiss<C: Connection + 'static>(connection: C) {
    if let Ok(runtime) = Handle::try_current() {
        runtime.spawn(connection.close());
    }
}

/// A connection that is taken from the pool, and closed unless it is [given back](Self::give_back).
pub(crate) struct Lease<'a, DB: Engine> {
    pool: &'a Pool<DB>,
    connection: Option<DB::Connection>,
    born: Instant,
    reused: bool,
    _permit: OwnedSemaphorePermit,
}

impl<DB: Engine> Lease<'_, DB> {
    pub(crate) fn connection(&mut self) -> sqlx::Result<&mut DB::Connection> {
        self.connection.as_mut().ok_or(Error::WorkerCrashed)
    }

    pub(crate) fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            self.pool.put_back(connection, self.born);
        }
    }

    /// Whether it has served before, and so may have been lost since.
    pub(crate) fn is_reused(&self) -> bool {
        self.reused
    }

    pub(crate) fn discard(mut self) {
        self.connection = None;
    }
}

impl<DB: Engine> Drop for Lease<'_, DB> {
    fn drop(&mut self) {
        // Dropped half way, the answer to the last statement may still be on its way.
        if let Some(connection) = self.connection.take().filter(|_| DB::SURVIVES_A_DROP) {
            self.pool.put_back(connection, self.born);
        }
    }
}
