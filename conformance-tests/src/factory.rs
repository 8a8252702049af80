use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use cloakroom_storage::{Namespace, Storage};

type Opening = Pin<Box<dyn Future<Output = Result<Arc<dyn Storage>, String>> + Send>>;

/// Opens the storage under test, in the namespace that it is given, on one engine.
///
/// ```
/// use cloakroom_conformance::Factory;
/// use cloakroom_storage::{Namespace, StorageError};
/// use cloakroom_storage_memory::MemoryStorage;
///
/// let engine = MemoryStorage::new();
/// let factory = Factory::new(move |namespace: Namespace| {
///     let storage = engine.namespace(&namespace);
///     async move { Ok::<_, StorageError>(storage) }
/// });
/// # let _ = factory;
/// ```
#[derive(Clone)]
pub struct Factory {
    open: Arc<dyn Fn(Namespace) -> Opening + Send + Sync>,
}

impl Factory {
    /// A factory of that function. The cases call it for namespaces of their own, often at the same time, and
    /// now and then twice for one; two calls with one namespace must see the same data.
    pub fn new<F, O, S, E>(open: F) -> Self
    where
        F: Fn(Namespace) -> O + Send + Sync + 'static,
        O: Future<Output = Result<S, E>> + Send + 'static,
        S: Storage,
        E: fmt::Display,
    {
        let open = move |namespace| -> Opening {
            let opening = open(namespace);
            Box::pin(async move {
                match opening.await {
                    Ok(storage) => Ok(Arc::new(storage) as Arc<dyn Storage>),
                    Err(error) => Err(format!("the storage could not be opened: {error}")),
                }
            })
        };
        Self { open: Arc::new(open) }
    }

    pub(crate) async fn open(&self, name: &str) -> Result<Arc<dyn Storage>, String> {
        let namespace = Namespace::new(name).map_err(|error| error.to_string())?;
        (self.open)(namespace).await
    }
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").finish_non_exhaustive()
    }
}

/// A namespace that no other test, run or machine on the same engine uses.
///
/// ```
/// assert_ne!(cloakroom_conformance::fresh_namespace(), cloakroom_conformance::fresh_namespace());
/// ```
#[must_use]
pub fn fresh_namespace() -> Namespace {
    Namespace::new(&fresh_name()).expect("the name keeps the rules of a namespace")
}

/// A name that no other case, run or machine on the same engine uses.
pub(crate) fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let (process, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    format!("t{nanos:x}-{process:x}-{count:x}")
}
