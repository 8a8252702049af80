use std::{num::NonZeroUsize, pin::Pin, time::Duration};

use cloakroom_storage::{Cursor, Operation, Page, Result};
use sqlx::{ColumnIndex, Decode, Encode, Executor, Row, Type};
use tokio::time::timeout;

use crate::sql::{
    connections::Connections,
    engine::Engine,
    error::{Fate, fate, no_answer, storage_error},
    limits::Patience,
    space::Space,
    statement::{Arg, Call, Statement},
};

/// Runs statements: takes a connection, gives it back or closes it, tries again where that is safe.
pub(crate) struct Client<DB: Engine> {
    connections: Connections<DB>,
    /// Whether statements are prepared; otherwise their parameters are in their text.
    prepares: bool,
    /// `None`: an answer is waited for until it comes.
    patience: Option<Patience>,
}

/// Whether a statement may be sent again when nobody knows what became of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Repeat {
    Never,
    /// Sending it twice has the effect of sending it once.
    Harmless,
}

/// How often a statement is sent that the server undoes for the sake of others.
const MOST_TRIES: usize = 5;

type Running<'c, T> = Pin<Box<dyn Future<Output = sqlx::Result<T>> + Send + 'c>>;

impl<DB: Engine> Client<DB> {
    pub(crate) fn new(connections: Connections<DB>, prepares: bool, patience: Option<Patience>) -> Self {
        Self { connections, prepares, patience }
    }

    #[cfg(any(feature = "mysql", feature = "postgres"))]
    pub(crate) fn connections(&self) -> &Connections<DB> {
        &self.connections
    }

    /// Waits for an answer no longer than is bearable. The connection is of no use then.
    pub(crate) async fn in_time<T>(
        &self,
        operation: Operation,
        answer: impl Future<Output = sqlx::Result<T>>,
    ) -> sqlx::Result<T> {
        let Some(patience) = self.patience else { return answer.await };
        let limit: Duration = patience.of(operation);
        timeout(limit, answer).await.unwrap_or_else(|_| Err(no_answer(limit)))
    }

    pub(crate) async fn close(&self) {
        self.connections.close().await;
    }
}

