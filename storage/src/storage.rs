use std::{num::NonZeroUsize, time::Duration};

use crate::{
    Bytes, Capabilities, Cursor, ErrorKind, Operation, Page, Result, StorageError, Swap, Touch, Touched,
    async_trait,
};

/// Expiring key-value state over bytes: the contract of every backend.
///
/// A backend writes [`get`](Self::get), [`set`](Self::set), [`delete`](Self::delete) and
/// [`reset`](Self::reset), and overrides the other methods where its engine can do better. The rules below
/// are all that an application relies on; each is a case of the conformance suite, under the name in brackets.
///
/// # Keys, values, TTLs
///
/// - **Missing or expired is `Ok(None)`.** Expired means gone *for every operation*, at once, whatever the
///   engine has reaped; neither a touch nor a swap revives it. (`ttl/*`, `touch/expired-is-not-revived`,
///   `swap/expired-counts-as-missing`)
/// - **TTL.** `None` never expires. `Some(d)`: readable until `d` has passed, gone after; millisecond
///   resolution, rounded up, never early. `Some(ZERO)` is already expired: the same as a delete. Huge
///   durations saturate; they never wrap and never fail. [`ttl`](crate::ttl) is the one conversion. (`ttl/*`)
/// - **Keys** are 1 to 512 bytes of UTF-8 without NUL. Case, trailing spaces and glob or `LIKE` characters
///   (`%`, `_`, `*`, `[`, `:`) are significant. Anything else is [`ErrorKind::InvalidKey`], before any I/O:
///   call [`check_key`](crate::check_key) first in every method that takes a key. (`key/*`)
/// - **Values** are any bytes. The empty value is a value: `Some` of nothing is not `None`. Over the backend's
///   limit: [`ErrorKind::ValueTooLarge`], the old value untouched. (`value/*`)
///
/// # Namespaces
///
/// Every backend has a [`Namespace`](crate::Namespace): a key prefix, or a table or collection name plus
/// prefix. It creates what it needs idempotently (several nodes may start at once), checks what it finds,
/// takes a ready-made client as well as a URL, and sweeps expired entries by itself where the engine does not.
/// Nothing that one namespace does is seen in another. (`namespace/*`)
///
/// # Time
///
/// The backend stamps time where it can (a database's own clock), so that application servers whose clocks
/// differ agree.
///
/// # Cancellation
///
/// Dropping a future leaves the key in its old or in its new state, never between. (`cancellation/*`)
///
/// # Errors
///
/// Every method returns a [`StorageError`] with a kind, the backend and the operation; none panics. No key,
/// value or password is in its `Display` or `Debug`. All but [`close`](Self::close) and
/// [`capabilities`](Self::capabilities) fail with [`ErrorKind::Closed`] after a close, and with
/// [`ErrorKind::Unavailable`] or [`ErrorKind::Timeout`] when the engine cannot be reached.
///
/// # The default methods
///
/// They are built from the four required ones and correct for one caller at a time; a backend whose engine can
/// do better overrides them and claims the [capability](Capabilities).
#[async_trait]
pub trait Storage: Send + Sync + 'static {
    /// Reads the live value under `key`; `Ok(None)` where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] before any I/O, and those that every method may return.
    async fn get(&self, key: &str) -> Result<Option<Bytes>>;

    /// Stores `value` under `key`, replacing an existing value *and* its TTL.
    ///
    /// `ttl: None` never expires; `Some(ZERO)` is already expired, so that nothing is left under the key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] before any I/O; [`ErrorKind::ValueTooLarge`] with the old value untouched.
    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()>;

    /// Removes `key`. A missing key is success.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] before any I/O.
    async fn delete(&self, key: &str) -> Result<()>;

    /// Removes every key of this storage's namespace and no other: never a flushed server, never a dropped or
    /// truncated table that others share. Safe while others write.
    ///
    /// # Errors
    /// Those that every method may return; some keys may then be gone and others not.
    async fn reset(&self) -> Result<()>;

    /// What this storage promises beyond the four methods above, and its backend's name.
    ///
    /// The default claims nothing.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Reads the live value under `key` and, if less than `touch.ttl - touch.slack` of its TTL remains,
    /// extends the TTL to `touch.ttl`, in one round trip. [`Touched::extended`] says which,
    /// [`Touched::remaining`] what is left. A touch never shortens a TTL, and a value that never expires stays
    /// so. A `touch.ttl` of zero extends nothing.
    ///
    /// `Ok(None)`: no live value; an expired one is never revived.
    ///
    /// The default reads and swaps the value for itself with the whole `touch.ttl`, as it cannot see what
    /// remains: two or more round trips, always extended, even where more than `touch.ttl` remained. A storage
    /// that overrides it claims [`Capabilities::atomic_touch`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] before any I/O; [`ErrorKind::Unavailable`] or [`ErrorKind::Timeout`] with the
    /// TTL as it was or extended, the value never lost.
    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        let Some(mut value) = self.get(key).await? else { return Ok(None) };
        if touch.ttl.is_zero() {
            return Ok(Some(Touched { value, extended: false, remaining: Some(Duration::ZERO) }));
        }
        loop {
            let same = value.clone();
            match self.compare_and_swap(key, Some(&value), Some(same), Some(touch.ttl)).await? {
                Swap::Swapped => {
                    return Ok(Some(Touched { value, extended: true, remaining: Some(touch.ttl) }));
                }
                Swap::Conflict { current: Some(newer) } => value = newer,
                Swap::Conflict { current: None } => return Ok(None),
            }
        }
    }

    /// If the live value under `key` equals `expected` (`None`: there is no live value), stores `new` with
    /// `ttl` (`None`: deletes). Otherwise [`Swap::Conflict`] with the current value, nothing changed. Of N
    /// racing callers with the same `expected`, exactly one wins.
    ///
    /// The default reads, compares and writes: right for one caller at a time, not for two. A storage that
    /// overrides it claims [`Capabilities::atomic_swap`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidKey`] before any I/O; [`ErrorKind::ValueTooLarge`] with the old value untouched.
    /// After [`ErrorKind::Timeout`] or [`ErrorKind::Unavailable`] the swap may have taken place: read before
    /// trying again.
    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let current = self.get(key).await?;
        if current.as_deref() != expected {
            return Ok(Swap::Conflict { current });
        }
        match new {
            Some(new) => self.set(key, new, ttl).await?,
            None => self.delete(key).await?,
        }
        Ok(Swap::Swapped)
    }

    /// Reads one page of the namespace: keys, values, remaining TTLs. Begin with `after: None`, go on with
    /// [`Page::next`] until it is `None`. `limit` is the most entries that a page holds.
    ///
    /// A key that is present throughout is seen at least once; an expired one or one outside the namespace is
    /// never seen.
    ///
    /// # Errors
    /// [`ErrorKind::Unsupported`] where [`Capabilities::scan`] is not claimed, as by default.
    async fn scan(&self, after: Option<Cursor>, limit: NonZeroUsize) -> Result<Page> {
        let _ = (after, limit);
        Err(StorageError::new(ErrorKind::Unsupported, self.capabilities().backend, Operation::Scan)
            .with_detail("this backend cannot list its keys"))
    }

    /// Reclaims expired entries that the engine does not reap by itself, in batches; returns how many. Safe to
    /// run on every node at once. Live entries are untouched.
    ///
    /// The default reclaims nothing, right for engines that reap by themselves.
    ///
    /// # Errors
    /// Those that every method may return.
    async fn purge_expired(&self) -> Result<u64> {
        Ok(0)
    }

    /// Asks the engine for a sign of life, in one round trip.
    ///
    /// The default reads a key.
    ///
    /// # Errors
    /// Those that every method may return.
    async fn ping(&self) -> Result<()> {
        self.get("cloakroom.ping").await.map(drop)
    }

    /// Stops background work and releases what this storage owns; a client that the caller handed in stays
    /// open. Idempotent. Later calls fail with [`ErrorKind::Closed`].
    ///
    /// The default does nothing; a storage that overrides it claims [`Capabilities::close`].
    ///
    /// # Errors
    /// Where the engine could not be told; the storage is closed all the same.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

// An application holds `Arc<dyn Storage>` and configuration decides what is inside.
const _: fn(&dyn Storage) = |_| {};
