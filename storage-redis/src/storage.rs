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
    Bytes, Capabilities, Cursor, Entry, ErrorKind, Namespace, Operation, Page, Result, Storage, StorageError,
    Swap, Touch, Touched, async_trait, check_key,
};
use redis::{ClientTlsConfig, Cmd, Pipeline, Value};

use crate::{
    RedisConfig, RedisConnection,
    cluster::Cluster,
    command::{self, Condition},
    config::Wait,
    connection::{Link, To},
    dial::{Dialer, Manner},
    fault::{BACKEND, Fault, answer},
    line::Line,
    script::{self, By},
    server,
    url::{self, Location, Place},
    walk::{Found, Pattern, Walk},
};

/// Storage on Redis or Valkey.
///
/// A key is `namespace:key`, its value a plain string, its TTL Redis's own. Every operation but a
/// [`scan`](Storage::scan) and a [`reset`](Storage::reset) is one command or one script on one key, atomic, in one
/// round trip; after a server has started, the first use of a script there takes two.
///
/// Clones share one connection and are closed together. It is shared by all tasks, and comes back by itself when it
/// is lost: operations then fail with [`ErrorKind::Unavailable`] until it is there again, the first of them once the
/// server was tried again, later ones at once. Through sentinels, each time the master is asked for anew. In a
/// cluster there is a connection to every node, and redirects are followed.
///
/// **What may be lost.** Redis acknowledges a write before a replica or the disk has it, so a failover or a crash may
/// lose what was written last. [`RedisConfig::with_wait_replicas`] makes that unlikely. Reads always go to masters.
///
/// **Scans** pass over every master, in cost of all keys of the server, not of the namespace alone. A key that is
/// there throughout is seen, also across restarts and failovers (then perhaps twice), unless its slot moves to
/// another node of the cluster meanwhile. A [`reset`](Storage::reset) removes the same way, in batches, all that
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
    native_swap: AtomicBool,
    native_create: AtomicBool,
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
    /// # Panics
    /// Outside of a tokio runtime.
    pub async fn connect(config: &RedisConfig) -> Result<Self> {
        let location = url::parse(&config.url)
            .map_err(|reason| misconfigured(format!("the URL cannot be read: {reason}")))?;
        let wait = wait(config, &location)?;
        let manner = manner(config, &location)?;
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
            server::check(&link).await?;
            // No caller's key: that would have at least one character more.
            let abilities = server::abilities(&link, config.namespace.prefix()).await?;
            Ok((link, abilities))
        };
        let (link, abilities) = opened.await.map_err(|fault: Fault| fault.during(Operation::Open))?;
        let shared = Shared {
            link,
            closed: AtomicBool::new(false),
            wait,
            native_swap: AtomicBool::new(abilities.swap),
            native_create: AtomicBool::new(abilities.create),
        };
        Ok(Self { namespace: config.namespace.clone(), shared: Arc::new(shared) })
    }

    fn link(&self, operation: Operation) -> Result<&Link> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(StorageError::new(ErrorKind::Closed, BACKEND, operation));
        }
        Ok(&self.shared.link)
    }

    /// What an operation on one key needs, once the key is known to keep the rules.
    fn call<'a>(&'a self, operation: Operation, key: &str) -> Result<Call<'a>> {
        check_key(BACKEND, operation, key)?;
        let prefix = self.namespace.prefix();
        let mut name = String::with_capacity(prefix.len() + key.len());
        name.push_str(prefix);
        name.push_str(key);
        Ok(Call { link: self.link(operation)?, shared: &self.shared, operation, name })
    }
}

async fn link(manner: Manner, place: &Place) -> Result<Link, Fault> {
    if let Place::Cluster(hosts) = place {
        return Ok(Link::Cluster(Cluster::open(&manner, hosts).await?));
    }
    match Dialer::new(manner, place)? {
        Some(dialer) => Ok(Link::Line(Line::open(dialer).await?)),
        None => Err(Fault::Unexpected),
    }
}

