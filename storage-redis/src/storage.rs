use std::{
    fmt, fs,
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, ErrorKind, Namespace, Operation, Page, Result, Storage, StorageError, Swap,
    Touch, Touched, async_trait, check_key,
};
use redis::ClientTlsConfig;

use crate::{
    RedisConfig, RedisConnection,
    call::Call,
    cluster::Cluster,
    config::Wait,
    connection::Link,
    dial::{Dialer, Manner},
    fault::{BACKEND, Fault},
    line::Line,
    server::{self, Abilities},
    url::{self, Location, Place},
    whole::Whole,
};

/// Storage on Redis or Valkey.
///
/// A key is `namespace:key`, its value a plain string, its TTL Redis's own. Every operation but a
/// [`scan`](Storage::scan) and a [`reset`](Storage::reset) is one command or one script on one key, atomic, in one
/// round trip; after a server has started, the first use of a script there takes two.
///
/// Clones share one connection and are closed together. It is shared by all tasks, and comes back by itself when it
/// is lost: operations then fail with [`ErrorKind::Unavailable`] until it is there again, the first of them once the
/// server was tried again, later ones at once. Through sentinels, each time the master is asked for anew, and they
/// tell when there is another. In a cluster there is a connection to every node, and redirects are followed.
///
/// **What may be lost.** Redis acknowledges a write before a replica or the disk has it, so a failover or a crash may
/// lose what was written last; with sentinels, a master that is reachable goes on acknowledging until they tell of the
/// next one, a second or so. [`RedisConfig::with_wait_replicas`] makes a loss unlikely. Reads always go to masters.
///
/// **Scans** pass over every master, in cost of all keys of the server, not of the namespace alone. A key that is
/// there throughout is seen, also across restarts and failovers (then perhaps twice), unless its slot moves to
/// another node of the cluster meanwhile; while a master is away, they fail. A [`reset`](Storage::reset) removes the same way, in batches, all that
/// begins with the namespace's prefix.
///
/// ```no_run
/// use cloakroom_storage::{Bytes, Storage};
/// use cloakroom_storage_redis::{RedisConfig, RedisStorage};
///
/// # async fn example() -> Result<(), cloakroom_storage::StorageError> {
/// let storage = RedisStorage::connect(&RedisConfig::new("redis+cluster://10.0.0.1:6379,10.0.0.2:6379")).await?;
/// storage.set("key", Bytes::from_static(b"value"), None).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStorage {
    namespace: Namespace,
    shared: Arc<Shared>,
}

struct Shared {
    link: Link,
    closed: AtomicBool,
    wait: Option<Wait>,
    abilities: Abilities,
}

impl RedisStorage {
    /// Connects to what the URL names, and checks what it finds there: warns of a `maxmemory-policy` that would throw
    /// sessions away.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] for what a person must change: a malformed URL, a wrong password, a sentinel or
    /// one node of a cluster in place of a server, plain text to a port that speaks TLS, a certificate that is not
    /// trusted. [`ErrorKind::Unavailable`] for what may pass: a host that cannot be reached, a server that is loading
    /// its data.
    ///
    /// The connection lives on the tokio runtime that this is called on: once that has ended, operations fail with
    /// [`ErrorKind::Unavailable`].
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(config: &RedisConfig) -> Result<Self> {
        let location = url::parse(&config.url)
            .map_err(|reason| misconfigured(format!("the URL cannot be read: {reason}")))?;
        let wait = wait(config, &location)?;
        let manner = manner(config, &location, wait)?;
        Self::open(link(manner, &location.place).await, config, wait).await
    }

    /// Uses a connection that the caller has, which a [`close`](Storage::close) leaves open. Of `config` counts what
    /// is not about connecting: the namespace and the replicas to wait for.
    ///
    /// ```no_run
    /// use cloakroom_storage_redis::{RedisConfig, RedisStorage, redis};
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let manager = redis::Client::open("redis://10.0.0.1:6379")?.get_connection_manager().await?;
    /// let config = RedisConfig::new("").with_namespace("shop".parse()?);
    /// let storage = RedisStorage::with_connection(manager, &config).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect) but for the URL's.
    pub async fn with_connection(
        connection: impl Into<RedisConnection>,
        config: &RedisConfig,
    ) -> Result<Self> {
        Self::open(Ok(connection.into().0), config, config.wait).await
    }

    async fn open(link: Result<Link, Fault>, config: &RedisConfig, wait: Option<Wait>) -> Result<Self> {
        let opened = async {
            let link = link?;
            server::check(&link, config.namespace.prefix()).await?;
            // No caller's key: that would have at least one character more.
            let abilities = server::abilities(&link, config.namespace.prefix()).await?;
            Ok((link, abilities))
        };
        let (link, abilities) = opened.await.map_err(|fault: Fault| fault.during(Operation::Open))?;
        let shared = Shared { link, closed: AtomicBool::new(false), wait, abilities };
        Ok(Self { namespace: config.namespace.clone(), shared: Arc::new(shared) })
    }

