use std::{num::NonZeroUsize, time::Duration};

use crate::{
    Bytes, Capabilities, Cursor, Entry, Namespace, Operation, Page, Result, Storage, StorageLayer, Swap,
    Touch, Touched, async_trait, key::check_key_within,
};

/// A layer that puts a [`Namespace`] in front of every key, so that several users share one storage.
///
/// It uses up some of the key length: [`Capabilities::max_key_bytes`] is less by the prefix. `reset` scans and
/// deletes, and `scan` skips foreign keys, so both need a storage that [can scan](Capabilities::scan).
/// `purge_expired` reclaims expired entries of the whole storage, whoever's they are. `close` closes the wrapped
/// storage.
///
/// ```
/// use cloakroom_storage::{Prefixed, Storage, StorageExt};
///
/// fn carts(storage: impl Storage) -> impl Storage {
///     storage.layer(Prefixed::new("carts").expect("a valid namespace"))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Prefixed {
    namespace: Namespace,
}

impl Prefixed {
    /// A layer for the namespace of that name.
    ///
    /// # Errors
    /// As [`Namespace::new`].
    pub fn new(namespace: &str) -> Result<Self> {
        Ok(Self { namespace: Namespace::new(namespace)? })
    }
}

impl<S: Storage> StorageLayer<S> for Prefixed {
    type Storage = PrefixedStorage<S>;

    fn layer(self, inner: S) -> PrefixedStorage<S> {
        PrefixedStorage { inner, namespace: self.namespace }
    }
}

/// A storage behind a [`Prefixed`] layer.
#[derive(Debug, Clone)]
pub struct PrefixedStorage<S> {
    inner: S,
    namespace: Namespace,
}

/// How many keys one step of a reset reads.
const RESET_PAGE: NonZeroUsize = NonZeroUsize::new(256).expect("not zero");

impl<S: Storage> PrefixedStorage<S> {
    fn prefixed(&self, operation: Operation, key: &str) -> Result<String> {
        let capabilities = self.capabilities();
        check_key_within(capabilities.max_key_bytes, capabilities.backend, operation, key)?;
        Ok([self.namespace.prefix(), key].concat())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Storage> Storage for PrefixedStorage<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.inner.get(&self.prefixed(Operation::Get, key)?).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.inner.set(&self.prefixed(Operation::Set, key)?, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.inner.delete(&self.prefixed(Operation::Delete, key)?).await
    }

    async fn reset(&self) -> Result<()> {
        let mut after = None;
        loop {
            let page = self.inner.scan(after, RESET_PAGE).await?;
            for entry in page.entries {
                if entry.key.starts_with(self.namespace.prefix()) {
                    self.inner.delete(&entry.key).await?;
                }
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(()),
            }
        }
    }

    fn capabilities(&self) -> Capabilities {
        let inner = self.inner.capabilities();
        inner.with_max_key_bytes(inner.max_key_bytes.saturating_sub(self.namespace.prefix().len()))
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.inner.get_and_touch(&self.prefixed(Operation::GetAndTouch, key)?, touch).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let key = self.prefixed(Operation::CompareAndSwap, key)?;
        self.inner.compare_and_swap(&key, expected, new, ttl).await
    }

    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        let Page { entries, next } = self.inner.scan(after, limit).await?;
        let ours = entries.into_iter().filter_map(|Entry { key, value, ttl }| {
            let key = key.strip_prefix(self.namespace.prefix())?.to_owned();
            Some(Entry { key, value, ttl })
        });
        Ok(Page { entries: ours.collect(), next })
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
