use std::{io, path::PathBuf};

use cloakroom_storage::StorageError;

/// Why there is no storage: the configuration could not be read, or the storage not opened.
///
/// No message shows a URL or a value of the configuration; either may hold a password.
///
/// ```
/// # async fn example() {
/// let error = cloakroom::connect("carrier-pigeon://coop").await.err().unwrap();
/// assert!(error.to_string().starts_with("no backend is registered for the scheme `carrier-pigeon`"));
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URL cannot be read.
    #[error("the storage URL cannot be read: {reason}")]
    MalformedUrl {
        /// Which rule it breaks.
        reason: &'static str,
    },

    /// No backend has this scheme.
    #[error("no backend is registered for the scheme `{scheme}`; the known schemes are: {}", known.join(", "))]
    UnknownScheme {
        /// The scheme, in lower case.
        scheme: String,
        /// Every scheme that is registered, or would be with another feature.
        known: Vec<String>,
    },

    /// The backend of this scheme is not compiled in.
    #[error(
        "the scheme `{scheme}` needs the feature `{feature}` of the crate `cloakroom`; turn it on in Cargo.toml"
    )]
    FeatureOff {
        /// The scheme.
        scheme: &'static str,
        /// The feature that brings its backend.
        feature: &'static str,
    },

    /// Two backends for one scheme.
    #[error(
        "a backend for the scheme `{scheme}` is registered already; register this one under another scheme"
    )]
    AlreadyRegistered {
        /// The scheme, in lower case.
        scheme: String,
    },

    /// The configuration file cannot be read.
    #[error("the configuration file {} cannot be read: {reason}", path.display())]
    UnreadableFile {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },

    /// The configuration is not TOML.
    #[error("the configuration is not valid TOML: line {line}: {reason}")]
    MalformedToml {
        /// The line, counted from 1.
        line: usize,
        /// What the parser expected.
        reason: String,
    },

    /// A key of the configuration is missing, unknown or ill-formed.
    #[error("the storage configuration is not valid: {detail}")]
    Misconfigured {
        /// Which key, and what it should be.
        detail: String,
    },

    /// The backend could not be opened.
    #[error(transparent)]
    Storage(#[from] StorageError),
}
