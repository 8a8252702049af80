use std::sync::Arc;

use cloakroom_storage::Storage;

use crate::{Backends, ConnectError};

/// Opens the storage of a URL on one of the built-in backends, in the namespace `cloakroom`.
///
/// | URL | feature | backend |
/// | --- | --- | --- |
/// | `memory:` | `memory` | embedded |
///
/// With a namespace or a timeout: [`StorageConfig`](crate::StorageConfig).
///
/// # Errors
/// Those of [`Backends::open`].
///
/// ```
/// # #[cfg(feature = "memory")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let storage = cloakroom::connect("memory:").await?;
/// storage.set("hook", "coat".into(), None).await?;
/// assert_eq!(storage.get("hook").await?.as_deref(), Some("coat".as_bytes()));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "memory"))]
/// # fn main() {}
/// ```
pub async fn connect(url: &str) -> Result<Arc<dyn Storage>, ConnectError> {
    Backends::new().connect(url).await
}
