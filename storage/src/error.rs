use std::{borrow::Cow, error::Error, fmt};

/// The result of every storage operation.
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// Why an operation failed, for programs to decide on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The key breaks the contract; found before any I/O. See [`check_key`](crate::check_key).
    InvalidKey,
    /// The value is over the backend's limit; the old value is untouched.
    ValueTooLarge,
    /// The engine cannot be reached, or refuses work for now (throttled, starting, failing over).
    Unavailable,
    /// No answer within the time allowed. The operation may have taken effect or not.
    Timeout,
    /// The backend cannot do this; [`Capabilities`](crate::Capabilities) said so.
    Unsupported,
    /// The storage was closed.
    Closed,
    /// What the engine holds cannot be what a storage wrote.
    Corrupt,
    /// The storage cannot work as it is configured; the message says the cure.
    Misconfigured,
    /// Anything else; see the source.
    Other,
}

impl ErrorKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidKey => "invalid key",
            Self::ValueTooLarge => "value too large",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timed out",
            Self::Unsupported => "unsupported",
            Self::Closed => "the storage is closed",
            Self::Corrupt => "corrupt data",
            Self::Misconfigured => "misconfigured",
            Self::Other => "failed",
        }
    }
}

/// The operation that an error or a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// Connecting, and preparing what the backend needs.
    Open,
    /// [`Storage::get`](crate::Storage::get).
    Get,
    /// [`Storage::set`](crate::Storage::set).
    Set,
    /// [`Storage::delete`](crate::Storage::delete).
    Delete,
    /// [`Storage::reset`](crate::Storage::reset).
    Reset,
    /// [`Storage::get_and_touch`](crate::Storage::get_and_touch).
    GetAndTouch,
    /// [`Storage::compare_and_swap`](crate::Storage::compare_and_swap).
    CompareAndSwap,
    /// [`Storage::scan`](crate::Storage::scan).
    Scan,
    /// [`Storage::purge_expired`](crate::Storage::purge_expired).
    PurgeExpired,
    /// [`Storage::ping`](crate::Storage::ping).
    Ping,
    /// [`Storage::close`](crate::Storage::close).
    Close,
}

impl Operation {
    /// The operation's name as the trait spells it; a bounded set, fit for a metric's label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Get => "get",
            Self::Set => "set",
            Self::Delete => "delete",
            Self::Reset => "reset",
            Self::GetAndTouch => "get_and_touch",
            Self::CompareAndSwap => "compare_and_swap",
            Self::Scan => "scan",
            Self::PurgeExpired => "purge_expired",
            Self::Ping => "ping",
            Self::Close => "close",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error of a storage: the backend, the operation, the kind, and where there is one, the cause and the cure.
///
/// Neither `Display` nor `Debug` shows a key, a value or a password. A backend keeps it that way: it puts no
/// secret into the [detail](Self::with_detail), and attaches as [source](Self::with_source) only errors whose
/// text holds none.
///
/// ```
/// use cloakroom_storage::{ErrorKind, Operation, StorageError};
///
/// let error = StorageError::new(ErrorKind::Misconfigured, "postgres", Operation::Open)
///     .with_detail("key column folds case; use bytea or COLLATE \"C\"");
/// assert_eq!(
///     error.to_string(),
///     "postgres: open: misconfigured: key column folds case; use bytea or COLLATE \"C\""
/// );
/// assert!(!error.is_retryable());
/// ```
pub struct StorageError {
    kind: ErrorKind,
    backend: &'static str,
    operation: Operation,
    detail: Option<Cow<'static, str>>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StorageError {
    /// An error of `kind` in `operation` on the backend of that name.
    #[must_use]
    pub const fn new(kind: ErrorKind, backend: &'static str, operation: Operation) -> Self {
        Self { kind, backend, operation, detail: None, source: None }
    }

    /// Says what is wrong and how to cure it. Never a key, a value or a password.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Keeps the driver's error. Only where its text cannot hold a key, a value or a password.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The kind, for programs to decide on.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The name of the backend that failed.
    #[must_use]
    pub const fn backend(&self) -> &'static str {
        self.backend
    }

    /// The operation that failed.
    #[must_use]
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// What is wrong and how to cure it, for people.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Whether the same call may succeed a moment later: [`ErrorKind::Unavailable`] and
    /// [`ErrorKind::Timeout`]. A retried swap must first read what the first try left behind.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Timeout)
    }
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.backend, self.operation, self.kind.as_str())?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageError")
            .field("kind", &self.kind)
            .field("backend", &self.backend)
            .field("operation", &self.operation)
            .field("detail", &self.detail)
            // Display, not Debug: a driver's Debug output prints whole requests.
            .field("source", &self.source.as_ref().map(ToString::to_string))
            .finish()
    }
}

impl Error for StorageError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}
