use std::{borrow::Cow, num::NonZeroUsize};

use cloakroom_storage::StorageError;

use crate::{
    Codec,
    session::{MAX_METADATA_BYTES, MAX_PRINCIPAL_BYTES},
};

/// What can go wrong with a session. No variant holds a session id, a key or a value.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// An id is empty: passed to [`Store::load_by_id`](crate::Store::load_by_id) or
    /// [`Store::delete`](crate::Store::delete), or made by a custom generator.
    #[error("session id is empty")]
    EmptyId,
    /// A custom generator made an id that a cookie cannot carry.
    #[error(
        "the id generator made an id that is not 1 to 256 bytes of cookie characters; change the generator"
    )]
    InvalidId,
    /// A custom generator keeps making ids that are taken.
    #[error("the id generator makes ids that exist already; make them unique")]
    IdTaken,
    /// The operating system gave no random bytes for a new id.
    #[error("the operating system gave no random bytes for a session id")]
    NoRandomness,
    /// No live session has this id.
    #[error("no live session has this id")]
    NotFound,
    /// The layer has loaded this request's session; take it with the [`Session`](crate::Session) extractor.
    #[error("the layer has loaded this request's session already; use the Session extractor instead")]
    AlreadyLoaded,
    /// There is no layer around this handler, or it skips this request.
    #[error(
        "no session in this request: SessionLayer is missing around this route, or its skip_when skips it"
    )]
    NoSession,
    /// A value is read as another type than it was written as.
    #[error("the session holds {found} here, not {expected}")]
    TypeMismatch {
        /// The registered name of the type that was asked for.
        expected: Cow<'static, str>,
        /// The registered name of the type that was written.
        found: Cow<'static, str>,
    },
    /// [`Store::register_type`](crate::Store::register_type) with a name that another type has, or of a type
    /// that has another name.
    #[error("cannot register the type name {name:?}: it or its type is registered already")]
    TypeNameTaken {
        /// The name.
        name: Cow<'static, str>,
    },
    /// A value could not be encoded.
    #[error("a session value cannot be encoded with {codec:?}; check its Serialize")]
    Encode {
        /// The configured codec.
        codec: Codec,
    },
    /// A stored value does not decode as the type asked for, though the type's name is right.
    #[error("a session value does not decode with {codec:?}; has its type changed since it was stored?")]
    Decode {
        /// The codec that the value was stored with.
        codec: Codec,
    },
    /// A stored value needs a codec that is not compiled in.
    #[error("a session value needs a codec that is not compiled in; turn on the feature `{feature}`")]
    CodecOff {
        /// The feature to turn on.
        feature: &'static str,
    },
    /// What is stored is not an envelope of ours. It is kept as it is.
    #[error("the stored session is damaged")]
    Corrupt,
    /// What is stored was written by a newer version of this crate. It is kept as it is.
    #[error(
        "the stored session has envelope version {found}, this version of Cloakroom reads up to {known}; upgrade it"
    )]
    UnsupportedVersion {
        /// The version found.
        found: u8,
        /// The newest version that this crate reads.
        known: u8,
    },
    /// So many requests changed this session at once that this one's changes found no gap; nothing of them is
    /// stored.
    #[error("too many requests change this session at once; try again")]
    Contended,
    /// Somebody signs in who has as many sessions as
    /// [`max_sessions`](crate::SessionConfig::max_sessions) allows. Nothing of this request is stored, and what
    /// was stored before stays as it is.
    #[error("this principal has {most} sessions already, as many as are allowed; sign out elsewhere first")]
    TooManySessions {
        /// How many are allowed.
        most: NonZeroUsize,
    },
    /// A session is bound to a principal, or with metadata, of a length that is not allowed.
    #[error("a principal has 1 to {MAX_PRINCIPAL_BYTES} bytes, its metadata at most {MAX_METADATA_BYTES}")]
    InvalidPrincipal,
    /// The session could not be loaded, and [`Outage::TreatAsAnonymous`](crate::Outage::TreatAsAnonymous) let the
    /// request run without; it cannot be changed or ended then.
    #[error("the session storage is away, so nothing of this session can be changed; try again later")]
    Outage,
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a configuration is refused, by [`SessionLayerBuilder::build`](crate::SessionLayerBuilder::build) and
/// [`Store::with_config`](crate::Store::with_config).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The absolute timeout is shorter than the idle timeout, which could then never apply.
    #[error("absolute_timeout is shorter than idle_timeout; make it at least as long, or leave it out")]
    AbsoluteShorterThanIdle,
    /// The grace for renewed ids is over a minute, or as long as the ids are in use.
    #[error("renewal_grace is over a minute or not shorter than renew_after; shorten it")]
    RenewalGrace,
    /// Two requests that race could each give the session a new id, of which one would outlive its sign-out.
    #[error(
        "renew_after needs a storage with an atomic compare-and-swap, which {backend} has not; leave it out"
    )]
    RenewalNeedsAtomicSwap {
        /// The storage's backend.
        backend: &'static str,
    },
    /// A cookie cannot be as it is configured.
    #[error("cookie {name:?}: {reason}")]
    Cookie {
        /// The cookie's name.
        name: String,
        /// What is wrong, and the cure.
        reason: &'static str,
    },
    /// A header's name is not one.
    #[error("{name:?} is not the name of an HTTP header")]
    HeaderName {
        /// The name.
        name: String,
    },
    /// A `SameSite` value is unknown.
    #[error("unknown SameSite value; use Strict, Lax or None")]
    UnknownSameSite,
}
