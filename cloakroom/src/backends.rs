use std::{collections::BTreeMap, fmt, pin::Pin, sync::Arc};

use cloakroom_storage::{Storage, StorageError, StorageExt, Timeout};

use crate::{ConnectError, StorageConfig, location};

#[cfg(feature = "dynamodb")]
mod dynamodb;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

type Opening = Pin<Box<dyn Future<Output = Result<Arc<dyn Storage>, StorageError>> + Send>>;
type Factory = Arc<dyn Fn(StorageConfig) -> Opening + Send + Sync>;

/// The schemes of this crate and the features that bring their backends.
const FEATURES: &[(&str, &str)] = &[
    ("dynamodb", "dynamodb"),
    ("mariadb", "mysql"),
    ("memory", "memory"),
    ("mongodb", "mongodb"),
    ("mongodb+srv", "mongodb"),
    ("mysql", "mysql"),
    ("postgres", "postgres"),
    ("postgresql", "postgres"),
    ("redis", "redis"),
    ("redis+cluster", "redis"),
    ("redis+sentinel", "redis"),
    ("redis+unix", "redis"),
    ("rediss", "redis"),
    ("rediss+cluster", "redis"),
    ("rediss+sentinel", "redis"),
    ("sqlite", "sqlite"),
    ("valkey", "redis"),
    ("valkey+cluster", "redis"),
    ("valkey+sentinel", "redis"),
    ("valkey+unix", "redis"),
    ("valkeys", "redis"),
    ("valkeys+cluster", "redis"),
    ("valkeys+sentinel", "redis"),
];

/// The backends that an application can be configured with, by the scheme of their URLs.
///
/// [`connect`](crate::connect) knows the built-in ones. A third-party backend is registered, and is from then
/// on configured like a built-in one:
///
/// ```
/// use std::sync::Arc;
/// use cloakroom::{Backends, Storage, StorageConfig, StorageError};
/// # use cloakroom::storage::{async_trait, Bytes, Result as StorageResult};
/// # struct EtcdStorage;
/// # #[async_trait]
/// # impl Storage for EtcdStorage {
/// #     async fn get(&self, _: &str) -> StorageResult<Option<Bytes>> { Ok(None) }
/// #     async fn set(&self, _: &str, _: Bytes, _: Option<std::time::Duration>) -> StorageResult<()> { Ok(()) }
/// #     async fn delete(&self, _: &str) -> StorageResult<()> { Ok(()) }
/// #     async fn reset(&self) -> StorageResult<()> { Ok(()) }
/// # }
/// # impl EtcdStorage {
/// #     async fn connect(_: StorageConfig) -> StorageResult<Self> { Ok(Self) }
/// # }
///
/// async fn etcd(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
///     Ok(Arc::new(EtcdStorage::connect(config).await?))
/// }
///
/// # async fn start() -> Result<(), cloakroom::ConnectError> {
/// let backends = Backends::new().register("etcd", etcd)?;
/// let storage = backends.connect("etcd://10.0.0.1:2379").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Backends {
    factories: BTreeMap<String, Factory>,
}

