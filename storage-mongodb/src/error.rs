//! From the driver's errors to ours: the only place that knows them.
//!
//! None of the driver's messages is passed on: a server quotes the key that is a duplicate, the driver quotes parts
//! of the URL, and the state of a cluster quotes the errors of others.

use std::time::Duration;

use cloakroom_storage::{ErrorKind, Operation, StorageError};
use mongodb::error::{Error, ErrorKind as Driver, WriteFailure};

pub(crate) const BACKEND: &str = "mongodb";

/// Why a statement failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The driver or the server says so.
    Driver(Error),
    /// A document of ours that is not as we write it.
    Corrupt,
    /// Others were always a little faster.
    Contended,
    /// The server does not say what time it is.
    NoClock,
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Driver(error)
    }
}

impl Fault {
    /// Whether the document to be inserted is there already.
    pub(crate) fn is_duplicate(&self) -> bool {
        matches!(self, Self::Driver(error) if code(error) == Some(11_000))
    }

    /// Whether another upsert inserted the document at the same moment. DocumentDB takes the update up again then, and
    /// has forgotten what `$$NOW` is.
    pub(crate) fn is_of_a_lost_upsert(&self) -> bool {
        let forgot = |error: &Error| code(error) == Some(9) && message(error).contains("$$NOW");
        self.is_duplicate() || matches!(self, Self::Driver(error) if forgot(error))
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind_and_detail().0
    }

    pub(crate) fn into_error(self, operation: Operation) -> StorageError {
        let (kind, detail) = self.kind_and_detail();
        let error = StorageError::new(kind, BACKEND, operation).with_detail(detail);
        match self {
            // The operating system's: names neither a key nor a password.
            Self::Driver(failure) => match *failure.kind {
                Driver::Io(io) => error.with_source(io),
                _ => error,
            },
            _ => error,
        }
    }

    fn kind_and_detail(&self) -> (ErrorKind, String) {
        match self {
            Self::Driver(error) => kind_and_detail(error),
            Self::Corrupt => (
                ErrorKind::Corrupt,
                "a document of this namespace has no binary \"value\"; is another program writing to the \
                 collection? Use another namespace or collection, or reset this one"
                    .to_owned(),
            ),
            Self::Contended => {
                (ErrorKind::Unavailable, "others wrote the same key at every try; try again".to_owned())
            }
            Self::NoClock => (
                ErrorKind::Misconfigured,
                "the server's answer to hello has no localTime, nor do its updates know $$NOW; use MongoDB 4.4 or \
                 newer"
                    .to_owned(),
            ),
        }
    }
}

fn kind_and_detail(error: &Error) -> (ErrorKind, String) {
    match &*error.kind {
        Driver::Authentication { .. } => authentication(),
        Driver::Io(io) if io.kind() == std::io::ErrorKind::TimedOut => {
            (ErrorKind::Unavailable, "the server did not answer in time".to_owned())
        }
        Driver::Io(io) => (ErrorKind::Unavailable, format!("the connection failed: {}", io.kind())),
        Driver::ConnectionPoolCleared { .. } => {
            (ErrorKind::Unavailable, "the connections to the server were lost".to_owned())
        }
        Driver::ServerSelection { message, .. } => selection(message),
        Driver::DnsResolve { .. } => (
            ErrorKind::Unavailable,
            "the name service does not know the host; check the URL's host, which for mongodb+srv:// is the name of \
             an SRV record"
                .to_owned(),
        ),
        Driver::InvalidTlsConfig { .. } => (
            ErrorKind::Misconfigured,
            "the TLS options of the URL cannot be used; check that the files exist and hold PEM".to_owned(),
        ),
        Driver::InvalidArgument { .. } => (
            ErrorKind::Misconfigured,
            "the driver refuses an option; check the URL's options, and the names of database and collection"
                .to_owned(),
        ),
        Driver::IncompatibleServer { .. } => incompatible(),
        Driver::Shutdown => (ErrorKind::Unavailable, "the client that was handed in is shut down".to_owned()),
        Driver::Command(command) => by_code(command.code, &command.code_name),
        Driver::Write(WriteFailure::WriteError(write)) => {
            by_code(write.code, write.code_name.as_deref().unwrap_or(""))
        }
        Driver::Write(WriteFailure::WriteConcernError(concern)) => by_code(concern.code, &concern.code_name),
        Driver::InvalidResponse { .. } | Driver::Bson(_) => {
            (ErrorKind::Other, "the server's answer could not be understood".to_owned())
        }
        _ => (ErrorKind::Other, "the driver failed".to_owned()),
    }
}

