use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest, Sha256};

use crate::SessionError;

/// The longest id, in bytes. What is longer was not made by a generator of ours.
pub const MAX_ID_BYTES: usize = 256;

/// A session's id: the secret token that the browser keeps.
///
/// Whoever has it has the session, so neither `Debug` nor any error shows it, and it has no `Display`. The
/// storage only sees its SHA-256.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// An id that came from outside, if it is well-formed: 1 to [`MAX_ID_BYTES`] bytes that a cookie's value may
    /// have ([RFC 6265, section 4.1.1](https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1), `cookie-octet`).
    pub(crate) fn parse(token: &str) -> Option<Self> {
        Self::is_well_formed(token).then(|| Self(token.into()))
    }

    pub(crate) fn is_well_formed(token: &str) -> bool {
        let cookie_octet =
            |byte: u8| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x3a | 0x3c..=0x5b | 0x5d..=0x7e);
        (1..=MAX_ID_BYTES).contains(&token.len()) && token.bytes().all(cookie_octet)
    }

    /// The token. Handle it like a password.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the session is stored: a copy of the database opens nobody's session.
    pub(crate) fn storage_key(&self) -> String {
        URL_SAFE_NO_PAD.encode(Sha256::digest(self.0.as_bytes()))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// Where new session ids come from.
///
/// ```
/// use cloakroom_session::{IdGenerator, SessionConfig};
///
/// let config = SessionConfig::default().id_generator(IdGenerator::uuid_v4());
/// # let _ = config;
/// ```
#[derive(Clone)]
pub struct IdGenerator(Source);

#[derive(Clone)]
enum Source {
    Random256,
    UuidV4,
    Custom(Arc<dyn Fn() -> String + Send + Sync>),
}

impl IdGenerator {
    /// 256 random bits from the operating system, as 43 characters of base64url. The default.
    #[must_use]
    pub const fn random_256() -> Self {
        Self(Source::Random256)
    }

    /// Version 4 UUIDs (122 random bits), as the specification's default.
    #[must_use]
    pub const fn uuid_v4() -> Self {
        Self(Source::UuidV4)
    }

    /// Ids of the application's own making: unguessable and unique, 1 to [`MAX_ID_BYTES`] bytes of visible
    /// ASCII without `"`, `,`, `;` and `\`.
    ///
    /// An empty id is [`SessionError::EmptyId`], another bad one [`SessionError::InvalidId`], when a session is
    /// begun.
    pub fn custom(generate: impl Fn() -> String + Send + Sync + 'static) -> Self {
        Self(Source::Custom(Arc::new(generate)))
    }

    pub(crate) fn next(&self) -> Result<SessionId, SessionError> {
        let token = match &self.0 {
            Source::Random256 => {
                let mut bits = [0; 32];
                getrandom::fill(&mut bits).map_err(|_| SessionError::NoRandomness)?;
                URL_SAFE_NO_PAD.encode(bits)
            }
            Source::UuidV4 => uuid::Uuid::new_v4().to_string(),
            Source::Custom(generate) => generate(),
        };
        if token.is_empty() {
            return Err(SessionError::EmptyId);
        }
        SessionId::parse(&token).ok_or(SessionError::InvalidId)
    }
}

impl Default for IdGenerator {
    fn default() -> Self {
        Self::random_256()
    }
}

impl fmt::Debug for IdGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::Random256 => "IdGenerator(random, 256 bits)",
            Source::UuidV4 => "IdGenerator(UUIDv4)",
            Source::Custom(_) => "IdGenerator(custom)",
        })
    }
}
