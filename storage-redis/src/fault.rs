//! What goes wrong, and what the caller is told: the only place that reads the driver's errors.

use std::{borrow::Cow, error::Error as _, time::Duration};

use cloakroom_storage::{ErrorKind, Operation, StorageError};
use redis::{ErrorKind as Driver, RedisError, Value};

pub(crate) const BACKEND: &str = "redis";

/// Why the engine did not do what it was asked to.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    Driver(RedisError),
    /// No connection within the time allowed.
    ConnectTimeout(Duration),
    /// Connected, but to a server that copies another.
    Replica,
    /// Connected to a sentinel where a server was meant.
    SentinelPort,
    /// One node of a cluster was addressed as if it were all.
    ClusterNode,
    /// A node of a cluster answered that is not the master of the slot that was meant.
    NotTheMaster,
    /// No sentinel knows the service.
    UnknownService,
    /// No sentinel answered; what the last one said.
    NoSentinel(RedisError),
    /// An answer that the command does not have.
    Unexpected,
    /// The storage was closed meanwhile.
    Closed,
    /// Written, but not to as many replicas as were asked for.
    TooFewReplicas {
        wanted: usize,
        acknowledged: i64,
    },
    /// A position of a scan that this storage cannot have made.
    ForeignCursor,
}

impl From<RedisError> for Fault {
    fn from(error: RedisError) -> Self {
        Self::Driver(error)
    }
}

/// An answer, or the error that the server answered with.
pub(crate) fn answer(value: Value) -> Result<Value, Fault> {
    Ok(value.extract_error()?)
}

impl Fault {
    /// The code of the server's error, such as `READONLY`; scripts of Redis 6 hide it in the text.
    pub(crate) fn code(&self) -> Option<&str> {
        const HIDDEN: [&str; 5] = ["WRONGTYPE", "READONLY", "OOM", "MISCONF", "NOREPLICAS"];
        let Self::Driver(error) = self else { return None };
        let code = error.code()?;
        let text = error.detail().filter(|_| code == "ERR").unwrap_or_default();
        Some(HIDDEN.into_iter().find(|hidden| text.contains(hidden)).unwrap_or(code))
    }

    /// Whether the server's own words hold `text`. They may name keys, so they are read and never shown.
    pub(crate) fn says(&self, text: &str) -> bool {
        matches!(self, Self::Driver(error) if error.detail().is_some_and(|detail| detail.contains(text)))
    }

    /// Whether the connection is of no more use: gone, out of step, or to a server that is no longer the master.
    pub(crate) fn ends_connection(&self) -> bool {
        let Self::Driver(error) = self else { return false };
        let lost = matches!(error.kind(), Driver::Io | Driver::Parse) && !error.is_timeout();
        lost || self.code() == Some("READONLY")
    }

    /// Whether a node of a cluster has not executed it because the key is elsewhere, or on its way there.
    pub(crate) fn is_redirect(&self) -> bool {
        matches!(self.code(), Some("MOVED" | "ASK" | "TRYAGAIN"))
    }

    /// Whether no answer came within the time allowed.
    pub(crate) fn is_timeout(&self) -> bool {
        matches!(self, Self::Driver(error) if error.is_timeout())
    }

    /// Whether no node of a cluster has answered in the time that each was given. The driver hands on the text of one.
    pub(crate) fn is_of_slow_nodes(&self) -> bool {
        let says = |error: &RedisError| error.detail().is_some_and(|detail| detail.contains("timed out"));
        self.is_timeout() || matches!(self, Self::Driver(error) if error.kind() == Driver::Io && says(error))
    }

    /// Whether the connection failed, not what was asked over it.
    pub(crate) fn is_of_network(&self) -> bool {
        matches!(self, Self::Driver(error) if error.kind() == Driver::Io)
    }

    /// What the caller of the storage is told.
    pub(crate) fn during(self, operation: Operation) -> StorageError {
        let (kind, detail) = self.told(operation);
        let error = StorageError::new(kind, BACKEND, operation).with_detail(detail);
        match self {
            // The server's own errors may name keys; those of the network cannot.
            Self::Driver(source) | Self::NoSentinel(source) if is_of_network(&source) => {
                error.with_source(source)
            }
            _ => error,
        }
    }

