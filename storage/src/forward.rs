//! Shared and boxed storages are storages: every method goes to the inner one, none to a default.
//!
//! The methods are written as `async_trait` expands them, so that the inner future is passed on as it is: an
//! `async fn` here would allocate a second one around it, on every call that an application makes.

use std::{num::NonZeroUsize, pin::Pin, sync::Arc, time::Duration};

use crate::{Bytes, Capabilities, Cursor, Page, Result, Storage, Swap, Touch, Touched};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<S: Storage + ?Sized> Storage for $pointer {
            fn get<'s, 'k, 'a>(&'s self, key: &'k str) -> Answer<'a, Option<Bytes>>
            where
                's: 'a,
                'k: 'a,
                Self: 'a,
            {
                (**self).get(key)
            }

            fn set<'s, 'k, 'a>(&'s self, key: &'k str, value: Bytes, ttl: Option<Duration>) -> Answer<'a, ()>
            where
                's: 'a,
                'k: 'a,
                Self: 'a,
            {
                (**self).set(key, value, ttl)
            }

            fn delete<'s, 'k, 'a>(&'s self, key: &'k str) -> Answer<'a, ()>
            where
                's: 'a,
                'k: 'a,
                Self: 'a,
            {
                (**self).delete(key)
            }

            fn reset<'s, 'a>(&'s self) -> Answer<'a, ()>
            where
                's: 'a,
                Self: 'a,
            {
                (**self).reset()
            }

            fn capabilities(&self) -> Capabilities {
                (**self).capabilities()
            }

            fn get_and_touch<'s, 'k, 'a>(&'s self, key: &'k str, touch: Touch) -> Answer<'a, Option<Touched>>
            where
                's: 'a,
                'k: 'a,
                Self: 'a,
            {
                (**self).get_and_touch(key, touch)
            }

            fn compare_and_swap<'s, 'k, 'e, 'a>(
                &'s self,
                key: &'k str,
                expected: Option<&'e [u8]>,
                new: Option<Bytes>,
                ttl: Option<Duration>,
            ) -> Answer<'a, Swap>
            where
                's: 'a,
                'k: 'a,
                'e: 'a,
                Self: 'a,
            {
                (**self).compare_and_swap(key, expected, new, ttl)
            }

            fn scan<'s, 'a>(&'s self, after: Option<Cursor>, limit: NonZeroUsize) -> Answer<'a, Page>
            where
                's: 'a,
                Self: 'a,
            {
                (**self).scan(after, limit)
            }

            fn purge_expired<'s, 'a>(&'s self) -> Answer<'a, u64>
            where
                's: 'a,
                Self: 'a,
            {
                (**self).purge_expired()
            }

            fn ping<'s, 'a>(&'s self) -> Answer<'a, ()>
            where
                's: 'a,
                Self: 'a,
            {
                (**self).ping()
            }

            fn close<'s, 'a>(&'s self) -> Answer<'a, ()>
            where
                's: 'a,
                Self: 'a,
            {
                (**self).close()
            }
        }
    )*};
}

forward!(Arc<S>, Box<S>, &'static S);
