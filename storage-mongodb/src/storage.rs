use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use cloakroom_storage::{
    Bytes, Capabilities, Cursor, ErrorKind, Operation, Page, Result, Storage, StorageError, Swap, Touch,
    Touched, async_trait, check_key,
};
use mongodb::Client;
use tokio::time::timeout;

use crate::{
    MongodbConfig, collection,
    document::MAX_VALUE_BYTES,
    engine::Engine,
    error::{BACKEND, Fault, connect_timeout},
    probe,
    product::Product,
    sweeper::Background,
    url,
};

/// Storage in a collection of a MongoDB server, replica set or sharded cluster, or of what speaks its protocol.
///
/// Clones share everything and are closed together.
///
/// An operation that is dropped takes effect or not, as a whole; its connection is closed, as an answer may still be
/// on its way. A server that vanished is noticed by the driver's monitoring, and found again when it is back.
///
/// ```no_run
/// use cloakroom_storage::{Bytes, Storage};
/// use cloakroom_storage_mongodb::{MongodbConfig, MongodbStorage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cloakroom_storage::StorageError> {
/// let storage = MongodbStorage::connect(&MongodbConfig::new("mongodb://127.0.0.1/shop")).await?;
/// storage.set("key", Bytes::from_static(b"value"), None).await?;
/// assert!(storage.clone().get("key").await?.is_some());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MongodbStorage {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Arc<Engine>,
    background: Background,
    closed: AtomicBool,
    /// Closed with the storage; `None`: it was handed in.
    client: Option<Client>,
}

impl MongodbStorage {
    /// Connects, checks the collection, creates its TTL index where the server has such, and finds out which
    /// commands the server knows. Safe on several nodes at once.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] for what a person must change: the URL, the user, what the user may do, a
    /// collection with a collation. [`ErrorKind::Unavailable`] where no server could be reached, or not within the
    /// connect timeout.
    pub async fn connect(config: &MongodbConfig) -> Result<Self> {
        let connecting = async {
            let options = url::client_options(config).await?;
            let client = Client::with_options(options).map_err(open_error)?;
            let opened = Self::open(&client, config, Some(client.clone())).await;
            if opened.is_err() {
                client.shutdown().immediate(true).await;
            }
            opened
        };
        match timeout(config.connect_timeout(), connecting).await {
            Ok(connected) => connected,
            Err(_) => Err(connect_timeout(config.connect_timeout())),
        }
    }

    /// [`connect`](Self::connect) with a client that the caller made. Of `config`, what concerns connections is not
    /// used; a [`close`](Storage::close) leaves the client open.
    ///
    /// The client's own write concern and read concern are used where it has them. Its server selection timeout is 30
    /// seconds unless its options say otherwise.
    ///
    /// # Errors
    /// Those of [`connect`](Self::connect).
    pub async fn with_client(client: Client, config: &MongodbConfig) -> Result<Self> {
        Self::open(&client, config, None).await
    }

    async fn open(client: &Client, config: &MongodbConfig, owned: Option<Client>) -> Result<Self> {
        let in_url = client.default_database().map(|database| database.name().to_owned());
        let database = client.database(config.database_or(in_url.as_deref()));
        let options = url::collection_options(client.write_concern(), client.read_concern());
        collection::check(&database, config.collection()).await?;
        let collection = database.collection_with_options(config.collection(), options);
        let is_reaped = collection::ensure_ttl_index(&collection).await.map_err(at_open)?;
        let namespace = config.namespace().clone();
        let product = Product::of(&database).await.map_err(at_open)?;
        let dialect = probe::dialect(&database, &collection, product).await.map_err(at_open)?;
        let engine = Arc::new(Engine { collection, database, namespace, dialect, product });
        let sweep_interval = if is_reaped { Duration::ZERO } else { config.sweep_interval() };
        let background = Background::start(&engine, sweep_interval);
        let shared = Shared { engine, background, closed: AtomicBool::new(false), client: owned };
        Ok(Self { shared: Arc::new(shared) })
    }