/// The server's code, whichever part of its answer it was in.
fn code(error: &Error) -> Option<i32> {
    match &*error.kind {
        Driver::Command(command) => Some(command.code),
        Driver::Write(WriteFailure::WriteError(write)) => Some(write.code),
        Driver::Write(WriteFailure::WriteConcernError(concern)) => Some(concern.code),
        _ => None,
    }
}

/// The server's words, to be looked at only.
fn message(error: &Error) -> &str {
    match &*error.kind {
        Driver::Command(command) => &command.message,
        Driver::Write(WriteFailure::WriteError(write)) => &write.message,
        _ => "",
    }
}

/// The codes are listed in <https://www.mongodb.com/docs/manual/reference/error-codes/>.
fn by_code(code: i32, name: &str) -> (ErrorKind, String) {
    let (kind, detail) = match code {
        18 | 8_000 => return authentication(),
        13 => (
            ErrorKind::Misconfigured,
            "the server does not allow it; name a user in the URL, and give it the role readWrite on the database",
        ),
        20 | 301 => (
            ErrorKind::Misconfigured,
            "the server refuses transaction numbers; add retryWrites=false to the URL",
        ),
        26 | 73 => (
            ErrorKind::Misconfigured,
            "the server refuses the name of the database or of the collection; choose another",
        ),
        79 | 100 => (
            ErrorKind::Misconfigured,
            "the write concern cannot be met by this replica set; remove w from the URL",
        ),
        121 => (
            ErrorKind::Misconfigured,
            "the collection has a validation rule that refuses our documents; use another collection",
        ),
        166 | 10_003 => {
            (ErrorKind::Misconfigured, "the collection is a view or capped; use another collection")
        }
        10_334 | 17_419 | 17_420 => (ErrorKind::ValueTooLarge, "the server refuses documents of this size"),
        50 | 64 | 262 => (ErrorKind::Timeout, "the server gave up; the operation may have taken effect"),
        // Not the primary, stepping down, starting, shutting down.
        10_107 | 13_435 | 13_436 | 10_058 | 189 | 91 | 11_600 | 11_602 | 133 | 134 => {
            (ErrorKind::Unavailable, "the replica set is changing its primary")
        }
        // Of a shard, or overloaded.
        6 | 7 | 24 | 46 | 89 | 112 | 202 | 462 | 9_001 => {
            (ErrorKind::Unavailable, "the server cannot do it for now")
        }
        59 | 115 | 238 | 303 => (
            ErrorKind::Misconfigured,
            "the server lacks a command that every MongoDB has; use MongoDB 4.4 or newer",
        ),
        _ => (ErrorKind::Other, "the server refuses the command"),
    };
    let detail =
        if name.is_empty() { format!("{detail} (code {code})") } else { format!("{detail} ({name})") };
    (kind, detail)
}

fn authentication() -> (ErrorKind, String) {
    (
        ErrorKind::Misconfigured,
        "the server refuses the user; check user name and password, which are percent-encoded in a URL, and \
         authSource, the database that the user was created in"
            .to_owned(),
    )
}

fn incompatible() -> (ErrorKind, String) {
    (ErrorKind::Misconfigured, "the server is too old for the driver; use MongoDB 4.4 or newer".to_owned())
}

