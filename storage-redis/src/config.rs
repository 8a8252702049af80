use std::{fmt, time::Duration};

use cloakroom_storage::Namespace;

/// How a [`RedisStorage`](crate::RedisStorage) connects.
///
/// | URL | what it names |
/// | --- | --- |
/// | `redis://user:password@host:6379/0` | one server and the number of a database |
/// | `redis+sentinel://:password@host:26379,host/0?service=mymaster` | the master that sentinels know by that name |
/// | `redis+cluster://host:6379,host` | a cluster, by some of its nodes |
/// | `redis+unix:///run/redis.sock?db=0` | one server's socket |
///
/// With `rediss` in place of `redis`, TLS is spoken, with sentinels too; `valkey` and `valkeys` mean the same as
/// `redis` and `rediss`. Special characters in user and password are percent-encoded.
///
/// | option in the URL's query | same as |
/// | --- | --- |
/// | `root_certificate=/path/ca.pem` | [`with_root_certificate`](Self::with_root_certificate) |
/// | `client_certificate=/path/cert.pem`, `client_key=/path/key.pem` | [`with_client_certificate`](Self::with_client_certificate) |
/// | `wait_replicas=1`, `wait_timeout_ms=1000` | [`with_wait_replicas`](Self::with_wait_replicas) |
/// | `service=mymaster` | needed with sentinels |
/// | `sentinel_username`, `sentinel_password` | what the sentinels themselves ask for |
///
/// What is set here goes before what the URL says.
///
/// ```
/// use std::time::Duration;
/// use cloakroom_storage_redis::RedisConfig;
///
/// let config = RedisConfig::new("rediss://:secret@cache.internal:6379/0")
///     .with_namespace("shop".parse()?)
///     .with_connect_timeout(Duration::from_secs(2));
/// assert!(!format!("{config:?}").contains("secret"));
/// # Ok::<(), cloakroom_storage::StorageError>(())
/// ```
#[derive(Clone)]
pub struct RedisConfig {
    pub(crate) url: String,
    pub(crate) namespace: Namespace,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) root_certificate: Option<Vec<u8>>,
    pub(crate) client_certificate: Option<ClientCertificate>,
    pub(crate) wait: Option<Wait>,
    pub(crate) tcp_nodelay: Option<bool>,
}

/// What a client that must prove itself shows: PEM, like the root certificate.
#[derive(Clone)]
pub(crate) struct ClientCertificate {
    pub(crate) certificate: Vec<u8>,
    pub(crate) key: Vec<u8>,
}

/// How many replicas must have a write before it counts, and how long that may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) replicas: usize,
    pub(crate) timeout: Duration,
}

impl Wait {
    pub(crate) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);
}

impl RedisConfig {
    /// The server, the sentinels or the cluster of that URL, the namespace `cloakroom`, and five seconds for
    /// connecting and for answers. The URL is read by [`RedisStorage::connect`](crate::RedisStorage::connect).
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            namespace: Namespace::new("cloakroom").expect("the default name keeps the rules of a namespace"),
            connect_timeout: Duration::from_secs(5),
            response_timeout: Duration::from_secs(5),
            root_certificate: None,
            client_certificate: None,
            wait: None,
            tcp_nodelay: None,
        }
    }

    /// The namespace, that is, what every key in Redis begins with. Default: `cloakroom`.
    #[must_use]
    pub fn with_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// How long connecting may take, now and after every loss of the connection. Default: 5 seconds.
    ///
    /// A peer that has not acknowledged what was sent for so long is taken for gone. A node of a cluster is given
    /// a quarter of it, and a second at most, as the others wait meanwhile.
    #[must_use]
    pub const fn with_connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// How long an answer may take before the operation fails with
    /// [`ErrorKind::Timeout`](cloakroom_storage::ErrorKind::Timeout) and the connection is doubted. Default: 5
    /// seconds.
    ///
    /// This is the last resort against servers that fall silent. The limit of an operation that users wait for is
    /// the [`Timeout`](cloakroom_storage::Timeout) layer's.
    #[must_use]
    pub const fn with_response_timeout(mut self, limit: Duration) -> Self {
        self.response_timeout = limit;
        self
    }

    /// Whether each request is sent at once, `TCP_NODELAY`. Otherwise one may be held back until the server has
    /// acknowledged those before it, and is then sent together with others
    /// ([RFC 896](https://www.rfc-editor.org/rfc/rfc896)): under load, many tasks get more done, 465,000 reads a second
    /// rather than 320,000 by 64 tasks on one machine; in a network, a request that is not alone may take up to one more
    /// round trip. Default: only where writes [wait for replicas](Self::with_wait_replicas), as a server that waits
    /// acknowledges late.
    #[must_use]
    pub const fn with_tcp_nodelay(mut self, nodelay: bool) -> Self {
        self.tcp_nodelay = Some(nodelay);
        self
    }

    /// The certificates, as PEM, that a server's must be signed by. Default: those that the machine trusts.
    #[must_use]
    pub fn with_root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificate = Some(pem.into());
        self
    }

    /// The certificate and its private key, both as PEM, that are shown to a server which asks for them.
    #[must_use]
    pub fn with_client_certificate(
        mut self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Self {
        let (certificate, key) = (certificate_pem.into(), key_pem.into());
        self.client_certificate = Some(ClientCertificate { certificate, key });
        self
    }

    /// Lets a write succeed only when so many replicas have it, within `timeout` (whole milliseconds, rounded up).
    /// Default: none.
    ///
    /// Replication is asynchronous: a master that fails may take writes with it that it had acknowledged, whoever
    /// is promoted. With `WAIT` after each write, in the same round trip, the write is in the memory of that many
    /// replicas as well, which makes the loss unlikely, not impossible
    /// ([the manual](https://redis.io/docs/latest/commands/wait/)). Touches do not wait: what a lost one costs is
    /// a TTL that ends earlier.
    ///
    /// Where too few acknowledge in time, the operation fails with
    /// [`ErrorKind::Unavailable`](cloakroom_storage::ErrorKind::Unavailable), though the write has happened. The
    /// connection is shared, so reads queue behind a write that waits: keep `timeout` short. It must be shorter
    /// than the [response timeout](Self::with_response_timeout).
    #[must_use]
    pub const fn with_wait_replicas(mut self, replicas: usize, timeout: Duration) -> Self {
        self.wait = Some(Wait { replicas, timeout });
        self
    }

    /// The namespace.
    #[must_use]
    pub const fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// How long connecting may take.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// How long an answer may take.
    #[must_use]
    pub const fn response_timeout(&self) -> Duration {
        self.response_timeout
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The scheme is all of a URL that cannot be a part of a password.
        let scheme = self.url.split_once("://").map_or("…", |(scheme, _)| scheme);
        f.debug_struct("RedisConfig")
            .field("url", &format_args!("{scheme}://…"))
            .field("namespace", &self.namespace.as_str())
            .field("connect_timeout", &self.connect_timeout)
            .field("response_timeout", &self.response_timeout)
            .field("root_certificate", &self.root_certificate.is_some())
            .field("client_certificate", &self.client_certificate.is_some())
            .field("wait", &self.wait)
            .field("tcp_nodelay", &self.tcp_nodelay)
            .finish()
    }
}
