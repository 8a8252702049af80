use std::{num::NonZeroUsize, time::Duration};

use cloakroom_storage::{Capabilities, ttl};

use crate::{
    Clock, Codec, ConfigError, CookieOptions, Excess, Extractor, IdGenerator, Outage, envelope::Envelope,
    extractor::Sink, session_limit::SessionLimit,
};

/// The idle timeout where none, or zero, is configured.
const DEFAULT_IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// The most that the end of a session may lag behind its last use.
const MAX_SLACK: Duration = Duration::from_secs(60);

/// How long an id that was renewed leads to its session, where nothing else is configured.
const DEFAULT_RENEWAL_GRACE: Duration = Duration::from_secs(20);

/// The most that may be configured for it.
const MAX_RENEWAL_GRACE: Duration = Duration::from_secs(60);

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
    pub(crate) renew_after: Option<Duration>,
    pub(crate) renewal_grace: Duration,
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
            renew_after: None,
            renewal_grace: DEFAULT_RENEWAL_GRACE,
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

    /// How long an id is in use before the session gets a new one, with the next request that uses the session; `None`
    /// or zero: as long as the session lives, the default. An id that has leaked, by a log or a backup, is then good for
    /// so long and no longer. Data, deadline and sign-in are kept; a thief who uses the id in time is renewed as well.
    ///
    /// Requests under way may still carry the old id, and the answer with the new one may get lost. So the old one leads
    /// to the same session for the time of [`renewal_grace`](Self::renewal_grace), and whoever comes with it is told the
    /// new one again. Signing out, a revocation, and [`regenerate`](crate::Session::regenerate) and the like end both
    /// at once.
    ///
    /// Derive no other token from [`Session::id`](crate::Session::id) then, such as one against cross-site requests: keep
    /// a random value in the session.
    ///
    /// Only ids from cookies and headers are renewed, as other sources have no way back to the client. A renewal costs
    /// its request three round trips, those of a session with a principal six; a request with the old id costs two.
    /// A request that takes longer than the grace loses its changes where another has renewed the id meanwhile. The
    /// storage needs an [atomic swap](cloakroom_storage::Capabilities::atomic_swap).
    pub fn renew_after(mut self, age: impl Into<Option<Duration>>) -> Self {
        self.renew_after = age.into().filter(|age| !age.is_zero());
        self
    }

    /// How long an old id leads to its session after it was [renewed](Self::renew_after): at most a minute and less
    /// than `renew_after`, by default 20 seconds. Zero: not at all.
    pub fn renewal_grace(mut self, grace: Duration) -> Self {
        self.renewal_grace = grace;
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

    pub(crate) fn check(&self, storage: &Capabilities) -> Result<(), ConfigError> {
        if self.absolute_timeout.is_some_and(|absolute| absolute < self.idle_timeout) {
            return Err(ConfigError::AbsoluteShorterThanIdle);
        }
        if let Some(renew_after) = self.renew_after {
            if self.renewal_grace > MAX_RENEWAL_GRACE || self.renewal_grace >= renew_after {
                return Err(ConfigError::RenewalGrace);
            }
            if !storage.atomic_swap {
                return Err(ConfigError::RenewalNeedsAtomicSwap { backend: storage.backend });
            }
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
        Envelope { created_ms, issued_ms: created_ms, deadline_ms, ..Envelope::default() }
    }

    /// Whether the session's id has been in use for long.
    pub(crate) fn is_id_old(&self, envelope: &Envelope) -> bool {
        // A clock that was put back makes it an id of the future, which is young.
        let age_ms = self.clock.now_ms().saturating_sub(envelope.issued_ms);
        self.renew_after.is_some_and(|renew_after| Duration::from_millis(age_ms) >= renew_after)
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
