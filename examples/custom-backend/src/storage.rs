use std::{io, num::NonZeroUsize, path::Path, sync::Arc, time::Duration};

use cloakroom::{
    ErrorKind, Namespace, Storage, StorageConfig, StorageError,
    storage::{
        Bytes, Capabilities, Cursor, Operation, Page, Result, Swap, Touch, Touched, async_trait, check_key,
    },
};
use serde::Deserialize;

use crate::directory::Directory;

const BACKEND: &str = "directory";

/// Keeps every value in a file of its own.
///
/// What it acknowledges outlives the process; a power failure may take the last writes, as they are not forced to
/// the disk.
#[derive(Debug, Clone)]
pub struct DirectoryStorage {
    directory: Arc<Directory>,
}

impl DirectoryStorage {
    /// Opens the namespace in that directory, which is made if it is not there.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] where the directory cannot be made.
    pub async fn open(path: impl AsRef<Path>, namespace: &Namespace) -> Result<Self> {
        // No namespace ends in it, so that none is `..`.
        let path = path.as_ref().join(format!("{namespace}.values"));
        let directory = blocking(Operation::Open, move || Directory::create(path)).await?;
        Ok(Self { directory: Arc::new(directory) })
    }

    /// Files are read and written on the threads that may block. What has begun there is carried through, also where
    /// the caller has gone: a value is never half written.
    async fn run<T: Send + 'static>(
        &self,
        operation: Operation,
        work: impl FnOnce(&Directory) -> io::Result<T> + Send + 'static,
    ) -> Result<T> {
        let directory = Arc::clone(&self.directory);
        blocking(operation, move || work(&directory)).await
    }
}

/// This backend has none, so that whichever is set is an error. Others have a field for each.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {}

/// The factory of `directory:PATH`.
///
/// # Errors
/// [`ErrorKind::Misconfigured`] for a URL without a path, an option, or a directory that cannot be made.
pub async fn open(config: StorageConfig) -> Result<Arc<dyn Storage>> {
    let Options {} = config.options.read(BACKEND)?;
    let path = config.url.split_once(':').map_or("", |(_, path)| path);
    if path.is_empty() {
        let error = StorageError::new(ErrorKind::Misconfigured, BACKEND, Operation::Open);
        return Err(error.with_detail("the URL has no path: write it as `directory:/var/lib/shop`"));
    }
    Ok(Arc::new(DirectoryStorage::open(path, &config.namespace).await?))
}

#[async_trait]
impl Storage for DirectoryStorage {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        check_key(BACKEND, Operation::Get, key)?;
        let key = key.to_owned();
        self.run(Operation::Get, move |directory| directory.get(&key)).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        check_key(BACKEND, Operation::Set, key)?;
        let key = key.to_owned();
        self.run(Operation::Set, move |directory| directory.set(&key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        check_key(BACKEND, Operation::Delete, key)?;
        let key = key.to_owned();
        self.run(Operation::Delete, move |directory| directory.delete(&key)).await
    }

    async fn reset(&self) -> Result<()> {
        self.run(Operation::Reset, Directory::reset).await
    }

    // The four above are a backend. What follows says what this one does better than the defaults.

    fn capabilities(&self) -> Capabilities {
        Capabilities::new(BACKEND).with_atomic_swap().with_atomic_touch().with_scan()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        check_key(BACKEND, Operation::GetAndTouch, key)?;
        let key = key.to_owned();
        self.run(Operation::GetAndTouch, move |directory| directory.get_and_touch(&key, touch)).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        check_key(BACKEND, Operation::CompareAndSwap, key)?;
        let (key, expected) = (key.to_owned(), expected.map(<[u8]>::to_vec));
        self.run(Operation::CompareAndSwap, move |directory| {
            directory.compare_and_swap(&key, expected.as_deref(), new, ttl)
        })
        .await
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        self.run(Operation::Scan, move |directory| directory.scan(after.as_ref(), limit)).await
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.run(Operation::PurgeExpired, Directory::purge_expired).await
    }
}

async fn blocking<T: Send + 'static>(
    operation: Operation,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    let outcome = tokio::task::spawn_blocking(work).await.map_err(io::Error::other).flatten();
    outcome.map_err(|error| {
        let (kind, detail) = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory => (
                ErrorKind::Misconfigured,
                "the directory cannot be used; give the application the right to write to it",
            ),
            io::ErrorKind::StorageFull => (ErrorKind::Unavailable, "the disk is full"),
            _ => (ErrorKind::Other, "the file system refused"),
        };
        StorageError::new(kind, BACKEND, operation).with_detail(detail).with_source(error)
    })
}