    fn told(&self, operation: Operation) -> (ErrorKind, Cow<'static, str>) {
        use ErrorKind::{Closed, Misconfigured, Other, Unavailable};
        match self {
            Self::Driver(error) => match self.code() {
                Some(code) => of_server(code, error),
                None => of_driver(error, operation),
            },
            Self::ConnectTimeout(limit) => (Unavailable, silence(&format!("within {limit:?}"))),
            Self::Replica => (
                Unavailable,
                "this server is a replica; connect to the master, or through sentinels (`redis+sentinel://`)".into(),
            ),
            Self::SentinelPort => {
                (Misconfigured, "this is a sentinel; begin the URL with `redis+sentinel://`".into())
            }
            Self::ClusterNode => {
                (Misconfigured, "this server is a node of a cluster; begin the URL with `redis+cluster://`".into())
            }
            Self::NotTheMaster => (
                Unavailable,
                "a master of the cluster is not connected, or is about to be replaced; see CLUSTER NODES".into(),
            ),
            Self::UnknownService => (
                Misconfigured,
                "no sentinel knows that service; check `service` in the URL (the name after `sentinel monitor`)".into(),
            ),
            Self::NoSentinel(error) => {
                let (kind, detail) = match (error.code(), error.kind()) {
                    (Some("NOAUTH"), _) => {
                        (Misconfigured, "they ask for a password; add `sentinel_password` to the URL".into())
                    }
                    (Some("WRONGPASS"), _) | (_, Driver::AuthenticationFailed) => (
                        Misconfigured,
                        "wrong user or password; check `sentinel_username` and `sentinel_password` in the URL".into(),
                    ),
                    _ => Self::Driver(error.clone()).told(operation),
                };
                (kind, format!("no sentinel answers: {detail}").into())
            }
            Self::Unexpected => (
                Other,
                "the server gave an answer that the command does not have; is it Redis 6.2 or newer, or Valkey?".into(),
            ),
            Self::Closed => (Closed, "it was closed meanwhile".into()),
            Self::TooFewReplicas { wanted, acknowledged } => (
                Unavailable,
                format!(
                    "written, but {acknowledged} of {wanted} replicas have it in time; check the replicas, or ask for \
                     fewer"
                )
                .into(),
            ),
            Self::ForeignCursor => (Other, "the cursor is not one of this storage's".into()),
        }
    }
}

fn silence(when: &str) -> Cow<'static, str> {
    format!(
        "no connection {when}; check host, port and firewall, and that the port speaks TLS if the URL begins with \
         `rediss`"
    )
    .into()
}

fn is_of_network(error: &RedisError) -> bool {
    error.kind() == Driver::Io && error.source().is_some()
}

/// By the first word of the server's error. The rest may name keys and is left out.
fn of_server(code: &str, error: &RedisError) -> (ErrorKind, Cow<'static, str>) {
    use ErrorKind::{Corrupt, Misconfigured, Other, Unavailable};
    let says = |text| error.detail().is_some_and(|detail| detail.contains(text));
    let told = match code {
        "NOAUTH" => {
            (Misconfigured, "the server asks for a password; put it into the URL, `redis://:password@host`")
        }
        "WRONGPASS" => {
            (Misconfigured, "wrong user or password; check both, and percent-encode them in the URL")
        }
        "NOPERM" => (
            Misconfigured,
            "the user may not do this; allow it the namespace's keys and GET, SET, UNLINK, EVAL, EVALSHA, SCAN, PTTL, \
             PEXPIRE, PING, INFO, ROLE, WAIT, in a cluster ASKING, CLUSTER SLOTS, NODES and INFO (ACL SETUSER)",
        ),
        "READONLY" => (Unavailable, "the server has become a replica; the master is looked for"),
        "UNBLOCKED" => {
            (Unavailable, "the server became a replica before replicas had the write; it may have happened")
        }
        "LOADING" => (Unavailable, "the server is loading its data; try again"),
        "MASTERDOWN" | "NOREPLICAS" => {
            (Unavailable, "the server has lost its master, or its replicas; look after them")
        }
        "CLUSTERDOWN" => (Unavailable, "the cluster is down, or some slots have no master; see CLUSTER INFO"),
        "MOVED" | "ASK" | "TRYAGAIN" => (Unavailable, "the cluster is being rearranged; try again"),
        "BUSY" => (Unavailable, "the server is busy with somebody's script; see SCRIPT KILL"),
        "OOM" => (Unavailable, "the server's memory is full; raise `maxmemory`, or make room"),
        "MISCONF" => (
            Unavailable,
            "the server takes no writes because it cannot save to disk; see its log, or \
             `stop-writes-on-bgsave-error`",
        ),
        "WRONGTYPE" => (Corrupt, "a key of the namespace holds no string; another program writes there"),
        "DENIED" => {
            (Misconfigured, "the server is in protected mode; give it a password, or bind it elsewhere")
        }
        "ERR" if says("WAIT cannot be used with replica") => {
            (Unavailable, "the server became a replica before replicas had the write; it may have happened")
        }
        "ERR" if says("max number of clients") => {
            (Unavailable, "the server has too many clients; raise `maxclients`")
        }
        "ERR" if says("DB index is out of range") || says("SELECT is not allowed in cluster mode") => {
            (Misconfigured, "there is no database of that number; check the path of the URL and `databases`")
        }
        "ERR" if says("cluster support disabled") => {
            (Misconfigured, "this server is no cluster; begin the URL with `redis://`")
        }
        "ERR" if says("without any password configured") => {
            (Misconfigured, "the server has no password; take it out of the URL")
        }
        "ERR" if says("nknown command") || says("unknown subcommand") => (
            Misconfigured,
            "the server lacks a command that is needed, or it was renamed; Redis 6.2 or newer, or Valkey, has all",
        ),
        "ERR" if says("string exceeds maximum allowed size") || says("invalid bulk length") => {
            (ErrorKind::ValueTooLarge, "the value is larger than the server takes; see `proto-max-bulk-len`")
        }
        _ => return (Other, format!("the server answers `{code}`; its log may say more").into()),
    };
    (told.0, told.1.into())
}