/// The message is the driver's view of the whole cluster.
fn selection(message: &str) -> (ErrorKind, String) {
    let has = |text: &str| message.contains(text);
    if has("wire version") {
        return incompatible();
    }
    let detail = if has("refused") {
        "nothing listens there; check the URL's host and port, and that the server runs"
    } else if has("lookup") || has("Name or service not known") || has("nodename") {
        "the name service does not know the host; check the URL's host"
    } else if has("ertificate") || has("tls") || has("TLS") {
        "no TLS connection can be made; check tls=true, tlsCAFile and the certificate's names"
    } else if has("ReplicaSetNoPrimary") {
        "the replica set has no primary; check its members, and replicaSet in the URL"
    } else {
        "no server answers; check the URL's host and port, firewalls, and that tls is what the server wants"
    };
    (ErrorKind::Unavailable, format!("no server could be selected: {detail}"))
}

/// Connecting took longer than it may.
pub(crate) fn connect_timeout(timeout: Duration) -> StorageError {
    StorageError::new(ErrorKind::Unavailable, BACKEND, Operation::Open).with_detail(format!(
        "not connected within {timeout:?}; check the URL's host and port, or raise the connect timeout"
    ))
}

pub(crate) fn misconfigured(detail: impl Into<std::borrow::Cow<'static, str>>) -> StorageError {
    StorageError::new(ErrorKind::Misconfigured, BACKEND, Operation::Open).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::{deserialize_from_document, doc};

    use super::*;

    #[test]
    fn what_passes_is_unavailable_and_what_a_person_must_change_is_misconfigured() {
        for code in [10_107, 91, 189, 11_600, 112] {
            assert_eq!(by_code(code, "").0, ErrorKind::Unavailable, "{code}");
        }
        for code in [13, 18, 20, 100, 121, 8_000] {
            assert_eq!(by_code(code, "").0, ErrorKind::Misconfigured, "{code}");
        }
        assert_eq!(by_code(64, "WriteConcernTimeout").0, ErrorKind::Timeout);
        assert_eq!(by_code(10_334, "BSONObjectTooLarge").0, ErrorKind::ValueTooLarge);
    }

    #[test]
    fn an_upsert_is_lost_where_the_key_is_taken_or_now_is_forgotten() {
        let fault = |code: i32, message: &str| {
            let command = doc! { "code": code, "codeName": "", "errmsg": message };
            Fault::from(Error::from(Driver::Command(deserialize_from_document(command).unwrap())))
        };
        assert!(fault(11_000, "E11000 duplicate key error").is_of_a_lost_upsert());
        assert!(fault(9, "The $$NOW operator cannot be used here.").is_of_a_lost_upsert());
        assert!(!fault(9, "Failed to parse").is_of_a_lost_upsert());
        assert!(!fault(17_276, "Use of undefined variable: $$NOW").is_of_a_lost_upsert());
    }

    #[test]
    fn a_code_without_a_name_is_shown() {
        assert!(by_code(4_711, "").1.contains("4711"));
        assert!(by_code(13, "Unauthorized").1.contains("Unauthorized"));
    }

    #[test]
    fn the_state_of_the_cluster_is_told_by_its_cure_alone() {
        for (message, cure) in [
            (
                "Servers: [ { Address: a:1, Error: Connection refused (os error 111), key: s3cret } ]",
                "listens",
            ),
            ("failed to lookup address information: s3cret", "name service"),
            ("Type: ReplicaSetNoPrimary s3cret", "primary"),
            ("invalid peer certificate: UnknownIssuer s3cret", "tlsCAFile"),
        ] {
            let (kind, detail) = selection(message);
            assert_eq!(kind, ErrorKind::Unavailable);
            assert!(detail.contains(cure) && !detail.contains("s3cret"), "{detail}");
        }
        assert_eq!(selection("reports wire version 8").0, ErrorKind::Misconfigured);
    }
}
