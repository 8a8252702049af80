use cloakroom::Key;
use serde::{Deserialize, Serialize};

pub(crate) const PREFERENCES: Key<Preferences> = Key::new("preferences");

/// How a visitor wants the site to look, kept in the session.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Preferences {
    pub(crate) theme: Theme,
    pub(crate) text: Text,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    /// As the system is set.
    #[default]
    Auto,
    Light,
    Dark,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Text {
    #[default]
    Normal,
    Large,
}

impl Theme {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }
}

impl Text {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Large => "large",
        }
    }
}
