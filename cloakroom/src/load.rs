//! Where a [`StorageConfig`] comes from: TOML text, a file, the environment.

use std::{collections::HashMap, ffi::OsString, fs, path::Path};

use config::{Config, ConfigError, Environment, Value};

use crate::{ConnectError, StorageConfig};

const PREFIX: &str = "CLOAKROOM";
const VARIABLES_BEGIN: &str = "CLOAKROOM_STORAGE__";

impl StorageConfig {
    /// Reads the `[storage]` table of a TOML text; other tables are the application's own.
    ///
    /// # Errors
    /// [`ConnectError::MalformedToml`], or [`ConnectError::Misconfigured`] for a missing, unknown or ill-formed
    /// key. Neither shows a value, which may be a password.
    ///
    /// ```
    /// use cloakroom::StorageConfig;
    ///
    /// let config = StorageConfig::from_toml("[storage]\nurl = 'memory:'\nnamespace = 'shop'")?;
    /// assert_eq!(config.namespace.as_str(), "shop");
    ///
    /// let typo = StorageConfig::from_toml("[storage]\nulr = 'memory:'").unwrap_err();
    /// assert!(typo.to_string().contains("`url`, `namespace`, `timeout`, `options`"));
    /// # Ok::<(), cloakroom::ConnectError>(())
    /// ```
    pub fn from_toml(text: &str) -> Result<Self, ConnectError> {
        Self::from_toml_and_variables(text, [])
    }

    /// Reads the `[storage]` table of a TOML file.
    ///
    /// # Errors
    /// [`ConnectError::UnreadableFile`], and those of [`from_toml`](Self::from_toml).
    ///
    /// ```no_run
    /// let config = cloakroom::StorageConfig::from_file("shop.toml")?;
    /// # Ok::<(), cloakroom::ConnectError>(())
    /// ```
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConnectError> {
        Self::from_toml(&read(path.as_ref())?)
    }

    /// Reads the `[storage]` table of a TOML file and then the environment, which wins:
    /// `CLOAKROOM_STORAGE__URL`, `CLOAKROOM_STORAGE__NAMESPACE`, `CLOAKROOM_STORAGE__TIMEOUT`, and options such
    /// as `CLOAKROOM_STORAGE__OPTIONS__MAX_BYTES`. A variable that is set to nothing counts as unset; other
    /// variables, `CLOAKROOM_…` or not, are left alone.
    ///
    /// # Errors
    /// [`ConnectError::UnreadableFile`], and those of [`from_toml`](Self::from_toml).
    ///
    /// ```no_run
    /// # async fn start() -> Result<(), cloakroom::ConnectError> {
    /// let config = cloakroom::StorageConfig::load("shop.toml")?;
    /// let storage = cloakroom::Backends::new().open(&config).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConnectError> {
        Self::from_toml_and_variables(&read(path.as_ref())?, variables_of_the_process()?)
    }

    /// Reads the environment alone, with the variables of [`load`](Self::load).
    ///
    /// # Errors
    /// [`ConnectError::Misconfigured`] for a missing, unknown or ill-formed variable.
    ///
    /// ```no_run
    /// let config = cloakroom::StorageConfig::from_environment()?;
    /// # Ok::<(), cloakroom::ConnectError>(())
    /// ```
    pub fn from_environment() -> Result<Self, ConnectError> {
        Self::from_toml_and_variables("", variables_of_the_process()?)
    }

    /// [`load`](Self::load) from sources that the caller hands in: a TOML text, and names and values of
    /// variables.
    ///
    /// # Errors
    /// Those of [`from_toml`](Self::from_toml).
    ///
    /// ```
    /// use cloakroom::StorageConfig;
    ///
    /// let config = StorageConfig::from_toml_and_variables(
    ///     "[storage]\nurl = 'memory:'",
    ///     [("CLOAKROOM_STORAGE__NAMESPACE".to_owned(), "shop".to_owned())],
    /// )?;
    /// assert_eq!(config.namespace.as_str(), "shop");
    /// # Ok::<(), cloakroom::ConnectError>(())
    /// ```
    pub fn from_toml_and_variables(
        text: &str,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConnectError> {
        let ours = variables.into_iter().filter(|(name, _)| name.starts_with(VARIABLES_BEGIN));
        let environment = Environment::with_prefix(PREFIX)
            .prefix_separator("_")
            .separator("__")
            .ignore_empty(true)
            .source(Some(ours.collect::<HashMap<_, _>>()));
        Config::try_from(&parse(text)?)
            .and_then(|file| Config::builder().add_source(file).add_source(environment).build())
            .and_then(|merged| merged.get_table("storage"))
            .and_then(|table| Value::from(table).try_deserialize())
            .map_err(|error| ConnectError::Misconfigured { detail: without_values(error) })
    }
}

fn read(path: &Path) -> Result<String, ConnectError> {
    fs::read_to_string(path).map_err(|reason| ConnectError::UnreadableFile { path: path.to_owned(), reason })
}

/// The parser's own message quotes the line, password and all; ours says where it is.
fn parse(text: &str) -> Result<toml::Table, ConnectError> {
    text.parse::<toml::Table>().map_err(|error| {
        let position = error.span().map_or(0, |span| span.start);
        let line = 1 + text.bytes().take(position).filter(|byte| *byte == b'\n').count();
        ConnectError::MalformedToml { line, reason: error.message().to_owned() }
    })
}

fn variables_of_the_process() -> Result<Vec<(String, String)>, ConnectError> {
    let text =
        |(name, value): (OsString, OsString)| {
            let name = name.into_string().ok().filter(|name| name.starts_with(VARIABLES_BEGIN))?;
            Some(value.into_string().map(|value| (name.clone(), value)).map_err(|_| {
                ConnectError::Misconfigured { detail: format!("the variable {name} is not UTF-8") }
            }))
        };
    std::env::vars_os().filter_map(text).collect()
}

/// What is wrong and under which key. The value that was found is left out: it may be a password.
pub(crate) fn without_values(error: ConfigError) -> String {
    match error {
        ConfigError::NotFound(key) if key == "storage" => {
            format!("there is no [storage] table and no variable {VARIABLES_BEGIN}URL")
        }
        ConfigError::NotFound(key) => format!("there is no `{key}`"),
        ConfigError::Type { expected, key, .. } => {
            format!("`{}` is not {expected}", key.as_deref().unwrap_or("storage"))
        }
        ConfigError::At { error, key, .. } => match (without_values(*error), key) {
            (text, Some(key)) if !text.contains(&format!("`{key}`")) => format!("`{key}`: {text}"),
            (text, _) => text,
        },
        // As serde puts it: "invalid value: string "…", expected …".
        ConfigError::Message(text) if text.starts_with("invalid ") => match text.rsplit_once(", expected ") {
            Some((_, expected)) => format!("expected {expected}"),
            None => "a value is invalid".to_owned(),
        },
        // Of an enum that a backend reads: "enum Level does not have variant constructor …".
        ConfigError::Message(text) if text.contains(" does not have variant constructor ") => {
            "the value is none of those that are known".to_owned()
        }
        other => other.to_string(),
    }
}
