//! A backend of one's own: sessions in a directory of files, which the processes of one machine may share.
//!
//! [`DirectoryStorage`] implements [`Storage`](cloakroom::Storage), `tests/conformance.rs` holds it to the contract,
//! and [`open`] gives it a scheme:
//!
//! ```
//! use cloakroom::{Backends, StorageConfig};
//!
//! # async fn start() -> Result<(), cloakroom::ConnectError> {
//! let backends = Backends::new().register("directory", custom_backend::open)?;
//! let storage = backends.open(&StorageConfig::new("directory:/var/lib/shop")).await?;
//! # Ok(())
//! # }
//! ```

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod directory;
mod record;
mod storage;

pub use storage::{DirectoryStorage, open};
