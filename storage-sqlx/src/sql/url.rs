use cloakroom_storage::Result;

use crate::sql::{engine::Engine, error::misconfigured};

/// Refuses options after the `?` of a URL that the driver does not know. It leaves them out otherwise, so that a typing
/// error in `ssl-mode` goes unnoticed, or logs them with their values.
pub(crate) fn check_options<DB: Engine>(url: &str, known: &[&str]) -> Result<()> {
    let is_known = |name: &str| {
        name.is_empty()
            || known.contains(&name)
            || (known.contains(&"options") && name.starts_with("options["))
    };
    let Some((unknown, _)) = options(url).find(|(name, _)| !is_known(name)) else { return Ok(()) };
    // After a `?` in a password, its rest looks like a name, and has an `@` behind it.
    let is_a_name = unknown.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let shown = if is_a_name { format!("`{unknown}`") } else { "one of them".to_owned() };
    Err(misconfigured::<DB>(format!(
        "the URL has options that are not known: {shown}; known are {}. A `?` in a password is written %3F",
        known.join(", ")
    )))
}

/// Whether the URL says, as it would be said to sqlx, that no statement is to be prepared.
#[cfg(any(feature = "mysql", feature = "postgres"))]
pub(crate) fn prepares_nothing(url: &str) -> bool {
    options(url).any(|(name, value)| name == "statement-cache-capacity" && value.parse() == Ok(0_u32))
}

/// Names and values after the `?`, as they are written.
fn options(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let query = query.split_once('#').map_or(query, |(query, _)| query);
    query.split('&').map(|option| option.split_once('=').unwrap_or((option, "")))
}
