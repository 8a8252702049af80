use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What time it is, for creation times and absolute deadlines. (TTLs run on the storage's own clock.)
///
/// An application uses the system's; a test may bring its own:
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use cloakroom_session::{Clock, SessionConfig};
///
/// let tomorrow = SystemTime::now() + Duration::from_secs(24 * 60 * 60);
/// let config = SessionConfig::default().clock(Clock::custom(move || tomorrow));
/// # let _ = config;
/// ```
#[derive(Clone, Default)]
pub struct Clock(Option<Arc<dyn Fn() -> SystemTime + Send + Sync>>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self(None)
    }

    /// Time as `now` tells it.
    pub fn custom(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(now)))
    }

    /// Milliseconds since the Unix epoch; a clock before it reads as the epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        let now = self.0.as_ref().map_or_else(SystemTime::now, |now| now());
        let since_epoch = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Clock(custom)" } else { "Clock(system)" })
    }
}