    fn engine(&self, operation: Operation) -> Result<&Engine> {
        if self.shared.closed.load(Ordering::Acquire) {
            return Err(StorageError::new(ErrorKind::Closed, BACKEND, operation));
        }
        Ok(&self.shared.engine)
    }
}

fn at_open(fault: Fault) -> StorageError {
    fault.into_error(Operation::Open)
}

fn open_error(error: mongodb::error::Error) -> StorageError {
    at_open(error.into())
}

fn check_value(operation: Operation, value: &[u8]) -> Result<()> {
    if value.len() > MAX_VALUE_BYTES {
        return Err(StorageError::new(ErrorKind::ValueTooLarge, BACKEND, operation).with_detail(format!(
            "the value has {} bytes, more than {MAX_VALUE_BYTES}; store what is large elsewhere",
            value.len()
        )));
    }
    Ok(())
}

impl fmt::Debug for MongodbStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongodbStorage")
            .field("database", &self.shared.engine.database.name())
            .field("collection", &self.shared.engine.collection.name())
            .field("namespace", &self.shared.engine.namespace.as_str())
            .field("closed", &self.shared.closed)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Storage for MongodbStorage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        check_key(BACKEND, Operation::Get, key)?;
        let read = self.engine(Operation::Get)?.get(key).await;
        read.map_err(|fault| fault.into_error(Operation::Get))
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        check_key(BACKEND, Operation::Set, key)?;
        check_value(Operation::Set, &value)?;
        let stored = self.engine(Operation::Set)?.set(key, &value, ttl).await;
        stored.map_err(|fault| fault.into_error(Operation::Set))
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_key(BACKEND, Operation::Delete, key)?;
        let deleted = self.engine(Operation::Delete)?.delete(key).await;
        deleted.map_err(|fault| fault.into_error(Operation::Delete))
    }

    async fn reset(&self) -> Result<()> {
        let reset = self.engine(Operation::Reset)?.reset().await;
        reset.map_err(|fault| fault.into_error(Operation::Reset))
    }

    fn capabilities(&self) -> Capabilities {
        let claimed =
            Capabilities::new(BACKEND).with_scan().with_close().with_max_value_bytes(MAX_VALUE_BYTES);
        if self.shared.engine.is_atomic() { claimed.with_atomic_swap().with_atomic_touch() } else { claimed }
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        check_key(BACKEND, Operation::GetAndTouch, key)?;
        let touched = self.engine(Operation::GetAndTouch)?.get_and_touch(key, touch).await;
        touched.map_err(|fault| fault.into_error(Operation::GetAndTouch))
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let operation = Operation::CompareAndSwap;
        check_key(BACKEND, operation, key)?;
        if let Some(new) = &new {
            check_value(operation, new)?;
        }
        let engine = self.engine(operation)?;
        // Longer than any that is stored, and too long for a command.
        if expected.is_some_and(|expected| expected.len() > MAX_VALUE_BYTES) {
            let current = engine.get(key).await.map_err(|fault| fault.into_error(operation))?;
            return Ok(Swap::Conflict { current });
        }
        let swap = engine.compare_and_swap(key, expected, new.as_deref(), ttl).await;
        swap.map_err(|fault| fault.into_error(operation))
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        let page = self.engine(Operation::Scan)?.scan(after.as_ref(), limit).await;
        page.map_err(|fault| fault.into_error(Operation::Scan))
    }

    async fn purge_expired(&self) -> Result<u64> {
        let purged = self.engine(Operation::PurgeExpired)?.purge_expired().await;
        purged.map_err(|fault| fault.into_error(Operation::PurgeExpired))
    }

    async fn ping(&self) -> Result<()> {
        let answered = self.engine(Operation::Ping)?.ping().await;
        answered.map_err(|fault| fault.into_error(Operation::Ping))
    }

    async fn close(&self) -> Result<()> {
        if !self.shared.closed.swap(true, Ordering::AcqRel) {
            self.shared.background.stop();
            if let Some(client) = &self.shared.client {
                client.clone().shutdown().immediate(true).await;
            }
        }
        Ok(())
    }
}