fn manner(config: &RedisConfig, location: &Location) -> Result<Manner> {
    let manner = Manner::new(location, config.connect_timeout, config.response_timeout);
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

/// One operation on one key.
struct Call<'a> {
    link: &'a Link,
    shared: &'a Shared,
    operation: Operation,
    /// The key as Redis has it.
    name: String,
}

impl Call<'_> {
    fn to(&self) -> To<'_> {
        To::Key(self.name.as_bytes())
    }

    async fn read(&self, command: Cmd) -> Result<Value, Fault> {
        self.link.command(self.to(), command).await
    }

    /// Waits for replicas, if so configured, in the same round trip.
    async fn write(&self, command: Cmd) -> Result<Value, Fault> {
        match self.shared.wait {
            None => self.link.command(self.to(), command).await,
            Some(wait) => Box::pin(self.write_and_wait(command, wait)).await,
        }
    }

    async fn write_and_wait(&self, command: Cmd, wait: Wait) -> Result<Value, Fault> {
        let mut pipeline = redis::pipe();
        pipeline.add_command(command).add_command(command::wait(wait));
        let mut answers = self.link.pipeline(self.to(), pipeline).await?;
        let acknowledged = answers.pop().ok_or(Fault::Unexpected)?;
        let written = answer(answers.pop().ok_or(Fault::Unexpected)?)?;
        check_replicas(wait, acknowledged)?;
        Ok(written)
    }

    /// By its digest, and by its text where the server does not have it yet.
    async fn script(&self, script: impl Fn(By) -> Cmd, writes: bool) -> Result<Value, Fault> {
        let run = async |by| if writes { self.write(script(by)).await } else { self.read(script(by)).await };
        match run(By::Digest).await {
            Err(fault) if fault.code() == Some("NOSCRIPT") => run(By::Text).await,
            answered => answered,
        }
    }

    async fn get(&self) -> Result<Option<Bytes>, Fault> {
        value(self.read(command::get(&self.name)).await?)
    }

    async fn set(&self, value: &[u8], ttl: Option<Duration>) -> Result<(), Fault> {
        self.write(command::set(&self.name, value, ttl, Condition::None)).await.map(drop)
    }

    async fn delete(&self) -> Result<(), Fault> {
        self.write(command::unlink(self.name.as_bytes())).await.map(drop)
    }

    async fn touch(&self, touch: Touch) -> Result<Option<Touched>, Fault> {
        match self.script(|by| script::touch(by, &self.name, touch), false).await? {
            Value::Nil => Ok(None),
            touched => read_touched(touched).map(Some),
        }
    }

    async fn swap(
        &self,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        ttl: Option<Duration>,
    ) -> Result<Swap, Fault> {
        match (expected, new) {
            (None, None) => Ok(swapped_if_missing(self.get().await?)),
            (None, Some(new)) => self.create(new, ttl).await,
            (Some(expected), Some(new)) => self.replace(expected, new, ttl).await,
            (Some(expected), None) => {
                swapped(self.script(|by| script::remove(by, &self.name, expected), true).await?)
            }
        }
    }

    async fn create(&self, new: &[u8], ttl: Option<Duration>) -> Result<Swap, Fault> {
        let command = || command::set(&self.name, new, ttl, Condition::Missing);
        match self.native(&self.shared.native_create, command).await {
            Some(old) => Ok(swapped_if_missing(value(old?)?)),
            None => swapped(self.script(|by| script::create(by, &self.name, new, ttl), true).await?),
        }
    }

    async fn replace(&self, expected: &[u8], new: &[u8], ttl: Option<Duration>) -> Result<Swap, Fault> {
        let command = || command::set(&self.name, new, ttl, Condition::Equals(expected));
        match self.native(&self.shared.native_swap, command).await {
            Some(old) => Ok(match value(old?)? {
                Some(old) if old == expected => Swap::Swapped,
                current => Swap::Conflict { current },
            }),
            None => {
                swapped(self.script(|by| script::replace(by, &self.name, expected, new, ttl), true).await?)
            }
        }
    }

    /// `None`: the server does not know the command, which is noted, as an older one may have taken over.
    async fn native(&self, ability: &AtomicBool, command: impl Fn() -> Cmd) -> Option<Result<Value, Fault>> {
        if !ability.load(Ordering::Relaxed) {
            return None;
        }
        match self.write(command()).await {
            Err(fault) if fault.says("syntax error") => {
                ability.store(false, Ordering::Relaxed);
                None
            }
            answered => Some(answered),
        }
    }

    fn told<T>(&self, result: Result<T, Fault>) -> Result<T> {
        result.map_err(|fault| fault.during(self.operation))
    }
}

