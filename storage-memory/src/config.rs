/// How a [`MemoryStorage`](crate::MemoryStorage) is made.
///
/// ```
/// use cloakroom_storage_memory::MemoryConfig;
///
/// assert_eq!(MemoryConfig::default().max_bytes(), 64 * 1024 * 1024);
/// assert_eq!(MemoryConfig::new().with_max_bytes(1_000_000).max_bytes(), 1_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryConfig {
    max_bytes: u64,
}

impl MemoryConfig {
    /// The default: each namespace holds at most 64 MiB.
    #[must_use]
    pub const fn new() -> Self {
        Self { max_bytes: 64 * 1024 * 1024 }
    }

    /// The most bytes that *each* namespace holds: keys, values, and 480 bytes of bookkeeping an entry.
    /// A single value may have an eighth of it.
    ///
    /// Past it the least recently used entries are evicted, which logs their users out:
    /// [`MemoryStorage::evictions`](crate::MemoryStorage::evictions) counts them. The bound is kept within
    /// milliseconds, not on every single write.
    #[must_use]
    pub const fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// The most bytes that each namespace holds.
    #[must_use]
    pub const fn max_bytes(&self) -> u64 {
        self.max_bytes
    }
}

impl Default for MemoryConfig {
    fn default() -> Self {
        Self::new()
    }
}
