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
pub(crate) mod optional {
    use super::{Deserializer, Duration};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        super::deserialize(deserializer).map(Some)
    }
}
