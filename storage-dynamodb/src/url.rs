//! `dynamodb:TABLE?region=eu-west-1&endpoint=http://127.0.0.1:8000`.

use cloakroom_storage::Result;
use percent_encoding::percent_decode_str;

use crate::{
    error::misconfigured,
    options::{AccessKey, Options},
};

const FORM: &str = "a URL looks like `dynamodb:sessions?region=eu-west-1`";

/// The table's name or ARN, and the options.
pub(crate) fn parse(url: &str) -> Result<(String, Options)> {
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("dynamodb") {
        return Err(misconfigured(format!("the URL's scheme is not `dynamodb:`; {FORM}")));
    }
    let (table, query) = rest.split_once('?').unwrap_or((rest, ""));
    if table.starts_with("//") {
        return Err(misconfigured(format!(
            "the table follows `dynamodb:` without `//`, and a server is the option `endpoint`; {FORM}"
        )));
    }
    check_table(table)?;
    Ok((table.to_owned(), options(query)?))
}

/// A table's name has 3 to 255 characters of `a-z A-Z 0-9 _ - .`; an ARN has `:` and `/` as well.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html>
fn check_table(table: &str) -> Result<()> {
    let is_arn = table.starts_with("arn:");
    let well_formed = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'-' | b'.')
            || is_arn && matches!(byte, b':' | b'/')
    };
    let longest = if is_arn { 1_024 } else { 255 };
    if (3..=longest).contains(&table.len()) && table.bytes().all(well_formed) {
        return Ok(());
    }
    Err(misconfigured(format!(
        "a table's name has 3 to 255 characters of a-z, A-Z, 0-9, '_', '-' and '.'; {FORM}"
    )))
}

fn options(query: &str) -> Result<Options> {
    let mut options = Options::default();
    let (mut id, mut secret) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        // Not as a form: a `+` is a `+`, as secret keys have them.
        let value = percent_decode_str(value).decode_utf8().ok().filter(|value| !value.is_empty());
        let Some(value) = value.map(std::borrow::Cow::into_owned) else {
            return Err(misconfigured("an option of the URL has no value, or one that is not UTF-8"));
        };
        match name {
            "region" => options.region = Some(value),
            "endpoint" => options.endpoint = Some(value),
            "profile" => options.profile = Some(value),
            "access_key_id" => id = Some(value),
            "secret_access_key" => secret = Some(value),
            "create_table" => options.create_table = Some(truth(&value)?),
            // The name may be a part of a secret whose `&` was not escaped.
            _ => {
                return Err(misconfigured(
                    "the URL has an unknown option; the known ones are `region`, `endpoint`, `profile`, \
                     `access_key_id`, `secret_access_key` and `create_table`",
                ));
            }
        }
    }
    options.access_key = match (id, secret) {
        (Some(id), Some(secret)) => Some(AccessKey { id, secret }),
        (None, None) => None,
        _ => {
            return Err(misconfigured(
                "`access_key_id` and `secret_access_key` go together; name both or none",
            ));
        }
    };
    Ok(options)
}

fn truth(value: &str) -> Result<bool> {
    value.parse().map_err(|_| misconfigured("`create_table` is `true` or `false`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(url: &str) -> String {
        parse(url).unwrap_err().to_string()
    }

    #[test]
    fn a_url_is_a_table_and_options() {
        let (table, options) = parse(
            "DynamoDB:my.sessions?region=local&endpoint=http://127.0.0.1:8000/&profile=a%20b\
             &access_key_id=AKIA&secret_access_key=a+b/c%26&create_table=false",
        )
        .unwrap();
        assert_eq!(table, "my.sessions");
        assert_eq!(options.region.as_deref(), Some("local"));
        assert_eq!(options.endpoint.as_deref(), Some("http://127.0.0.1:8000/"));
        assert_eq!(options.profile.as_deref(), Some("a b"));
        assert_eq!(options.access_key, Some(AccessKey { id: "AKIA".into(), secret: "a+b/c&".into() }));
        assert_eq!(options.create_table, Some(false));
        assert_eq!(parse("dynamodb:sessions").unwrap(), ("sessions".to_owned(), Options::default()));
        let arn = "arn:aws:dynamodb:eu-west-1:123456789012:table/sessions";
        assert_eq!(parse(&format!("dynamodb:{arn}")).unwrap().0, arn);
    }

    #[test]
    fn another_scheme_a_host_a_bad_name_or_option_is_refused_with_the_cure() {
        assert!(refusal("redis:sessions").contains("scheme"));
        assert!(refusal("sessions").contains("scheme"));
        assert!(refusal("dynamodb://sessions").contains("without `//`"));
        for table in ["", "ab", "a b c", "a:b:c", "a/b", &"t".repeat(256)] {
            assert!(refusal(&format!("dynamodb:{table}")).contains("3 to 255 characters"), "{table}");
        }
        assert!(refusal("dynamodb:sessions?regoin=x").contains("`region`, `endpoint`"));
        assert!(refusal("dynamodb:sessions?region=").contains("no value"));
        assert!(refusal("dynamodb:sessions?create_table=yes").contains("`true` or `false`"));
    }

    #[test]
    fn no_refusal_shows_a_secret() {
        for url in [
            "dynamodb:sessions?secret_access_key=hush",
            "dynamodb:sessions?access_key_id=a&secret_access_key=a&hush=b",
            "dynamodb://id:hush@host/sessions",
            "hush",
        ] {
            assert!(!refusal(url).contains("hush"), "{url}");
        }
    }
}