fn check_replicas(wait: Wait, acknowledged: Value) -> Result<(), Fault> {
    let Value::Int(acknowledged) = answer(acknowledged)? else { return Err(Fault::Unexpected) };
    if usize::try_from(acknowledged).is_ok_and(|count| count >= wait.replicas) {
        return Ok(());
    }
    Err(Fault::TooFewReplicas { wanted: wait.replicas, acknowledged })
}

fn value(value: Value) -> Result<Option<Bytes>, Fault> {
    match value {
        Value::Nil => Ok(None),
        Value::BulkString(bytes) => Ok(Some(bytes.into())),
        _ => Err(Fault::Unexpected),
    }
}

fn swapped_if_missing(current: Option<Bytes>) -> Swap {
    if current.is_none() { Swap::Swapped } else { Swap::Conflict { current } }
}

/// Of a script: 1, or the value that stood in the way.
fn swapped(answered: Value) -> Result<Swap, Fault> {
    match answered {
        Value::Int(1) => Ok(Swap::Swapped),
        current => Ok(Swap::Conflict { current: value(current)? }),
    }
}

fn read_touched(touched: Value) -> Result<Touched, Fault> {
    let Value::Array(touched) = touched else { return Err(Fault::Unexpected) };
    let Ok([Value::BulkString(value), Value::Int(remaining), Value::Int(extended)]) =
        <[Value; 3]>::try_from(touched)
    else {
        return Err(Fault::Unexpected);
    };
    let remaining = u64::try_from(remaining).ok().map(Duration::from_millis);
    Ok(Touched { value: value.into(), extended: extended == 1, remaining })
}

/// How many keys go into one pipeline.
const BATCH: usize = 500;

/// How many steps of a walk a page takes at most, so that one that finds nothing comes to an end.
const STEPS: usize = 16;

impl RedisStorage {
    async fn remove_all(&self, link: &Link) -> Result<(), Fault> {
        let pattern = Pattern::all(self.namespace.prefix());
        let mut next = Some(Walk::from_the_start());
        while let Some(walk) = next {
            let (found, after) = walk.step(link, &pattern).await?;
            for names in found.names.chunks(BATCH) {
                self.remove(link, found.slot, names).await?;
            }
            next = after;
        }
        Ok(())
    }

    async fn remove(&self, link: &Link, slot: u16, names: &[Vec<u8>]) -> Result<(), Fault> {
        let commands = names.iter().map(|name| command::unlink(name));
        each(link, slot, names, commands)
            .await?
            .into_iter()
            .try_for_each(|removed| answer(removed).map(drop))?;
        let Some(wait) = self.shared.wait else { return Ok(()) };
        check_replicas(wait, link.command(To::Slot(slot), command::wait(wait)).await?)
    }

    async fn page(&self, link: &Link, after: Option<Cursor>, limit: usize) -> Result<Page, Fault> {
        let mut place = match &after {
            Some(cursor) => ScanPlace::from_cursor(cursor).ok_or(Fault::ForeignCursor)?,
            None => ScanPlace { walk: Some(Walk::from_the_start()), slot: 0, left: Vec::new() },
        };
        let pattern = Pattern::strings(self.namespace.prefix());
        for _ in 0..STEPS {
            let Some(walk) = place.walk.take_if(|_| place.left.is_empty()) else { break };
            let (Found { slot, names }, next) = walk.step(link, &pattern).await?;
            // Keys of ours are text; others are somebody else's.
            place.left = names.into_iter().filter_map(|name| self.own(name)).collect();
            place.slot = slot;
            place.walk = next;
        }
        let rest = place.left.split_off(place.left.len().min(limit));
        let keys = std::mem::replace(&mut place.left, rest);
        let entries = self.entries(link, place.slot, keys).await?;
        Ok(Page { entries, next: place.into_cursor() })
    }

