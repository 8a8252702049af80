use std::{fmt, sync::Arc};

use crate::{ErrorKind, Operation, Result, StorageError};

/// The longest key of the contract, in bytes.
pub const MAX_KEY_BYTES: usize = 512;

/// The longest [`Namespace`], in bytes.
pub const MAX_NAMESPACE_BYTES: usize = 63;

/// Checks a key against the contract: 1 to [`MAX_KEY_BYTES`] bytes of UTF-8 without NUL.
///
/// Every backend calls it first, before any I/O.
///
/// # Errors
/// [`ErrorKind::InvalidKey`], naming the rule that is broken but not the key.
///
/// ```
/// use cloakroom_storage::{check_key, ErrorKind, Operation};
///
/// assert!(check_key("memory", Operation::Get, "any % key, with spaces ").is_ok());
/// assert_eq!(check_key("memory", Operation::Get, "").unwrap_err().kind(), ErrorKind::InvalidKey);
/// ```
pub fn check_key(backend: &'static str, operation: Operation, key: &str) -> Result<()> {
    check_key_within(MAX_KEY_BYTES, backend, operation, key)
}

/// [`check_key`] where a layer has used up some of the length.
pub(crate) fn check_key_within(
    max_bytes: usize,
    backend: &'static str,
    operation: Operation,
    key: &str,
) -> Result<()> {
    let invalid = |detail: String| {
        Err(StorageError::new(ErrorKind::InvalidKey, backend, operation).with_detail(detail))
    };
    if key.is_empty() {
        return invalid("the key is empty; a key has 1 to 512 bytes".to_owned());
    }
    if key.len() > max_bytes {
        return invalid(format!("the key has {} bytes, more than {max_bytes}; hash long keys", key.len()));
    }
    if key.as_bytes().contains(&0) {
        return invalid("the key contains a NUL byte".to_owned());
    }
    Ok(())
}

/// The name that keeps one application's keys apart from another's on a shared engine.
///
/// 1 to [`MAX_NAMESPACE_BYTES`] characters of `a-z A-Z 0-9 _ - .`: fit for a key prefix on every engine, and
/// free of the `:` that separates it from the key, so that no two namespaces can overlap.
///
/// ```
/// use cloakroom_storage::Namespace;
///
/// let shop: Namespace = "shop".parse()?;
/// assert_eq!(shop.prefix(), "shop:");
/// assert!("a:b".parse::<Namespace>().is_err());
/// # Ok::<(), cloakroom_storage::StorageError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Namespace {
    /// The name and its separator, as keys begin.
    prefix: Arc<str>,
}

impl Namespace {
    /// The namespace of that name.
    ///
    /// # Errors
    /// [`ErrorKind::Misconfigured`] for an empty name, a longer one, or one with another character.
    pub fn new(name: &str) -> Result<Self> {
        let well_formed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if name.is_empty() || name.len() > MAX_NAMESPACE_BYTES || !name.bytes().all(well_formed) {
            return Err(StorageError::new(ErrorKind::Misconfigured, "namespace", Operation::Open)
                .with_detail("a namespace has 1 to 63 characters of a-z, A-Z, 0-9, '_', '-' and '.'"));
        }
        Ok(Self { prefix: format!("{name}:").into() })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.prefix[..self.prefix.len() - 1]
    }

    /// The name and the separator: what every key of the namespace begins with on a shared engine.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl std::str::FromStr for Namespace {
    type Err = StorageError;

    fn from_str(name: &str) -> Result<Self> {
        Self::new(name)
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
