use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use aws_sdk_dynamodb::{Client, primitives::Blob, types::AttributeValue};
use cloakroom_storage::{
    Bytes, Capabilities, Cursor, ErrorKind, Namespace, Operation, Page, Result, Storage, StorageError, Swap,
    Touch, Touched, async_trait, check_key,
};
use tokio::time::timeout;

use crate::{
    DynamodbConfig, client,
    clock::Now,
    error::{BACKEND, failed, unavailable},
    item::{self, Attributes, EXPIRES_AT, Item, KEY, MAX_VALUE_BYTES, TTL, VALUE},
    table::{Table, no_answer},
};

/// A [`Storage`] on a table of DynamoDB.
///
/// Clones share everything, and are closed together.
///
/// ```no_run
/// use std::time::Duration;
/// use cloakroom_storage::{Bytes, Storage};
/// use cloakroom_storage_dynamodb::{DynamodbConfig, DynamodbStorage};
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), cloakroom_storage::StorageError> {
/// let config = DynamodbConfig::new("dynamodb:sessions?region=eu-west-1");
/// let storage = DynamodbStorage::connect(&config).await?;
/// storage.set("ticket", Bytes::from_static(b"coat"), Some(Duration::from_secs(60))).await?;
/// assert_eq!(storage.get("ticket").await?, Some(Bytes::from_static(b"coat")));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct DynamodbStorage {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    /// For what may be sent twice.
    pub(crate) client: Client,
    /// For writes with a condition: one that was carried out, but whose answer was lost, would find its own value
    /// the second time, and report that it lost the race against itself.
    pub(crate) once: Client,
    pub(crate) table: String,
    pub(crate) namespace: Namespace,
    closed: AtomicBool,
}

impl DynamodbStorage {
    /// Connects to the table that the URL names, with what the SDK finds of region and credentials; creates it if
    /// it is missing, unless the configuration says otherwise, and checks that it fits.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] for what a person must change: a malformed URL, no region, no credentials or
    /// refused ones, a missing table that is not to be created, a table with another key.
    /// [`ErrorKind::Unavailable`] or [`ErrorKind::Timeout`] for what may pass.
    pub async fn connect(config: &DynamodbConfig) -> Result<Self> {
        let (_, options) = config.table_and_options()?;
        let limit = config.connect_timeout();
        let client = timeout(limit, client::connect(&options, limit))
            .await
            .map_err(|_| unavailable(Operation::Open, no_answer(limit)))??;
        Self::with_client(client, config).await
    }

    /// Uses a client of the application's, with its region, endpoint, credentials, timeouts and retries, which
    /// [`close`](Storage::close) leaves open. Of the configuration only the table, the namespace, the connect
    /// timeout and `create_table` count.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn with_client(client: Client, config: &DynamodbConfig) -> Result<Self> {
        let (table, options) = config.table_and_options()?;
        let namespace = config.namespace()?;
        let create = options.create_table.unwrap_or(true);
        Table { client: &client, name: &table }.prepare(create, config.connect_timeout()).await?;
        let once = client::without_retries(&client);
        let closed = AtomicBool::new(false);
        Ok(Self { inner: Arc::new(Inner { client, once, table, namespace, closed }) })
    }
}

impl Inner {
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

    /// The partition key's attribute.
    pub(crate) fn key(&self, key: &str) -> AttributeValue {
        let prefix = self.namespace.prefix();
        let mut whole = String::with_capacity(prefix.len() + key.len());
        whole.push_str(prefix);
        whole.push_str(key);
        AttributeValue::S(whole)
    }

    /// The live item, read from the leader of its partition.
    pub(crate) async fn read(&self, operation: Operation, key: &str) -> Result<Option<(Item, Now)>> {
        let call =
            self.client.get_item().table_name(&self.table).key(KEY, self.key(key)).consistent_read(true);
        match call.send().await {
            Ok(found) => live(operation, found.item, Now::read()),
            Err(error) => Err(failed(operation, &error)),
        }
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        let mut call = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(KEY, self.key(key))
            .item(VALUE, AttributeValue::B(Blob::new(value)));
        if let Some(ttl) = ttl {
            let expires_at = Now::read().expiry(ttl);
            call = call.item(EXPIRES_AT, item::millis(expires_at)).item(TTL, item::reaped_at(expires_at));
        }
        call.send().await.map_err(|error| failed(Operation::Set, &error))?;
        Ok(())
    }