    fn link(&self, operation: Operation) -> Result<&Link> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(StorageError::new(ErrorKind::Closed, BACKEND, operation));
        }
        Ok(&self.shared.link)
    }

    /// What an operation on all keys needs.
    fn whole<'a>(&'a self, link: &'a Link) -> Whole<'a> {
        Whole { link, namespace: &self.namespace, wait: self.shared.wait }
    }

    /// What an operation on one key needs, once the key is known to keep the rules.
    fn call<'a>(&'a self, operation: Operation, key: &str) -> Result<Call<'a>> {
        check_key(BACKEND, operation, key)?;
        let prefix = self.namespace.prefix();
        let mut name = String::with_capacity(prefix.len() + key.len());
        name.push_str(prefix);
        name.push_str(key);
        let Shared { wait, abilities, .. } = &*self.shared;
        Ok(Call { link: self.link(operation)?, wait: *wait, abilities, operation, name })
    }
}

async fn link(manner: Manner, place: &Place) -> Result<Link, Fault> {
    if let Place::Cluster(hosts) = place {
        return Ok(Link::Cluster(Cluster::open(manner, hosts).await?));
    }
    match Dialer::new(manner, place)? {
        Some(dialer) => Ok(Link::Line(Line::open(dialer).await?)),
        None => Err(Fault::Unexpected),
    }
}

fn manner(config: &RedisConfig, location: &Location, wait: Option<Wait>) -> Result<Manner> {
    let manner = Manner::new(config, location, wait);
    if !location.tls {
        return if config.root_certificate.is_none() && config.client_certificate.is_none() {
            Ok(manner)
        } else {
            Err(misconfigured("a certificate is given, but the URL speaks no TLS; begin it with `rediss`"))
        };
    }
    // The driver takes the process's cryptography and panics where there is none.
    if rustls::crypto::CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let root = match (&config.root_certificate, &location.root_certificate) {
        (Some(pem), _) => Some(pem.clone()),
        (None, Some(path)) => Some(read("root_certificate", path)?),
        (None, None) => None,
    };
    let client = match (&config.client_certificate, &location.client_certificate) {
        (Some(pem), _) => {
            Some(ClientTlsConfig { client_cert: pem.certificate.clone(), client_key: pem.key.clone() })
        }
        (None, Some((certificate, key))) => Some(ClientTlsConfig {
            client_cert: read("client_certificate", certificate)?,
            client_key: read("client_key", key)?,
        }),
        (None, None) => None,
    };
    Ok(manner.with_certificates(root, client))
}

fn read(option: &str, path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| misconfigured(format!("the file of `{option}` cannot be read: {error}")))
}

fn wait(config: &RedisConfig, location: &Location) -> Result<Option<Wait>> {
    let wait = config.wait.or_else(|| {
        let timeout = location.wait_timeout.unwrap_or(Wait::DEFAULT_TIMEOUT);
        location.wait_replicas.map(|replicas| Wait { replicas, timeout })
    });
    match wait {
        Some(wait) if wait.timeout >= config.response_timeout => {
            Err(misconfigured("the wait for replicas is not shorter than the response timeout; shorten it"))
        }
        wait => Ok(wait.filter(|wait| wait.replicas > 0)),
    }
}

fn misconfigured(detail: impl Into<std::borrow::Cow<'static, str>>) -> StorageError {
    StorageError::new(ErrorKind::Misconfigured, BACKEND, Operation::Open).with_detail(detail)
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Storage for RedisStorage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let call = self.call(Operation::Get, key)?;
        call.told(call.get().await)
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        let call = self.call(Operation::Set, key)?;
        call.told(match ttl {
            Some(Duration::ZERO) => call.delete().await,
            ttl => call.set(&value, ttl).await,
        })
    }

    async fn delete(&self, key: &str) -> Result<()> {
        let call = self.call(Operation::Delete, key)?;
        call.told(call.delete().await)
    }

    async fn reset(&self) -> Result<()> {
        let link = self.link(Operation::Reset)?;
        self.whole(link).remove().await.map_err(|fault| fault.during(Operation::Reset))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(BACKEND).with_atomic_swap().with_atomic_touch().with_scan().with_close()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        let call = self.call(Operation::GetAndTouch, key)?;
        call.told(call.touch(touch).await)
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let call = self.call(Operation::CompareAndSwap, key)?;
        // What is already expired is not stored.
        let new = new.as_deref().filter(|_| ttl != Some(Duration::ZERO));
        call.told(call.swap(expected, new, ttl).await)
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        let link = self.link(Operation::Scan)?;
        self.whole(link).page(after, limit.get()).await.map_err(|fault| fault.during(Operation::Scan))
    }

    /// Redis reaps by itself.
    async fn purge_expired(&self) -> Result<u64> {
        self.link(Operation::PurgeExpired).map(|_| 0)
    }

    async fn ping(&self) -> Result<()> {
        let link = self.link(Operation::Ping)?;
        let answered = link.command(self.namespace.prefix().as_bytes(), redis::cmd("PING")).await;
        answered.map(drop).map_err(|fault| fault.during(Operation::Ping))
    }

    async fn close(&self) -> Result<()> {
        self.shared.closed.store(true, Ordering::Release);
        self.shared.link.close();
        Ok(())
    }
}

impl fmt::Debug for RedisStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStorage")
            .field("namespace", &self.namespace.as_str())
            .field("cluster", &self.shared.link.is_cluster())
            .field("closed", &self.shared.closed)
            .field("wait", &self.shared.wait)
            .finish()
    }
}