    /// The key of that name, unless it has none that a caller can have given it.
    fn own(&self, name: Vec<u8>) -> Option<String> {
        let name = String::from_utf8(name).ok()?;
        let key = name.strip_prefix(self.namespace.prefix())?;
        check_key(BACKEND, Operation::Scan, key).ok().map(|()| key.to_owned())
    }

    async fn entries(&self, link: &Link, slot: u16, keys: Vec<String>) -> Result<Vec<Entry>, Fault> {
        let prefix = self.namespace.prefix();
        let mut entries = Vec::with_capacity(keys.len());
        for keys in keys.chunks(BATCH) {
            let names: Vec<_> = keys.iter().map(|key| format!("{prefix}{key}").into_bytes()).collect();
            let commands = names.iter().map(|name| script::read(name));
            for (key, value) in keys.iter().zip(each(link, slot, &names, commands).await?) {
                match answer(value) {
                    Ok(Value::Nil) => {}
                    Ok(value) => {
                        let Touched { value, remaining: ttl, .. } = read_touched(value)?;
                        entries.push(Entry { key: key.clone(), value, ttl });
                    }
                    // It has become another type since, and is none of ours.
                    Err(fault) if fault.code() == Some("WRONGTYPE") => {}
                    Err(fault) => return Err(fault),
                }
            }
        }
        Ok(entries)
    }
}

/// A command for each of the names that a server holds, in one pipeline; where some have moved to another server, one
/// by one.
async fn each(
    link: &Link,
    slot: u16,
    names: &[Vec<u8>],
    commands: impl Iterator<Item = Cmd> + Clone,
) -> Result<Vec<Value>, Fault> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut pipeline = Pipeline::with_capacity(names.len());
    for command in commands.clone() {
        pipeline.add_command(command);
    }
    match link.pipeline(To::Slot(slot), pipeline).await {
        Err(fault) if link.is_cluster() && matches!(fault.code(), Some("MOVED" | "ASK" | "TRYAGAIN")) => {}
        answers => return answers,
    }
    let mut answers = Vec::with_capacity(names.len());
    for (name, command) in names.iter().zip(commands) {
        answers.push(link.command(To::Key(name), command).await?);
    }
    Ok(answers)
}

/// Where a scan is: what a step found and no page had room for yet, and the walk that goes on after it.
struct ScanPlace {
    walk: Option<Walk>,
    /// The server of the keys that are left.
    slot: u16,
    left: Vec<String>,
}

impl ScanPlace {
    /// The slot, the walk or nothing, and the keys, with NUL between them, which no key has.
    fn into_cursor(self) -> Option<Cursor> {
        if self.walk.is_none() && self.left.is_empty() {
            return None;
        }
        let mut text =
            format!("{}\0{}", self.slot, self.walk.map(|walk| walk.to_words()).unwrap_or_default());
        for key in self.left {
            text.push('\0');
            text.push_str(&key);
        }
        Some(Cursor::new(text))
    }

    fn from_cursor(cursor: &Cursor) -> Option<Self> {
        let mut parts = cursor.as_str().split('\0');
        let slot = parts.next()?.parse().ok()?;
        let walk = match parts.next()? {
            "" => None,
            words => Some(Walk::from_words(words)?),
        };
        Some(Self { walk, slot, left: parts.map(str::to_owned).collect() })
    }
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
        self.remove_all(link).await.map_err(|fault| fault.during(Operation::Reset))
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
        self.page(link, after, limit.get()).await.map_err(|fault| fault.during(Operation::Scan))
    }

    /// Redis reaps by itself.
    async fn purge_expired(&self) -> Result<u64> {
        self.link(Operation::PurgeExpired).map(|_| 0)
    }

    async fn ping(&self) -> Result<()> {
        let link = self.link(Operation::Ping)?;
        let to = To::Key(self.namespace.prefix().as_bytes());
        let answered = link.command(to, redis::cmd("PING")).await;
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
