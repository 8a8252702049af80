use crate::MAX_KEY_BYTES;

/// What a storage promises beyond the four methods that every backend writes.
///
/// The conformance suite reads it: a capability that is claimed and broken fails its cases, one that is not
/// claimed makes them *ignored, with the reason shown*. The default claims nothing, which is right for a
/// backend that implements only the four required methods.
///
/// ```
/// use cloakroom_storage::Capabilities;
///
/// const CAPABILITIES: Capabilities =
///     Capabilities::new("etcd").with_atomic_swap().with_scan().with_max_value_bytes(1_572_864);
/// assert!(CAPABILITIES.atomic_swap);
/// assert!(!CAPABILITIES.atomic_touch);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The name of the backend, as errors, spans and reports show it. A layer keeps the name of what it wraps.
    pub backend: &'static str,
    /// [`compare_and_swap`](crate::Storage::compare_and_swap) is atomic: of N racing callers one wins.
    pub atomic_swap: bool,
    /// [`get_and_touch`](crate::Storage::get_and_touch) is atomic, one round trip, and knows the TTL that
    /// remains.
    pub atomic_touch: bool,
    /// [`scan`](crate::Storage::scan) works.
    pub scan: bool,
    /// Every operation after [`close`](crate::Storage::close) fails with
    /// [`ErrorKind::Closed`](crate::ErrorKind::Closed).
    pub close: bool,
    /// The longest key in bytes: [`MAX_KEY_BYTES`], less what a [`Prefixed`](crate::Prefixed) layer uses up.
    pub max_key_bytes: usize,
    /// The largest value in bytes; `None` where the engine has no limit that a session could meet.
    pub max_value_bytes: Option<usize>,
}

impl Capabilities {
    /// Nothing beyond the four required methods, under the given backend name.
    #[must_use]
    pub const fn new(backend: &'static str) -> Self {
        Self {
            backend,
            atomic_swap: false,
            atomic_touch: false,
            scan: false,
            close: false,
            max_key_bytes: MAX_KEY_BYTES,
            max_value_bytes: None,
        }
    }

    /// Claims an atomic [`compare_and_swap`](crate::Storage::compare_and_swap).
    #[must_use]
    pub const fn with_atomic_swap(mut self) -> Self {
        self.atomic_swap = true;
        self
    }

    /// Claims an atomic, one-round-trip [`get_and_touch`](crate::Storage::get_and_touch).
    #[must_use]
    pub const fn with_atomic_touch(mut self) -> Self {
        self.atomic_touch = true;
        self
    }

    /// Claims [`scan`](crate::Storage::scan).
    #[must_use]
    pub const fn with_scan(mut self) -> Self {
        self.scan = true;
        self
    }

    /// Claims that operations after [`close`](crate::Storage::close) fail.
    #[must_use]
    pub const fn with_close(mut self) -> Self {
        self.close = true;
        self
    }

    /// States the longest key, in bytes.
    #[must_use]
    pub const fn with_max_key_bytes(mut self, bytes: usize) -> Self {
        self.max_key_bytes = bytes;
        self
    }

    /// States the largest value, in bytes.
    #[must_use]
    pub const fn with_max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = Some(bytes);
        self
    }
}

impl Default for Capabilities {
    fn default() -> Self {
        Self::new("custom")
    }
}