    async fn remove(&self, operation: Operation, key: &str) -> Result<()> {
        let call = self.client.delete_item().table_name(&self.table).key(KEY, self.key(key));
        call.send().await.map_err(|error| failed(operation, &error))?;
        Ok(())
    }
}

/// The item if there is one and it is live, and the moment that was decided by.
pub(crate) fn live(
    operation: Operation,
    attributes: Option<Attributes>,
    now: Now,
) -> Result<Option<(Item, Now)>> {
    let Some(attributes) = attributes else { return Ok(None) };
    let item = Item::read(attributes).map_err(|item::Malformed| {
        StorageError::new(ErrorKind::Corrupt, BACKEND, operation).with_detail(
            "an item has no binary `v`, or an `expires_at` that is no number: something else writes into this \
             namespace of the table",
        )
    })?;
    Ok(item.is_live(now).then_some((item, now)))
}

fn check_value(operation: Operation, value: &Bytes) -> Result<()> {
    if value.len() > MAX_VALUE_BYTES {
        let detail = format!(
            "the value has {} bytes, more than {MAX_VALUE_BYTES}; DynamoDB's limit of an item is 400 KB",
            value.len()
        );
        return Err(StorageError::new(ErrorKind::ValueTooLarge, BACKEND, operation).with_detail(detail));
    }
    Ok(())
}

impl fmt::Debug for DynamodbStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamodbStorage")
            .field("table", &self.inner.table)
            .field("namespace", &self.inner.namespace.as_str())
            .field("closed", &self.inner.closed)
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Storage for DynamodbStorage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.inner.check_key(Operation::Get, key)?;
        Ok(self.inner.read(Operation::Get, key).await?.map(|(item, _)| item.value))
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.inner.check_key(Operation::Set, key)?;
        check_value(Operation::Set, &value)?;
        match ttl {
            Some(Duration::ZERO) => self.inner.remove(Operation::Set, key).await,
            ttl => self.inner.put(key, value, ttl).await,
        }
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.inner.check_key(Operation::Delete, key)?;
        self.inner.remove(Operation::Delete, key).await
    }

    /// Reads the whole table, its other namespaces too, to find this one's keys.
    async fn reset(&self) -> Result<()> {
        self.inner.check_open(Operation::Reset)?;
        self.inner.reset().await
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(BACKEND)
            .with_atomic_swap()
            .with_atomic_touch()
            .with_scan()
            .with_close()
            .with_max_value_bytes(MAX_VALUE_BYTES)
    }

    /// One read; where the TTL has to be extended, a write follows. Without slack the write comes at once, as
    /// nearly every touch extends.
    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.inner.check_key(Operation::GetAndTouch, key)?;
        self.inner.get_and_touch(key, touch).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        self.inner.check_key(Operation::CompareAndSwap, key)?;
        if let Some(new) = &new {
            check_value(Operation::CompareAndSwap, new)?;
        }
        let new = new.filter(|_| ttl != Some(Duration::ZERO));
        self.inner.compare_and_swap(key, expected, new, ttl).await
    }

    /// Goes through the whole table, of which a page looks at `limit` items: in a table that others share, most
    /// pages hold few entries or none.
    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.inner.check_open(Operation::Scan)?;
        self.inner.scan(after.as_ref(), limit).await
    }

    /// Nothing: DynamoDB reaps by itself.
    async fn purge_expired(&self) -> Result<u64> {
        self.inner.check_open(Operation::PurgeExpired)?;
        Ok(0)
    }

    async fn ping(&self) -> Result<()> {
        self.inner.check_open(Operation::Ping)?;
        self.inner.read(Operation::Ping, "cloakroom.ping").await.map(drop)
    }

    async fn close(&self) -> Result<()> {
        self.inner.closed.store(true, Ordering::Release);
        Ok(())
    }
}
