//! Configurations and URLs that are wrong in ways that nobody thought of: each is read or refused, and no error and no
//! `Debug` shows the password in it.
//!
//! An input is a line that says what the password is put into, and the parts around it, as each function says.

#![no_main]

use std::{fmt, num::NonZeroU64, path::PathBuf, sync::Arc};

use cloakroom::{Backends, ErrorKind, Storage, StorageConfig, StorageError, storage::Operation};
use cloakroom_fuzz::now;
use libfuzzer_sys::{Corpus, fuzz_target};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

/// The URLs of Redis are read by code of our own, which stands alone.
#[allow(dead_code)]
#[path = "../../storage-redis/src/url.rs"]
mod redis_url;

const PASSWORD: &str = "hush5e3r3t";

fuzz_target!(|input: &[u8]| -> Corpus {
    let text = std::str::from_utf8(input).ok().filter(|text| !text.to_ascii_lowercase().contains(PASSWORD));
    let parts = text.and_then(|text| text.split_once('\n'));
    let was_one = match parts {
        Some(("toml", parts)) => toml(parts),
        Some(("url", parts)) => url(parts),
        Some(("option", parts)) => option(parts),
        Some(("redis", parts)) => redis(parts),
        _ => None,
    };
    if was_one.is_some() { Corpus::Keep } else { Corpus::Reject }
});

/// The key, what is before and after the password in its value, the name of a variable, and the rest of the file.
fn toml(parts: &str) -> Option<()> {
    let [key, before, after, variable, rest] = lines(parts)?;
    // What is quoted is a value, however the rest of the file goes on. A key is no secret.
    if [key, before, after].iter().any(|part| part.contains(['"', '\'', '\r', '\\'])) {
        return None;
    }
    let value = format!("{before}{PASSWORD}{after}");
    let variable = [(format!("CLOAKROOM_STORAGE__{variable}"), value.clone())];
    let (head, tail) = rest.split_once("\n\n").unwrap_or((rest, ""));
    let text = format!("{head}\n{key} = \"{value}\"\n{tail}");
    for read in [
        StorageConfig::from_toml(&text),
        StorageConfig::from_toml_and_variables(&text, variable.clone()),
        StorageConfig::from_toml_and_variables(rest, variable.clone()),
        // Without the quotes that it needs.
        StorageConfig::from_toml(&format!("[storage]\nurl = {value}")),
    ] {
        match read {
            Err(error) => error_hides_the_password(&error),
            // The host of a URL and the namespace are shown, and no place for a password.
            Ok(config) if config.url.contains(PASSWORD) || config.namespace.as_str().contains(PASSWORD) => {}
            Ok(config) => hides_the_password(&config),
        }
    }
    Some(())
}

/// Scheme, user, what follows in the password, and what comes after it.
fn url(parts: &str) -> Option<()> {
    let [scheme, user, more, rest] = lines(parts)?;
    for url in [
        format!("{scheme}://{user}:{PASSWORD}{more}@{rest}"),
        format!("{scheme}://{user}:{more}{PASSWORD}@{rest}"),
        format!("{scheme}://{user}?{more}={PASSWORD}"),
    ] {
        let config = StorageConfig::new(url.clone());
        hides_the_password(&config);
        if let Err(error) = now(backends().open(&config)) {
            error_hides_the_password(&error);
        }
        if let Ok(location) = redis_url::parse(&url) {
            let redis_url::Credentials { password, sentinel_password, .. } = location.credentials;
            let is_read = |text: Option<String>| text.is_some_and(|text| text.contains(PASSWORD));
            let is_sentinels = is_read(sentinel_password);
            let is_option = url.contains(&format!("={PASSWORD}"));
            assert!(
                is_read(password) || is_sentinels || is_option,
                "a part of the password is taken for another"
            );
        }
    }
    Some(())
}

/// The name of an option, and what is before and after the password in its value.
fn option(parts: &str) -> Option<()> {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "read by serde")]
    struct Options {
        text: Option<String>,
        path: Option<PathBuf>,
        switch: Option<bool>,
        number: Option<u32>,
        bytes: Option<NonZeroU64>,
        fraction: Option<f64>,
        level: Option<Level>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Level {
        Normal,
        Full,
    }

    let [name, before, after] = lines(parts)?;
    let config = StorageConfig::new("shelf:").with_option(name, format!("{before}{PASSWORD}{after}"));
    hides_the_password(&config);
    match config.options.read::<Options>("shelf") {
        Ok(_) => assert!(matches!(name, "text" | "path"), "{name}"),
        Err(error) => error_hides_the_password(&error),
    }
    let config = StorageConfig::new("shelf:").with_option(name, before);
    let _ = config.options.read::<Options>("shelf");
    Some(())
}

/// User, password, and what follows the host. Percent-encoded, the first two are read as what they were.
fn redis(parts: &str) -> Option<()> {
    let [user, password, rest] = lines(parts)?;
    // What is no URL of ours is refused and nothing else.
    let _ = redis_url::parse(parts);
    if rest.contains('@') {
        return None;
    }
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let url = format!("redis://{}:{}@host{rest}", encoded(user), encoded(password));
    if let Ok(location) = redis_url::parse(&url) {
        let present = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        assert_eq!(location.credentials.username, present(user));
        assert_eq!(location.credentials.password, present(password));
        let redis_url::Place::Server(host) = location.place else { panic!("one server") };
        assert!(host.name.starts_with("host"));
    }
    Some(())
}

/// So many lines; the last may have further ones.
fn lines<const N: usize>(text: &str) -> Option<[&str; N]> {
    text.splitn(N, '\n').collect::<Vec<_>>().try_into().ok()
}

fn error_hides_the_password(error: &impl std::error::Error) {
    let sources = std::iter::successors(error.source(), |error| error.source());
    let text = sources.fold(format!("{error}"), |text, source| format!("{text} {source}"));
    assert!(!text.to_ascii_lowercase().contains(PASSWORD), "{text:?}");
    hides_the_password(error);
}

fn hides_the_password(shown: &impl fmt::Debug) {
    let text = format!("{shown:?} {shown:#?}");
    assert!(!text.to_ascii_lowercase().contains(PASSWORD), "{text:?}");
}

/// A backend that tells what it is asked for as an error would.
fn backends() -> Backends {
    async fn shelf(config: StorageConfig) -> Result<Arc<dyn Storage>, StorageError> {
        let error = StorageError::new(ErrorKind::Unavailable, "shelf", Operation::Open);
        Err(error.with_detail(format!("{config:?}")))
    }
    Backends::new().register("shelf", shelf).unwrap()
}
