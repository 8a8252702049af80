use std::{str::FromStr, time::Duration};

use http::HeaderValue;

use crate::{ConfigError, MAX_ID_BYTES};

/// The longest cookie, name and value together, that browsers must take
/// ([RFC 6265bis, section 5.6](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.6)).
const MAX_COOKIE_BYTES: usize = 4096;

/// The longest attribute value that browsers keep
/// ([RFC 6265bis, section 5.6](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.6)).
const MAX_ATTRIBUTE_BYTES: usize = 1024;

/// The longest age that browsers keep
/// ([RFC 6265bis, section 5.6.2](https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#section-5.6.2)).
pub(crate) const MAX_COOKIE_AGE: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Whether the cookie goes with requests that other sites cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SameSite {
    /// Never.
    Strict,
    /// Only with top-level navigation by a safe method. The default.
    #[default]
    Lax,
    /// Always; browsers take it only with `Secure`.
    None,
}

impl FromStr for SameSite {
    type Err = ConfigError;

    /// The value of that name in any case.
    fn from_str(name: &str) -> Result<Self, ConfigError> {
        [("strict", Self::Strict), ("lax", Self::Lax), ("none", Self::None)]
            .into_iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known))
            .map(|(_, value)| value)
            .ok_or(ConfigError::UnknownSameSite)
    }
}

/// The attributes of the session cookie. Its name is the extractor's:
/// [`Extractor::cookie`](crate::Extractor::cookie).
///
/// The default is `Path=/; Secure; HttpOnly; SameSite=Lax`, with `Max-Age`.
///
/// ```
/// use cloakroom_session::{CookieOptions, SameSite};
///
/// let strict = CookieOptions::default().same_site(SameSite::Strict).session_only(true);
/// # let _ = strict;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CookieOptions {
    domain: Option<String>,
    path: String,
    same_site: SameSite,
    secure: bool,
    http_only: bool,
    session_only: bool,
}

impl Default for CookieOptions {
    fn default() -> Self {
        Self {
            domain: None,
            path: "/".to_owned(),
            same_site: SameSite::Lax,
            secure: true,
            http_only: true,
            session_only: false,
        }
    }
}

impl CookieOptions {
    /// `Domain`: the cookie goes to this host and all below it. Left out or empty: to this host alone.
    #[must_use]
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into()).filter(|domain| !domain.is_empty());
        self
    }

    /// `Path`: the cookie goes to URLs below it. Empty means `/`.
    #[must_use]
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into()).filter(|path| !path.is_empty()).unwrap_or_else(|| "/".to_owned());
        self
    }

    /// `SameSite`.
    #[must_use]
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = same_site;
        self
    }

    /// `Secure`: the cookie goes over HTTPS only (browsers make an exception for localhost).
    #[must_use]
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// `HttpOnly`: scripts cannot read the cookie.
    #[must_use]
    pub const fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// Without an age the browser drops the cookie when it is closed. What is stored stays until it times out.
    #[must_use]
    pub const fn session_only(mut self, session_only: bool) -> Self {
        self.session_only = session_only;
        self
    }

    /// Refuses what a browser would refuse, where the developer sees it.
    pub(crate) fn check(&self, name: &str, idle_timeout: Duration) -> Result<(), ConfigError> {
        let refuse = |reason| Err(ConfigError::Cookie { name: name.to_owned(), reason });
        let begins_with =
            |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if name.is_empty() || !name.bytes().all(is_token_byte) {
            return refuse(
                "a cookie's name is 1 or more of the characters a-z A-Z 0-9 ! # $ % & ' * + - . ^ _ ` | ~",
            );
        }
        if name.len() + MAX_ID_BYTES > MAX_COOKIE_BYTES {
            return refuse("name and value together may have 4096 bytes; shorten the name");
        }
        if begins_with("__Secure-") && !self.secure {
            return refuse(
                "the prefix __Secure- needs Secure; turn it on or name the cookie without the prefix",
            );
        }
        if begins_with("__Host-") && !(self.secure && self.domain.is_none() && self.path == "/") {
            return refuse(
                "the prefix __Host- needs Secure, the path / and no domain; \
                 change that or name the cookie without the prefix",
            );
        }
        if self.same_site == SameSite::None && !self.secure {
            return refuse("SameSite=None needs Secure");
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(is_attribute_byte) {
            return refuse("the path begins with '/' and has no ';', control or non-ASCII character");
        }
        if self.path.len() > MAX_ATTRIBUTE_BYTES {
            return refuse("the path is over 1024 bytes");
        }
        if let Some(domain) = &self.domain {
            let is_host_byte = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
            if !domain.bytes().all(is_host_byte) {
                return refuse("the domain is a host name: letters, digits, '-' and '.'");
            }
            if domain.len() > MAX_ATTRIBUTE_BYTES {
                return refuse("the domain is over 1024 bytes");
            }
        }
        if !self.session_only && idle_timeout > MAX_COOKIE_AGE {
            return refuse(
                "browsers keep a cookie 400 days at most; shorten idle_timeout or use session_only",
            );
        }
        Ok(())
    }

    /// What every `Set-Cookie` of this configuration has in common.
    pub(crate) fn attributes(&self) -> CookieAttributes {
        let mut cookie = cookie::Cookie::build(("", ""))
            .path(&self.path)
            .secure(self.secure)
            .http_only(self.http_only)
            .same_site(match self.same_site {
                SameSite::Strict => cookie::SameSite::Strict,
                SameSite::Lax => cookie::SameSite::Lax,
                SameSite::None => cookie::SameSite::None,
            });
        if let Some(domain) = &self.domain {
            cookie = cookie.domain(domain);
        }
        let nameless = cookie.build().to_string();
        let text = nameless.trim_start_matches('=').to_owned();
        CookieAttributes { text, session_only: self.session_only }
    }
}

/// The attributes as text, written once and not for every response.
pub(crate) struct CookieAttributes {
    text: String,
    session_only: bool,
}

impl CookieAttributes {
    /// The `Set-Cookie` that carries an id for `age`.
    pub(crate) fn carry(&self, name: &str, id: &str, age: Duration) -> Option<HeaderValue> {
        // An age of 0 would mean "expired"; the cookie never outlives the session by more than this second.
        let seconds = age.min(MAX_COOKIE_AGE).as_secs().max(1);
        self.header(name, id, (!self.session_only).then_some(seconds))
    }

    /// The `Set-Cookie` that makes the browser drop the cookie: the same attributes, no value, age 0.
    pub(crate) fn expire(&self, name: &str) -> Option<HeaderValue> {
        self.header(name, "", Some(0))
    }

    fn header(&self, name: &str, value: &str, max_age: Option<u64>) -> Option<HeaderValue> {
        let mut cookie = [name, "=", value, &self.text].concat();
        if let Some(seconds) = max_age {
            cookie.push_str("; Max-Age=");
            cookie.push_str(&seconds.to_string());
        }
        // Name and attributes were checked when built, the value when it was made.
        HeaderValue::try_from(cookie).ok()
    }
}

/// [RFC 9110, section 5.6.2](https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2), `tchar`.
const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

const fn is_attribute_byte(byte: u8) -> bool {
    matches!(byte, 0x20..=0x3a | 0x3c..=0x7e)
}
