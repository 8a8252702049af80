use serde::{Serialize, de::DeserializeOwned};

use crate::SessionError;

/// How session values are encoded.
///
/// Each stored value remembers its codec: after a change of the configuration old values are still read, as
/// long as their codec's feature is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Codec {
    /// [postcard](https://docs.rs/postcard): compact and fast. A field added to a stored struct makes old
    /// values unreadable; give the changed type a new registered name, or use a self-describing codec.
    #[default]
    Postcard,
    /// JSON: self-describing, readable by other programs. Feature `json`.
    #[cfg(feature = "json")]
    Json,
    /// MessagePack with field names: self-describing and compact. Feature `messagepack`.
    #[cfg(feature = "messagepack")]
    MessagePack,
}

const POSTCARD: u8 = 0;
const JSON: u8 = 1;
const MESSAGE_PACK: u8 = 2;

impl Codec {
    /// The tag that a stored value carries.
    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Postcard => POSTCARD,
            #[cfg(feature = "json")]
            Self::Json => JSON,
            #[cfg(feature = "messagepack")]
            Self::MessagePack => MESSAGE_PACK,
        }
    }

    fn from_tag(tag: u8) -> Result<Self, SessionError> {
        match tag {
            POSTCARD => Ok(Self::Postcard),
            #[cfg(feature = "json")]
            JSON => Ok(Self::Json),
            #[cfg(feature = "messagepack")]
            MESSAGE_PACK => Ok(Self::MessagePack),
            #[cfg(not(feature = "json"))]
            JSON => Err(SessionError::CodecOff { feature: "json" }),
            #[cfg(not(feature = "messagepack"))]
            MESSAGE_PACK => Err(SessionError::CodecOff { feature: "messagepack" }),
            _ => Err(SessionError::Corrupt),
        }
    }

    pub(crate) fn encode<T: Serialize + ?Sized>(self, value: &T) -> Result<Vec<u8>, SessionError> {
        // The encoders' own errors may quote the value, so they go no further than here.
        let encoded = match self {
            Self::Postcard => postcard::to_stdvec(value).ok(),
            #[cfg(feature = "json")]
            Self::Json => serde_json::to_vec(value).ok(),
            #[cfg(feature = "messagepack")]
            Self::MessagePack => rmp_serde::to_vec_named(value).ok(),
        };
        encoded.ok_or(SessionError::Encode { codec: self })
    }

    pub(crate) fn decode<T: DeserializeOwned>(tag: u8, bytes: &[u8]) -> Result<T, SessionError> {
        let codec = Self::from_tag(tag)?;
        let decoded = match codec {
            Self::Postcard => postcard::take_from_bytes(bytes)
                .ok()
                .filter(|(_, rest)| rest.is_empty())
                .map(|(value, _)| value),
            #[cfg(feature = "json")]
            Self::Json => serde_json::from_slice(bytes).ok(),
            #[cfg(feature = "messagepack")]
            Self::MessagePack => rmp_serde::from_slice(bytes).ok(),
        };
        decoded.ok_or(SessionError::Decode { codec })
    }
}
