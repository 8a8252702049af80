use std::{
    collections::HashMap,
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, ErrorKind, Namespace, Operation, Page, Result, Storage, StorageError, Swap,
    Touch, Touched, async_trait, check_key,
};

use crate::{MemoryConfig, entry::max_value_bytes, space::Space};

const BACKEND: &str = "memory";

/// The name of the namespace that a new storage opens.
const DEFAULT_NAMESPACE: &str = "default";

/// Storage in the memory of this process.
///
/// Clones share their data and are closed together. Other namespaces of the same engine are opened with
/// [`namespace`](Self::namespace).
///
/// Every operation is atomic and takes effect at once, so that none can be cancelled half way; a
/// [`reset`](Storage::reset) gives the memory back afterwards, in batches between which other tasks run. It,
/// [`purge_expired`](Storage::purge_expired) and [`scan`](Storage::scan) (for each page) look at every entry, about
/// a tenth of a second for a hundred thousand of them. A scan's pages are in the order of the keys.
///
/// ```
/// use cloakroom_storage::{Bytes, Storage};
/// use cloakroom_storage_memory::MemoryStorage;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cloakroom_storage::StorageError> {
/// let storage = MemoryStorage::new();
/// storage.set("key", Bytes::from_static(b"value"), None).await?;
/// assert!(storage.clone().get("key").await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStorage {
    space: Arc<Space>,
    max_value_bytes: usize,
    closed: Arc<AtomicBool>,
    engine: Arc<Engine>,
}

/// What the namespaces have in common.
struct Engine {
    config: MemoryConfig,
    spaces: Mutex<HashMap<Namespace, Arc<Space>>>,
}

impl Engine {
    /// The namespace's entries, made at its first use.
    fn space(&self, namespace: &Namespace) -> Arc<Space> {
        let mut spaces = self.spaces.lock().unwrap_or_else(PoisonError::into_inner);
        let space = spaces.entry(namespace.clone()).or_insert_with(|| Arc::new(Space::new(self.config)));
        Arc::clone(space)
    }
}

impl MemoryStorage {
    /// An empty storage of at most 64 MiB, in the namespace `default`.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(MemoryConfig::default())
    }

    /// An empty storage, in the namespace `default`.
    #[must_use]
    pub fn with_config(config: MemoryConfig) -> Self {
        let namespace = Namespace::new(DEFAULT_NAMESPACE).expect("the default namespace is well-formed");
        Self::open(Arc::new(Engine { config, spaces: Mutex::default() }), &namespace)
    }

    /// Another namespace of the same engine: the same data for the same name, none of anyone else's.
    ///
    /// It is bounded by itself, and open whether or not this one was closed.
    ///
    /// ```
    /// use cloakroom_storage::{Bytes, Storage};
    /// use cloakroom_storage_memory::MemoryStorage;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cloakroom_storage::StorageError> {
    /// let storage = MemoryStorage::new();
    /// let carts = storage.namespace(&"carts".parse()?);
    /// carts.set("key", Bytes::from_static(b"apples"), None).await?;
    /// assert_eq!(storage.get("key").await?, None);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn namespace(&self, namespace: &Namespace) -> Self {
        Self::open(Arc::clone(&self.engine), namespace)
    }

    /// How many new entries came while this namespace was full, each at the cost of the least recently used one,
    /// which may have been a session: where this grows, raise [`MemoryConfig::with_max_bytes`].
    #[must_use]
    pub fn evictions(&self) -> u64 {
        self.space.evictions()
    }

    fn open(engine: Arc<Engine>, namespace: &Namespace) -> Self {
        Self {
            space: engine.space(namespace),
            max_value_bytes: max_value_bytes(engine.config.max_bytes()),
            closed: Arc::default(),
            engine,
        }
    }

    fn check_open(&self, operation: Operation) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(StorageError::new(ErrorKind::Closed, BACKEND, operation));
        }
        Ok(())
    }

    fn check_key(&self, operation: Operation, key: &str) -> Result<()> {
        check_key(BACKEND, operation, key)?;
        self.check_open(operation)
    }

    fn check_value(&self, operation: Operation, value: &Bytes) -> Result<()> {
        if value.len() > self.max_value_bytes {
            return Err(StorageError::new(ErrorKind::ValueTooLarge, BACKEND, operation).with_detail(
                format!(
                    "the value has {} bytes, more than {}; raise max_bytes",
                    value.len(),
                    self.max_value_bytes
                ),
            ));
        }
        Ok(())
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStorage")
            .field("space", &self.space)
            .field("config", &self.engine.config)
            .field("closed", &self.closed)
            .finish()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Storage for MemoryStorage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.check_key(Operation::Get, key)?;
        Ok(self.space.get(key).map(|(value, _)| value))
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.check_key(Operation::Set, key)?;
        self.check_value(Operation::Set, &value)?;
        self.space.set(key, value, ttl);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.check_key(Operation::Delete, key)?;
        self.space.delete(key);
        Ok(())
    }

    async fn reset(&self) -> Result<()> {
        self.check_open(Operation::Reset)?;
        self.space.reset().await;
        Ok(())
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(BACKEND)
            .with_atomic_swap()
            .with_atomic_touch()
            .with_scan()
            .with_close()
            .with_max_value_bytes(self.max_value_bytes)
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.check_key(Operation::GetAndTouch, key)?;
        Ok(self.space.get_and_touch(key, touch))
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        self.check_key(Operation::CompareAndSwap, key)?;
        if let Some(new) = &new {
            self.check_value(Operation::CompareAndSwap, new)?;
        }
        Ok(self.space.compare_and_swap(key, expected, new, ttl))
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.check_open(Operation::Scan)?;
        Ok(self.space.scan(after.as_ref(), limit))
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.check_open(Operation::PurgeExpired)?;
        Ok(self.space.purge_expired().await)
    }

    async fn ping(&self) -> Result<()> {
        self.check_open(Operation::Ping)
    }

    async fn close(&self) -> Result<()> {
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}
