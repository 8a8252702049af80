use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytestring::ByteString;

use crate::{Session, SessionConfig, envelope::Envelope};

/// One session of a principal, as [`Store::sessions_of`](crate::Store::sessions_of) lists it. It does not tell the
/// session's id, which is a secret of its browser.
#[derive(Clone)]
pub struct SignedIn {
    key: String,
    created_at: SystemTime,
    last_seen: SystemTime,
    metadata: ByteString,
}

impl SignedIn {
    pub(crate) fn new(
        key: String,
        envelope: Envelope,
        remaining: Option<Duration>,
        config: &SessionConfig,
    ) -> Self {
        // What a use gives the session, less what has passed since.
        let unused = remaining.map_or(Duration::ZERO, |left| config.ttl(&envelope).saturating_sub(left));
        let at = |ms| UNIX_EPOCH + Duration::from_millis(ms);
        Self {
            key,
            created_at: at(envelope.created_ms),
            last_seen: at(config.clock.now_ms()) - unused,
            metadata: envelope.principal.map(|principal| principal.metadata).unwrap_or_default(),
        }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// When the session began.
    #[must_use]
    pub fn created_at(&self) -> SystemTime {
        self.created_at
    }

    /// When it was last used, at most a tenth of the idle timeout and a minute too early. As read from what is left of
    /// its TTL: near its absolute deadline, and on a storage without an atomic touch, it may be too late.
    #[must_use]
    pub fn last_seen(&self) -> SystemTime {
        self.last_seen
    }

    /// What it was [bound with](Session::bind_with).
    #[must_use]
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// Whether it is that session: "this device".
    #[must_use]
    pub fn is(&self, session: &Session) -> bool {
        session.stored_key().is_some_and(|key| key == self.key)
    }
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedIn")
            .field("created_at", &self.created_at)
            .field("last_seen", &self.last_seen)
            .finish_non_exhaustive()
    }
}
