use std::{fmt, time::Duration};

use cloakroom_storage::Namespace;
use serde::{Deserialize, Deserializer, de};

use crate::location;

/// Where an application keeps its state: the `[storage]` table of its configuration.
///
/// ```toml
/// [storage]
/// url = "memory:?max_bytes=67108864"
/// namespace = "shop"
/// timeout = "250ms"
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
    /// unit, such as `"250ms"` or `"2s"`. `None`, the default, leaves the limit to the backend.
    #[serde(default, deserialize_with = "timeout")]
    pub timeout: Option<Duration>,
}

impl StorageConfig {
    /// The configuration of that URL, everything else by default.
    ///
    /// ```
    /// let config = cloakroom::StorageConfig::new("memory:");
    /// assert_eq!(config.timeout, None);
    /// ```
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), namespace: default_namespace(), timeout: None }
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
    /// assert_eq!(config.timeout, Some(Duration::from_secs(2)));
    /// ```
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl fmt::Debug for StorageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StorageConfig")
            .field("url", &location::without_secrets(&self.url))
            .field("namespace", &self.namespace.as_str())
            .field("timeout", &self.timeout)
            .finish()
    }
}

fn default_namespace() -> Namespace {
    Namespace::new("cloakroom").expect("the default name keeps the rules of a namespace")
}

fn namespace<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Namespace, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
}

/// Its errors leave the text out: a URL on the wrong line would be shown with its password.
fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
    match humantime::parse_duration(&text) {
        Ok(Duration::ZERO) => Err(de::Error::custom("timeout is zero; leave it out for no limit")),
        Ok(timeout) => Ok(Some(timeout)),
        Err(_) => Err(de::Error::custom("timeout is a number and its unit, such as \"250ms\" or \"2s\"")),
    }
}
