use std::{num::NonZeroUsize, time::Duration};

use self::seal::Seal;
use crate::{
    Bytes, Capabilities, Cursor, Entry, Namespace, Operation, Page, Result, Storage, StorageLayer, Swap,
    Touch, Touched, async_trait,
};

mod keys;
mod seal;

pub use keys::{EncryptionKey, KeyRing};

/// A layer that encrypts every value, so that a copy of the database, or who may write to it, learns and forges nothing.
///
/// The cipher is AES-SIV with 256-bit keys ([RFC 5297](https://www.rfc-editor.org/rfc/rfc5297)), an authenticated
/// cipher without nonces. A value is bound to its namespace and its key: moved to another key, changed in a bit, cut,
/// or in plain text it is [`ErrorKind::Corrupt`](crate::ErrorKind::Corrupt), never returned. Keys of the storage are not
/// encrypted; a session's is a hash of its id already.
///
/// **Why no nonces.** The same value under the same key is encrypted to the same bytes. That lets a swap compare in the
/// engine, in one round trip, and costs this: who watches the database sees that a value is what it was before. Nothing
/// is told of values under different keys.
///
/// **Rotation.** Values are encrypted with the ring's current key and decrypted with whichever they name:
///
/// 1. give every node a ring that has the new key among the older ones,
/// 2. give every node a ring in which the new key is the current one,
/// 3. when all values have been written anew or have expired, drop the old key.
///
/// Swaps and touches work throughout; a swap of a value that an older key has encrypted takes a second round trip.
///
/// What cannot be undone: an old value that an attacker has copied and puts back under its own key is taken for the
/// current one.
///
/// ```
/// use cloakroom_storage::{Encrypted, EncryptionKey, KeyRing, Namespace, Result, Storage, StorageExt};
///
/// fn private(storage: impl Storage, secret: &[u8; 64], namespace: Namespace) -> Result<impl Storage> {
///     let ring = KeyRing::new(EncryptionKey::new(1, secret));
///     Ok(storage.layer(Encrypted::new(ring, namespace)))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Encrypted {
    ring: KeyRing,
    namespace: Namespace,
}

impl Encrypted {
    /// Encrypts with the keys of this ring, and binds values to this namespace: the one that the storage has.
    #[must_use]
    pub const fn new(ring: KeyRing, namespace: Namespace) -> Self {
        Self { ring, namespace }
    }
}

impl<S: Storage> StorageLayer<S> for Encrypted {
    type Storage = EncryptedStorage<S>;

    fn layer(self, inner: S) -> EncryptedStorage<S> {
        let backend = inner.capabilities().backend;
        EncryptedStorage { inner, seal: Seal::new(self.ring, self.namespace, backend) }
    }
}

/// A storage behind an [`Encrypted`] layer.
#[derive(Debug, Clone)]
pub struct EncryptedStorage<S> {
    inner: S,
    seal: Seal,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for EncryptedStorage<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        let sealed = self.inner.get(key).await?;
        sealed.map(|sealed| self.seal.open(Operation::Get, key, &sealed)).transpose()
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.inner.set(key, self.seal.close(key, &value), ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.inner.delete(key).await
    }

    async fn reset(&self) -> Result<()> {
        self.inner.reset().await
    }

    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        match inner.max_value_bytes {
            Some(bytes) => inner.with_max_value_bytes(bytes.saturating_sub(seal::OVERHEAD)),
            None => inner,
        }
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        let Some(touched) = self.inner.get_and_touch(key, touch).await? else { return Ok(None) };
        let value = self.seal.open(Operation::GetAndTouch, key, &touched.value)?;
        Ok(Some(Touched { value, ..touched }))
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let new = new.map(|new| self.seal.close(key, &new));
        let mut sealed = expected.map(|expected| self.seal.close(key, expected));
        loop {
            match self.inner.compare_and_swap(key, sealed.as_deref(), new.clone(), ttl).await? {
                Swap::Swapped => return Ok(Swap::Swapped),
                Swap::Conflict { current: None } => return Ok(Swap::Conflict { current: None }),
                Swap::Conflict { current: Some(found) } => {
                    let current = self.seal.open(Operation::CompareAndSwap, key, &found)?;
                    if expected != Some(&*current) {
                        return Ok(Swap::Conflict { current: Some(current) });
                    }
                    // The expected value, encrypted with an older key.
                    sealed = Some(found);
                }
            }
        }
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        let page = self.inner.scan(after, limit).await?;
        let opened = page.entries.into_iter().map(|Entry { key, value, ttl }| {
            let value = self.seal.open(Operation::Scan, &key, &value)?;
            Ok(Entry { key, value, ttl })
        });
        Ok(Page { entries: opened.collect::<Result<_>>()?, next: page.next })
    }

    async fn purge_expired(&self) -> Result<u64> {
        self.inner.purge_expired().await
    }

    async fn ping(&self) -> Result<()> {
        self.inner.ping().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}
