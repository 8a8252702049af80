//! What the facade reads of a storage URL: its scheme, and the part that is fit for a log. The rest is the
//! backend's to read; clusters list several hosts, which no general URL parser accepts.

use crate::ConnectError;

/// The scheme of `url`, in lower case.
pub(crate) fn scheme(url: &str) -> Result<String, ConnectError> {
    let Some((scheme, _)) = url.split_once(':') else {
        return Err(ConnectError::MalformedUrl { reason: "it has no scheme; a URL begins as in `memory:`" });
    };
    check_scheme(scheme)?;
    Ok(scheme.to_ascii_lowercase())
}

/// A scheme is a letter, then letters, digits, `+`, `-` and `.` (RFC 3986, section 3.1).
pub(crate) fn check_scheme(scheme: &str) -> Result<(), ConnectError> {
    let starts_well = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    let goes_on_well = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    if starts_well && goes_on_well {
        return Ok(());
    }
    Err(ConnectError::MalformedUrl {
        reason: "its scheme is not a letter followed by letters, digits, '+', '-' and '.'",
    })
}

/// `url` with nothing in it that could be secret: scheme and host, or the scheme alone.
///
/// An unescaped `/`, `?` or `#` in a password makes it look like a path. Where an `@` follows the host, one
/// cannot tell, so the host is left out.
pub(crate) fn without_secrets(url: &str) -> String {
    let Ok(scheme) = scheme(url) else { return "…".to_owned() };
    let rest = &url[scheme.len() + 1..];
    let Some(rest) = rest.strip_prefix("//") else {
        return if rest.is_empty() { format!("{scheme}:") } else { format!("{scheme}:…") };
    };
    let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if tail.contains('@') {
        return format!("{scheme}://…");
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_is_read_in_lower_case() {
        assert_eq!(scheme("Redis+Cluster://10.0.0.1:6379,10.0.0.2:6379").unwrap(), "redis+cluster");
        for malformed in ["", "memory", ":", "1x:", "a b:", "ü:"] {
            assert!(matches!(scheme(malformed), Err(ConnectError::MalformedUrl { .. })), "{malformed}");
        }
    }

    #[test]
    fn scheme_and_hosts_are_shown_and_secrets_are_not() {
        for (url, shown) in [
            ("memory:", "memory:"),
            ("sqlite:/var/lib/sessions.db", "sqlite:…"),
            ("redis://cache.internal:6379/0?password=hush", "redis://cache.internal:6379"),
            ("redis://user:hush@cache.internal", "redis://cache.internal"),
            ("redis+cluster://u:hush@10.0.0.1:1,10.0.0.2:2", "redis+cluster://10.0.0.1:1,10.0.0.2:2"),
            ("redis://:hu/sh@cache.internal/0", "redis://…"),
            ("postgres://db/app?password=h@ush", "postgres://…"),
            ("hush", "…"),
        ] {
            assert_eq!(without_secrets(url), shown);
        }
    }
}
