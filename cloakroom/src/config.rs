use std::{fmt, time::Duration};

use cloakroom_storage::Namespace;
use serde::{Deserialize, Deserializer, de};

use crate::{Options, duration, location};

/// Where an application keeps its state: the `[storage]` table of its configuration.
///
/// ```toml
/// [storage]
/// url = "memory:"
/// namespace = "shop"
/// timeout = "250ms"
///
/// [storage.options]
/// max_bytes = 67108864
/// ```
///
/// It is [read](Self::from_toml) from TOML text, from a [file](Self::from_file), from a file
/// [and the environment](Self::load), or as a field of the application's own serde configuration. Unknown
/// keys are errors. [`Backends::open`](crate::Backends::open) makes the storage of it.
///
/// `Debug` shows the URL's scheme and host only, so that no password reaches a log.
///
/// ```
/// use std::time::Duration;
/// use cloakroom::StorageConfig;
///
/// let config = StorageConfig::new("memory:").with_timeout(Duration::from_millis(250));
/// assert_eq!(config.namespace.as_str(), "cloakroom");
/// ```
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StorageConfig {
    /// The backend and how to reach it, such as `memory:`. The scheme picks the backend.
    pub url: String,

    /// What keeps this application's keys apart from others' on a shared engine. Default: `cloakroom`.
    #[serde(default = "default_namespace", deserialize_with = "namespace")]
    pub namespace: Namespace,

    /// The limit of each operation, as a [`Timeout`](cloakroom_storage::Timeout) layer; in text with its
    /// unit, such as `"250ms"` or `"2s"`. Default: 5 seconds.
    #[serde(default = "default_timeout", deserialize_with = "duration::deserialize")]
    pub timeout: Duration,

    /// What else this backend can be told: see [`connect`](crate::connect). Default: nothing.
    #[serde(default)]
    pub options: Options,
}

impl StorageConfig {
    /// The configuration of that URL, everything else by default.
    ///
    /// ```
    /// let config = cloakroom::StorageConfig::new("memory:");
    /// assert_eq!(config.timeout, std::time::Duration::from_secs(5));
    /// ```
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            namespace: default_namespace(),
            timeout: default_timeout(),
            options: Options::default(),
        }
    }

    /// Sets the namespace.
    ///
    /// ```
    /// let config = cloakroom::StorageConfig::new("memory:").with_namespace("shop".parse()?);
    /// assert_eq!(config.namespace.prefix(), "shop:");
    /// # Ok::<(), cloakroom::StorageError>(())
    /// ```
    #[must_use]
    pub fn with_namespace(mut self, namespace: Namespace) -> Self {
        self.namespace = namespace;
        self
    }

    /// Sets the limit of each operation.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let config = cloakroom::StorageConfig::new("memory:").with_timeout(Duration::from_secs(2));
    /// assert_eq!(config.timeout, Duration::from_secs(2));
    /// ```
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets one of the [options](crate::connect#options) of the backend.
    ///
    /// ```
    /// let config = cloakroom::StorageConfig::new("memory:").with_option("max_bytes", 1_000_000);
    /// # let _ = config;
    /// ```
    #[must_use]
    pub fn with_option(mut self, name: impl Into<String>, value: impl fmt::Display) -> Self {
        self.options.insert(name.into(), value.to_string());
        self
    }
}

impl fmt::Debug for StorageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageConfig")
            .field("url", &location::without_secrets(&self.url))
            .field("namespace", &self.namespace.as_str())
            .field("timeout", &self.timeout)
            .field("options", &self.options)
            .finish()
    }
}

fn default_namespace() -> Namespace {
    Namespace::new("cloakroom").expect("the default name keeps the rules of a namespace")
}

fn default_timeout() -> Duration {
    Duration::from_secs(5)
}

fn namespace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Namespace, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}
