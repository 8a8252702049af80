use cloakroom_storage::Result;

use crate::sql::{engine::Engine, error::misconfigured};

/// Refuses options after the `?` of a URL that the driver does not know. It leaves them out otherwise, so that a typing
/// error in `ssl-mode` goes unnoticed, or logs them with their values.
pub(crate) fn check_options<DB: Engine>(url: &str, known: &[&str]) -> Result<()> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    let names = query.split('&').map(|option| option.split_once('=').map_or(option, |(name, _)| name));
    let is_known = |name: &str| {
        name.is_empty()
            || known.contains(&name)
            || (known.contains(&"options") && name.starts_with("options["))
    };
    let Some(unknown) = names.into_iter().find(|name| !is_known(name)) else { return Ok(()) };
    // After a `?` in a password, its rest looks like a name, and has an `@` behind it.
    let is_a_name = unknown.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let shown = if is_a_name { format!("`{unknown}`") } else { "one of them".to_owned() };
    Err(misconfigured::<DB>(format!(
        "the URL has options that are not known: {shown}; known are {}. A `?` in a password is written %3F",
        known.join(", ")
    )))
}
