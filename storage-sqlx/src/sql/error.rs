//! What goes wrong, in the storage's words. Nothing else knows the driver's error.
//!
//! The text of a server's error is shown where a storage is opened only: later on it may hold a key.

use std::{borrow::Cow, fmt, io, time::Duration};

use cloakroom_storage::{ErrorKind, Operation, StorageError};
use sqlx::Error;

use crate::sql::engine::Engine;

/// What an error of the server means.
pub(crate) struct Cause {
    pub(crate) kind: ErrorKind,
    pub(crate) fate: Fate,
    pub(crate) detail: Cow<'static, str>,
}

impl Cause {
    pub(crate) fn new(kind: ErrorKind, fate: Fate, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, fate, detail: detail.into() }
    }
}

/// What has become of a statement and its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// The server has refused it, and may be asked the next thing.
    Refused,
    /// The server has undone it for another's sake: it may be sent again.
    #[cfg_attr(
        not(any(feature = "mysql", feature = "postgres")),
        expect(dead_code, reason = "SQLite has one writer, and undoes nothing for another's sake")
    )]
    Undone,
    /// Nobody knows; the connection is of no use any more.
    Lost,
    /// Nobody knows, and it was waited for as long as is bearable: it is not sent again.
    Unanswered,
}

/// The server did not answer within this.
#[derive(Debug)]
struct NoAnswer(Duration);

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {:?}", self.0)
    }
}

impl std::error::Error for NoAnswer {}

pub(crate) fn no_answer(limit: Duration) -> Error {
    Error::Io(io::Error::new(io::ErrorKind::TimedOut, NoAnswer(limit)))
}

fn is_no_answer(error: &io::Error) -> bool {
    matches!(error.get_ref(), Some(error) if error.is::<NoAnswer>())
}

pub(crate) fn fate<DB: Engine>(error: &Error) -> Fate {
    match error {
        Error::Database(error) => DB::explain(&**error).fate,
        Error::Io(error) if is_no_answer(error) => Fate::Unanswered,
        _ => Fate::Lost,
    }
}

pub(crate) fn storage_error<DB: Engine>(operation: Operation, error: Error) -> StorageError {
    let failed = |kind| StorageError::new(kind, DB::BACKEND, operation);
    match error {
        Error::Database(error) => {
            let cause = DB::explain(&*error);
            let detail = match operation {
                Operation::Open => format!("{} ({})", cause.detail, error.message()).into(),
                _ => cause.detail,
            };
            failed(cause.kind).with_detail(detail)
        }
        Error::Io(error) if is_no_answer(&error) => failed(ErrorKind::Timeout).with_detail(format!(
            "{error}; check the network, the server's load, and who holds locks on the table"
        )),
        Error::Io(error) => failed(ErrorKind::Unavailable)
            .with_detail("the server cannot be reached; check its host and port, and that it runs")
            .with_source(error),
        Error::Tls(error) => {
            let kind = match operation {
                Operation::Open => ErrorKind::Misconfigured,
                _ => ErrorKind::Unavailable,
            };
            failed(kind)
                .with_detail(
                    "no encrypted connection could be made; check the feature `tls`, the TLS options of the URL and \
                     the server's certificate",
                )
                .with_source(error)
        }
        Error::Configuration(error) => failed(ErrorKind::Misconfigured).with_detail(format!("{error}")),
        Error::PoolTimedOut => failed(ErrorKind::Unavailable).with_detail(
            "no connection came free in time; allow more connections, or a longer connect timeout",
        ),
        Error::PoolClosed => failed(ErrorKind::Closed).with_detail("the pool of connections was closed"),
        Error::Protocol(_) => {
            failed(ErrorKind::Unavailable).with_detail("the server broke off, or is none of this kind")
        }
        Error::WorkerCrashed => {
            failed(ErrorKind::Unavailable).with_detail("the connection's thread has ended")
        }
        Error::ColumnDecode { .. }
        | Error::ColumnNotFound(_)
        | Error::ColumnIndexOutOfBounds { .. }
        | Error::Decode(_)
        | Error::RowNotFound
        | Error::TypeNotFound { .. } => {
            failed(ErrorKind::Corrupt).with_detail("the table's columns are not what they were at the start")
        }
        Error::Encode(_) => failed(ErrorKind::ValueTooLarge).with_detail("the driver cannot send the value"),
        _ => failed(ErrorKind::Other).with_detail("the driver failed in an unexpected way"),
    }
}

/// An error of the configuration, or of what was found.
pub(crate) fn misconfigured<DB: Engine>(detail: impl Into<Cow<'static, str>>) -> StorageError {
    StorageError::new(ErrorKind::Misconfigured, DB::BACKEND, Operation::Open).with_detail(detail)
}
