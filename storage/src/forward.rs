//! Shared and boxed storages are storages: every method goes to the inner one, none to a default.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use crate::{Bytes, Capabilities, Cursor, Page, Result, Storage, Swap, Touch, Touched, async_trait};

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        #[async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<S: Storage + ?Sized> Storage for $pointer {
            async fn get(&self, key: &str) -> Result<Option<Bytes>> {
                (**self).get(key).await
            }

            async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
                (**self).set(key, value, ttl).await
            }

            async fn delete(&self, key: &str) -> Result<()> {
                (**self).delete(key).await
            }

            async fn reset(&self) -> Result<()> {
                (**self).reset().await
            }

            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
                (**self).get_and_touch(key, touch).await
            }

            async fn compare_and_swap(
                &self,
                key: &str,
                expected: Option<&[u8]>,
                new: Option<Bytes>,
                ttl: Option<Duration>,
            ) -> Result<Swap> {
                (**self).compare_and_swap(key, expected, new, ttl).await
            }

            async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
                (**self).scan(after, limit).await
            }

            async fn purge_expired(&self) -> Result<u64> {
                (**self).purge_expired().await
            }

            async fn ping(&self) -> Result<()> {
                (**self).ping().await
            }

            async fn close(&self) -> Result<()> {
                (**self).close().await
            }
        }
    )*};
}

forward!(Arc<S>, Box<S>, &'static S);
