use std::{collections::BTreeMap, fmt};

use cloakroom_storage::{ErrorKind, Operation, StorageError};
use config::Value;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned},
};

use crate::load::without_values;

/// What a backend of one kind can be told beside its URL: the `[storage.options]` table.
///
/// A backend [reads](Self::read) them as a type of its own, so that an option which it does not know is an error.
/// Numbers and switches may be given as text, as the environment gives them. `Debug` shows the names only.
///
/// ```
/// use cloakroom::StorageConfig;
/// use serde::Deserialize;
///
/// #[derive(Debug, Deserialize)]
/// #[serde(deny_unknown_fields)]
/// struct Shelf {
///     hooks: u32,
/// }
///
/// let config = StorageConfig::from_toml("[storage]\nurl = 'shelf:'\n[storage.options]\nhooks = 12")?;
/// assert_eq!(config.options.read::<Shelf>("shelf")?.hooks, 12);
///
/// let typo = StorageConfig::new("shelf:").with_option("hoks", 12);
/// let error = typo.options.read::<Shelf>("shelf").unwrap_err();
/// assert!(error.to_string().contains("unknown field `hoks`, expected `hooks`"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Options(BTreeMap<String, String>);

impl Options {
    /// The options as a `T`, which refuses those that it does not know (`#[serde(deny_unknown_fields)]`).
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] of that backend, which names the option and what it has to be, never the value:
    /// it may be a password.
    pub fn read<T: DeserializeOwned>(&self, backend: &'static str) -> Result<T, StorageError> {
        let table: config::Map<String, Value> =
            self.0.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
        Value::from(table).try_deserialize().map_err(|error| {
            let detail = format!("[storage.options]: {}", without_values(error));
            StorageError::new(ErrorKind::Misconfigured, backend, Operation::Open).with_detail(detail)
        })
    }

    pub(crate) fn insert(&mut self, name: String, value: String) {
        self.0.insert(name, value);
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<'de> Deserialize<'de> for Options {
    /// Its errors leave the values out: one may be a password.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let table = Value::deserialize(deserializer)?.into_table();
        let table = table.map_err(|_| de::Error::custom("`options` is a table, [storage.options]"))?;
        let mut options = Self::default();
        for (name, value) in table {
            let text = value.into_string();
            let text =
                text.map_err(|_| de::Error::custom(format!("`{name}` is text, a number or a switch")))?;
            options.insert(name, text);
        }
        Ok(options)
    }
}