impl<DB: Engine> Client<DB>
where
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    for<'q> &'q [u8]: Encode<'q, DB> + Type<DB>,
    for<'q> Option<i64>: Encode<'q, DB> + Decode<'q, DB> + Type<DB>,
    for<'q> Vec<u8>: Decode<'q, DB> + Type<DB>,
    usize: ColumnIndex<DB::Row>,
{
    /// The first row, if there is one.
    pub(crate) async fn row(
        &self,
        operation: Operation,
        repeat: Repeat,
        statement: &Statement<DB>,
        args: &[Arg<'_>],
    ) -> Result<Option<DB::Row>> {
        let call = || self.call(statement, args);
        let row = self.run(operation, repeat, call, |connection, call| connection.fetch_optional(call)).await;
        row.map_err(|error| storage_error::<DB>(operation, error))
    }

    /// All rows.
    pub(crate) async fn rows(
        &self,
        operation: Operation,
        statement: &Statement<DB>,
        args: &[Arg<'_>],
    ) -> Result<Vec<DB::Row>> {
        self.rows_of(operation, Repeat::Harmless, || self.call(statement, args)).await
    }

    /// All rows of a call, made anew for each time that it is sent.
    pub(crate) async fn rows_of(
        &self,
        operation: Operation,
        repeat: Repeat,
        call: impl Fn() -> Call<DB>,
    ) -> Result<Vec<DB::Row>> {
        let rows = self.run(operation, repeat, call, |connection, call| connection.fetch_all(call)).await;
        rows.map_err(|error| storage_error::<DB>(operation, error))
    }

    /// The first column of the first row, if there is one.
    pub(crate) async fn value(
        &self,
        operation: Operation,
        repeat: Repeat,
        statement: &Statement<DB>,
        args: &[Arg<'_>],
    ) -> Result<Option<Vec<u8>>> {
        let row = self.row(operation, repeat, statement, args).await?;
        row.map(|row| column(operation, &row, 0)).transpose()
    }

    /// The page of the namespace that a statement finds: keys, values and the milliseconds that remain of them.
    pub(crate) async fn page(
        &self,
        statement: &Statement<DB>,
        space: &Space,
        after: Option<Cursor>,
        limit: NonZeroUsize,
    ) -> Result<Page> {
        let (operation, after, asked) = (Operation::Scan, space.after(after), Space::page_rows(limit));
        let args = [Arg::Bytes(&after), Arg::Bytes(space.end()), Arg::Number(Some(asked))];
        let rows = self.rows(operation, statement, &args).await?;
        let rows = rows.iter().map(|row| {
            Ok((column(operation, row, 0)?, column(operation, row, 1)?, column(operation, row, 2)?))
        });
        space.page(rows.collect::<Result<_>>()?, asked)
    }

    /// How many rows were changed or, on MySQL, found.
    pub(crate) async fn execute(
        &self,
        operation: Operation,
        repeat: Repeat,
        statement: &Statement<DB>,
        args: &[Arg<'_>],
    ) -> Result<u64> {
        let call = || self.call(statement, args);
        let done = self.run(operation, repeat, call, |connection, call| connection.execute(call)).await;
        done.map(|done| DB::affected(&done)).map_err(|error| storage_error::<DB>(operation, error))
    }

    /// Inserts a row; whether it was not there yet.
    #[cfg(feature = "mysql")]
    pub(crate) async fn insert(
        &self,
        operation: Operation,
        statement: &Statement<DB>,
        args: &[Arg<'_>],
    ) -> Result<bool> {
        let call = || self.call(statement, args);
        let done =
            self.run(operation, Repeat::Never, call, |connection, call| connection.execute(call)).await;
        match done {
            Ok(_) => Ok(true),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(false),
            Err(error) => Err(storage_error::<DB>(operation, error)),
        }
    }

    fn call(&self, statement: &Statement<DB>, args: &[Arg<'_>]) -> Call<DB> {
        if self.prepares { statement.prepared(args) } else { statement.text(args) }
    }

    async fn run<T>(
        &self,
        operation: Operation,
        repeat: Repeat,
        call: impl Fn() -> Call<DB>,
        send: impl for<'c> Fn(&'c mut DB::Connection, Call<DB>) -> Running<'c, T>,
    ) -> sqlx::Result<T> {
        let (mut tries, mut fresh) = (1, false);
        loop {
            let error = match self.attempt(operation, fresh, &call, &send).await {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let again = match fate::<DB>(&error.cause) {
                Fate::Refused | Fate::Unanswered => false,
                Fate::Undone => tries < MOST_TRIES,
                Fate::Lost => {
                    let was_stale = error.reused && !fresh && repeat == Repeat::Harmless;
                    fresh = true;
                    was_stale
                }
            };
            if !again {
                return Err(error.cause);
            }
            tries += 1;
        }
    }

    async fn attempt<T>(
        &self,
        operation: Operation,
        fresh: bool,
        call: &impl Fn() -> Call<DB>,
        send: &impl for<'c> Fn(&'c mut DB::Connection, Call<DB>) -> Running<'c, T>,
    ) -> std::result::Result<T, Failed> {
        let new = |cause| Failed { cause, reused: false };
        let mut lease = self.connections.acquire(fresh).await.map_err(new)?;
        let sent = self.in_time(operation, send(lease.connection().map_err(new)?, call())).await;
        match sent {
            Ok(done) => {
                lease.give_back();
                Ok(done)
            }
            Err(cause) => {
                let reused = lease.is_reused();
                match fate::<DB>(&cause) {
                    Fate::Refused | Fate::Undone => lease.give_back(),
                    Fate::Unanswered => lease.discard(),
                    Fate::Lost => {
                        lease.discard();
                        self.connections.distrust();
                    }
                }
                Err(Failed { cause, reused })
            }
        }
    }
}

/// Why an attempt failed, and whether on a connection that had served before.
struct Failed {
    cause: sqlx::Error,
    reused: bool,
}

/// A column of a row.
pub(crate) fn column<T, R>(operation: Operation, row: &R, index: usize) -> Result<T>
where
    R: Row<Database: Engine>,
    T: for<'r> Decode<'r, R::Database> + Type<R::Database>,
    usize: ColumnIndex<R>,
{
    row.try_get(index).map_err(|error| storage_error::<R::Database>(operation, error))
}