impl Backends {
    /// The built-in backends whose features are on.
    ///
    /// ```
    /// let backends = cloakroom::Backends::new();
    /// # #[cfg(feature = "memory")]
    /// assert!(backends.schemes().any(|scheme| scheme == "memory"));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        #[allow(unused_mut, reason = "nothing is inserted with all features off")]
        let mut backends = Self { factories: BTreeMap::new() };
        #[cfg(feature = "dynamodb")]
        backends.insert_all("dynamodb", dynamodb::open);
        #[cfg(feature = "memory")]
        backends.insert_all("memory", memory::open);
        #[cfg(feature = "mongodb")]
        backends.insert_all("mongodb", mongodb::open);
        #[cfg(feature = "mysql")]
        backends.insert_all("mysql", mysql::open);
        #[cfg(feature = "postgres")]
        backends.insert_all("postgres", postgres::open);
        #[cfg(feature = "redis")]
        backends.insert_all("redis", redis::open);
        #[cfg(feature = "sqlite")]
        backends.insert_all("sqlite", sqlite::open);
        backends
    }

    /// Adds the backend of a scheme.
    ///
    /// `factory` opens a storage by its configuration and honours its URL, namespace and options. Not its timeout:
    /// [`open`](Self::open) puts that around every storage alike.
    ///
    /// # Errors
    /// [`ConnectError::AlreadyRegistered`] for a scheme that has a backend, [`ConnectError::MalformedUrl`] for
    /// a scheme that no URL can have.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use cloakroom::{Backends, ConnectError, ErrorKind, Storage, StorageConfig, StorageError};
    /// use cloakroom::storage::Operation;
    ///
    /// async fn shelf(_: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
    ///     Err(StorageError::new(ErrorKind::Unavailable, "shelf", Operation::Open))
    /// }
    ///
    /// let backends = Backends::new().register("shelf", shelf)?;
    /// let again = backends.register("shelf", shelf);
    /// assert!(matches!(again, Err(ConnectError::AlreadyRegistered { .. })));
    /// # Ok::<(), ConnectError>(())
    /// ```
    pub fn register<F, O>(mut self, scheme: &str, factory: F) -> Result<Self, ConnectError>
    where
        F: Fn(StorageConfig) -> O + Send + Sync + 'static,
        O: Future<Output = Result<Arc<dyn Storage>, StorageError>> + Send + 'static,
    {
        location::check_scheme(scheme)?;
        let scheme = scheme.to_ascii_lowercase();
        if self.factories.contains_key(&scheme) {
            return Err(ConnectError::AlreadyRegistered { scheme });
        }
        self.insert(&scheme, factory);
        Ok(self)
    }

    /// The schemes that [`open`](Self::open) accepts, in alphabetical order.
    pub fn schemes(&self) -> impl Iterator<Item = &str> {
        self.factories.keys().map(String::as_str)
    }

    /// Opens the storage of a URL, with everything else by default: [`open`](Self::open).
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    ///
    /// ```
    /// # async fn start() -> Result<(), cloakroom::ConnectError> {
    /// let storage = cloakroom::Backends::new().connect("memory:").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect(&self, url: &str) -> Result<Arc<dyn Storage>, ConnectError> {
        self.open(&StorageConfig::new(url)).await
    }

    /// Opens the storage that `config` describes. Every operation is bounded by its timeout.
    ///
    /// # Errors
    /// [`ConnectError::MalformedUrl`], [`ConnectError::UnknownScheme`], [`ConnectError::FeatureOff`], and
    /// [`ConnectError::Storage`] where the backend refuses the URL or cannot be reached.
    ///
    /// ```
    /// use cloakroom::{Backends, StorageConfig};
    ///
    /// # async fn start() -> Result<(), cloakroom::ConnectError> {
    /// let config = StorageConfig::from_toml("[storage]\nurl = 'memory:'\ntimeout = '250ms'")?;
    /// let storage = Backends::new().open(&config).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn open(&self, config: &StorageConfig) -> Result<Arc<dyn Storage>, ConnectError> {
        let scheme = location::scheme(&config.url)?;
        let factory = self.factories.get(&scheme).ok_or_else(|| self.unknown(scheme))?;
        let storage = factory(config.clone()).await?;
        Ok(Arc::new(storage.layer(Timeout::new(config.timeout))))
    }

    /// Every scheme of that feature.
    #[allow(dead_code, reason = "nothing is inserted with all features off")]
    fn insert_all<F, O>(&mut self, feature: &str, factory: F)
    where
        F: Fn(StorageConfig) -> O + Copy + Send + Sync + 'static,
        O: Future<Output = Result<Arc<dyn Storage>, StorageError>> + Send + 'static,
    {
        for (scheme, _) in FEATURES.iter().filter(|(_, its)| *its == feature) {
            self.insert(scheme, factory);
        }
    }

    fn insert<F, O>(&mut self, scheme: &str, factory: F)
    where
        F: Fn(StorageConfig) -> O + Send + Sync + 'static,
        O: Future<Output = Result<Arc<dyn Storage>, StorageError>> + Send + 'static,
    {
        self.factories.insert(scheme.to_owned(), Arc::new(move |config| Box::pin(factory(config))));
    }

    fn unknown(&self, scheme: String) -> ConnectError {
        if let Some(&(scheme, feature)) = FEATURES.iter().find(|(known, _)| *known == scheme) {
            return ConnectError::FeatureOff { scheme, feature };
        }
        let mut known: Vec<String> = self.schemes().map(str::to_owned).collect();
        known.extend(FEATURES.iter().map(|(scheme, _)| (*scheme).to_owned()));
        known.sort_unstable();
        known.dedup();
        ConnectError::UnknownScheme { scheme, known }
    }
}

impl Default for Backends {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Backends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backends").field("schemes", &self.factories.keys()).finish()
    }
}
