use std::{num::NonZeroUsize, time::Duration};

use cloakroom_storage::ttl;

use crate::{
    Clock, Codec, ConfigError, CookieOptions, Excess, Extractor, IdGenerator, Outage, envelope::Envelope,
    extractor::Sink, session_limit::SessionLimit,
};

/// The idle timeout where none, or zero, is configured.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The most that the end of a session may lag behind its last use.
const MAX_SLACK: Duration = Duration::from_secs(60);

/// When a session is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum SavePolicy {
    /// When something was changed: a visitor for whom nothing is kept gets no cookie and costs no storage.
    #[default]
    WhenChanged,
    /// Always: every request loads its session before the handler runs, stores it if it is new, renews its
    /// TTL and sends the cookie. What the specification does.
    Always,
}

/// Everything about sessions that does not depend on the storage.
///
/// The default is secure: cookie `__Host-session_id` with Secure, HttpOnly and SameSite=Lax, 256-bit ids, an
/// idle timeout of 30 minutes, and nothing stored for visitors who have changed nothing.
///
/// ```
/// use std::time::Duration;
/// use cloakroom_session::SessionConfig;
///
/// let config = SessionConfig::default()
///     .idle_timeout(Duration::from_secs(15 * 60))
///     .absolute_timeout(Duration::from_secs(8 * 60 * 60));
/// # let _ = config;
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct SessionConfig {
    pub(crate) id_generator: IdGenerator,
    pub(crate) extractor: Extractor,
    pub(crate) cookie: CookieOptions,
    pub(crate) idle_timeout: Duration,
    pub(crate) absolute_timeout: Option<Duration>,
    pub(crate) max_sessions: Option<SessionLimit>,
    pub(crate) save_policy: SavePolicy,
    pub(crate) outage: Outage,
    pub(crate) codec: Codec,
    pub(crate) clock: Clock,
}

impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            id_generator: IdGenerator::default(),
            extractor: Extractor::cookie("__Host-session_id"),
            cookie: CookieOptions::default(),
            idle_timeout: DEFAULT_IDLE_TIMEOUT,
            absolute_timeout: None,
            max_sessions: None,
            save_policy: SavePolicy::default(),
            outage: Outage::default(),
            codec: Codec::default(),
            clock: Clock::default(),
        }
    }
}

impl SessionConfig {
    /// The specification's values exactly: UUIDv4 ids, cookie `session_id`, SameSite=Lax, 30 minutes idle,
    /// Secure and HttpOnly off, every session stored.
    pub fn fiber_defaults() -> Self {
        Self::default()
            .id_generator(IdGenerator::uuid_v4())
            .extractor(Extractor::cookie("session_id"))
            .cookie(CookieOptions::default().secure(false).http_only(false))
            .save_policy(SavePolicy::Always)
    }

    /// Where new ids come from.
    pub fn id_generator(mut self, id_generator: IdGenerator) -> Self {
        self.id_generator = id_generator;
        self
    }

    /// Where a request carries its id, and so where the response sends it.
    pub fn extractor(mut self, extractor: Extractor) -> Self {
        self.extractor = extractor;
        self
    }

    /// The attributes of the cookie.
    pub fn cookie(mut self, cookie: CookieOptions) -> Self {
        self.cookie = cookie;
        self
    }

    /// How long a session lives without being used; zero means the default of 30 minutes.
    ///
    /// So that a read need not be a write, the TTL is renewed only when a tenth of the timeout, at most a
    /// minute, has passed since it last was: a session may end that much sooner after its last use.
    pub fn idle_timeout(mut self, idle_timeout: Duration) -> Self {
        self.idle_timeout = if idle_timeout.is_zero() { DEFAULT_IDLE_TIMEOUT } else { idle_timeout };
        self
    }

    /// How long a session lives at most, however much it is used; `None` or zero: no limit, the default.
    pub fn absolute_timeout(mut self, absolute_timeout: impl Into<Option<Duration>>) -> Self {
        self.absolute_timeout = absolute_timeout.into().filter(|timeout| !timeout.is_zero());
        self
    }

    /// How many sessions somebody may be [signed in](crate::Session::bind) with at the same time, and what happens to
    /// one more. The default is no limit. Sign-ins that race are counted one after the other, on all nodes together.
    pub fn max_sessions(mut self, most: NonZeroUsize, excess: Excess) -> Self {
        self.max_sessions = Some(SessionLimit { most, excess });
        self
    }

    /// When sessions are stored.
    pub fn save_policy(mut self, save_policy: SavePolicy) -> Self {
        self.save_policy = save_policy;
        self
    }

    /// What happens while the storage is away.
    pub fn outage(mut self, outage: Outage) -> Self {
        self.outage = outage;
        self
    }

    /// How values are encoded.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// What time it is, for tests.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        if self.absolute_timeout.is_some_and(|absolute| absolute < self.idle_timeout) {
            return Err(ConfigError::AbsoluteShorterThanIdle);
        }
        self.extractor.check()?;
        for sink in self.extractor.sinks() {
            if let Sink::Cookie(name) = sink {
                self.cookie.check(&name, self.idle_timeout)?;
            }
        }
        Ok(())
    }

    /// An envelope for a session that begins now.
    pub(crate) fn begin(&self) -> Envelope {
        let created_ms = self.clock.now_ms();
        let deadline_ms =
            self.absolute_timeout.map(|timeout| created_ms.saturating_add(ttl::to_millis(timeout)));
        Envelope { created_ms, deadline_ms, ..Envelope::default() }
    }

    /// What is left of a session that is used now: its idle timeout, or less where the deadline is nearer.
    pub(crate) fn ttl(&self, envelope: &Envelope) -> Duration {
        let idle = envelope.idle_ms.map_or(self.idle_timeout, Duration::from_millis);
        match envelope.deadline_ms {
            Some(deadline) => idle.min(Duration::from_millis(deadline.saturating_sub(self.clock.now_ms()))),
            None => idle,
        }
    }

    /// How much of `ttl` may pass before it is renewed.
    pub(crate) fn slack(&self, ttl: Duration) -> Duration {
        match self.save_policy {
            SavePolicy::WhenChanged => (ttl / 10).min(MAX_SLACK),
            SavePolicy::Always => Duration::ZERO,
        }
    }
}