fn of_driver(error: &RedisError, operation: Operation) -> (ErrorKind, Cow<'static, str>) {
    use ErrorKind::{Misconfigured, Other, Timeout, Unavailable};
    let opening = operation == Operation::Open;
    match error.kind() {
        Driver::AuthenticationFailed => {
            (Misconfigured, "wrong user or password; check both, and percent-encode them in the URL".into())
        }
        Driver::RESP3NotSupported => (
            Misconfigured,
            "the server does not speak RESP3; Redis 6.2 or newer, and Valkey, do; some proxies do not".into(),
        ),
        Driver::Parse if opening => (
            Misconfigured,
            "what answers does not speak Redis's protocol; check the port, and begin the URL with `rediss` if it \
             speaks TLS"
                .into(),
        ),
        Driver::InvalidClientConfig => {
            (Misconfigured, "the driver refuses the configuration; check certificates and the nodes' hosts".into())
        }
        Driver::ClusterConnectionNotFound => {
            (Unavailable, "no node of the cluster can be reached; check the hosts of the URL".into())
        }
        Driver::Io if error.is_timeout() && !opening => {
            (Timeout, "no answer within the response timeout; what was asked for may have happened".into())
        }
        Driver::Io if error.is_timeout() => (Unavailable, silence("in time")),
        Driver::Io => of_network(error, opening),
        Driver::Parse | Driver::UnexpectedReturnType => {
            (Unavailable, "the answer was garbled; the connection is made anew".into())
        }
        _ => (Other, "the driver failed".into()),
    }
}

fn of_network(error: &RedisError, opening: bool) -> (ErrorKind, Cow<'static, str>) {
    use ErrorKind::{Misconfigured, Unavailable};
    // A cluster's first connections fail with the text of one node's error only.
    let text = error.detail().unwrap_or_default();
    for code in ["NOAUTH", "WRONGPASS", "NOPERM", "LOADING", "DENIED"] {
        if text.contains(code) {
            return of_server(code, error);
        }
    }
    let cause = error.source().map_or_else(|| text.to_owned(), ToString::to_string);
    if cause.contains("Password authentication failed") {
        return of_server("WRONGPASS", error);
    }
    if ["handshake eof", "close_notify"].iter().any(|words| cause.contains(words)) {
        // So does a server that is about to start behind a balancer which runs already.
        let detail = "the connection was closed while TLS began; check that the server runs, and that its port speaks TLS";
        return (Unavailable, detail.into());
    }
    if ["certificate", "InvalidContentType", "corrupt message", "tls", "TLS", "DNS name"]
        .iter()
        .any(|word| cause.contains(word))
    {
        let detail = format!(
            "TLS failed ({cause}); check that the port speaks TLS, that the certificate names this host, and that \
             `root_certificate` signed it"
        );
        return (Misconfigured, detail.into());
    }
    if !was_closed(&cause) {
        return (
            Unavailable,
            format!("the server cannot be reached ({cause}); check host and port, and that it runs").into(),
        );
    }
    if opening {
        return (
            Misconfigured,
            "the server closed the connection at once; if the port speaks TLS, begin the URL with `rediss`"
                .into(),
        );
    }
    (Unavailable, "the connection was lost; what was asked for may have happened".into())
}

/// Connected, and then hung up on. The driver hands on some errors as text only.
fn was_closed(cause: &str) -> bool {
    let cause = cause.to_ascii_lowercase();
    ["broken pipe", "connection reset", "end of file", "eof", "closed"]
        .iter()
        .any(|word| cause.contains(word))
}
