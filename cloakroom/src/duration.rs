//! Durations in a configuration: a number and its unit, such as `"250ms"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// A duration above zero. Its errors leave the text out: a URL on the wrong line would be shown with its password.
pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse(&String::deserialize(deserializer)?)
}

fn parse<E: de::Error>(text: &str) -> Result<Duration, E> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Err(E::custom("a duration here is longer than zero")),
        Ok(duration) => Ok(duration),
        Err(_) => Err(E::custom("a duration is a number and its unit, such as \"250ms\" or \"2s\"")),
    }
}

/// [`deserialize`] for an option that may be left out.
#[cfg(any(
    feature = "dynamodb",
    feature = "mongodb",
    feature = "mysql",
    feature = "postgres",
    feature = "redis",
    feature = "sqlite"
))]
pub(crate) fn optional<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    deserialize(deserializer).map(Some)
}

/// [`optional`] for what can be switched off, as `"never"`.
#[cfg(any(feature = "mongodb", feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) fn optional_or_never<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Option<Duration>>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == "never" {
        return Ok(Some(None));
    }
    parse(&text).map(|duration| Some(Some(duration)))
}
