use crate::Storage;

/// A wrapper around any storage, before it has one.
///
/// ```
/// use cloakroom_storage::{Storage, StorageExt, Traced};
///
/// fn observed(storage: impl Storage) -> impl Storage {
///     storage.layer(Traced::new())
/// }
/// ```
pub trait StorageLayer<S: Storage> {
    /// The wrapped storage.
    type Storage: Storage;

    /// Wraps `inner`.
    fn layer(self, inner: S) -> Self::Storage;
}

/// What every [`Storage`] can do without writing it.
pub trait StorageExt: Storage + Sized {
    /// Wraps this storage in a layer: the result is a storage that keeps the same contract.
    fn layer<L: StorageLayer<Self>>(self, layer: L) -> L::Storage {
        layer.layer(self)
    }
}

impl<S: Storage> StorageExt for S {}
