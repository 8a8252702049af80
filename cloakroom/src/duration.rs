//! Durations in a configuration: a number and its unit, such as `"250ms"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A duration above zero. Its errors leave the text out: a URL on the wrong line would be shown with its password.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    match humantime::parse_duration(&String::deserialize(deserializer)?) {
        Ok(Duration::ZERO) => Err(de::Error::custom("a duration here is longer than zero")),
        Ok(duration) => Ok(duration),
        Err(_) => Err(de::Error::custom("a duration is a number and its unit, such as \"250ms\" or \"2s\"")),
    }
}

/// [`deserialize`] for an option that may be left out.
#[cfg(any(feature = "dynamodb", feature = "mongodb", feature = "redis"))]
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}
