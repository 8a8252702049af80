//! What a configuration accepts, where it comes from, and what its errors and its `Debug` show.

use std::time::Duration;

use cloakroom::{ConnectError, StorageConfig};

fn variable(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn message(toml: &str) -> String {
    StorageConfig::from_toml(toml).unwrap_err().to_string()
}

#[test]
fn a_url_is_enough() {
    let config = StorageConfig::from_toml("[storage]\nurl = 'memory:'").unwrap();
    assert_eq!(config, StorageConfig::new("memory:"));
    assert_eq!(config.namespace.as_str(), "cloakroom");
    assert_eq!(config.timeout, Duration::from_secs(5));
}

#[test]
fn every_key_is_read_and_other_tables_are_the_applications() {
    let text = r#"
        title = "shop"
        [storage]
        url = "memory:"
        namespace = "shop"
        timeout = "250ms"
        [storage.options]
        max_bytes = 1000000
        [mail]
        url = "smtp://mail.internal"
    "#;
    let config = StorageConfig::from_toml(text).unwrap();
    let expected = StorageConfig::new("memory:")
        .with_namespace("shop".parse().unwrap())
        .with_timeout(Duration::from_millis(250))
        .with_option("max_bytes", 1_000_000);
    assert_eq!(config, expected);
}

#[test]
fn the_environment_wins_over_the_file() {
    let file =
        "[storage]\nurl = 'disk:'\nnamespace = 'file'\ntimeout = '1s'\n[storage.options]\na = 1\nb = 1";
    let config = StorageConfig::from_toml_and_variables(
        file,
        [
            variable("CLOAKROOM_STORAGE__URL", "memory:"),
            variable("CLOAKROOM_STORAGE__TIMEOUT", "2s"),
            variable("CLOAKROOM_STORAGE__OPTIONS__B", "2"),
        ],
    )
    .unwrap();
    let expected = StorageConfig::new("memory:")
        .with_namespace("file".parse().unwrap())
        .with_timeout(Duration::from_secs(2))
        .with_option("a", 1)
        .with_option("b", 2);
    assert_eq!(config, expected);
}

#[test]
fn the_environment_is_enough_and_unrelated_variables_do_not_disturb_it() {
    let config = StorageConfig::from_toml_and_variables(
        "",
        [
            variable("CLOAKROOM_STORAGE__URL", "memory:"),
            variable("CLOAKROOM_STORAGE__NAMESPACE", "2026"),
            variable("CLOAKROOM_STORAGE__TIMEOUT", ""),
            variable("CLOAKROOM_REQUIRE_SERVICES", "1"),
            variable("CLOAKROOM_REPORT_DIR", "/tmp/reports"),
            variable("CLOAKROOM_STORAGE", "on the left"),
            variable("STORAGE__URL", "redis://elsewhere"),
        ],
    )
    .unwrap();
    assert_eq!(config.url, "memory:");
    assert_eq!(config.namespace.as_str(), "2026");
    assert_eq!(config.timeout, Duration::from_secs(5));
}

#[test]
fn an_unknown_key_is_an_error_that_lists_the_known_ones() {
    let error = message("[storage]\nurl = 'memory:'\nnamespaces = 'shop'");
    assert!(error.contains("namespaces"), "{error}");
    assert!(error.contains("`url`, `namespace`, `timeout`, `options`"), "{error}");

    let typo = [variable("CLOAKROOM_STORAGE__ULR", "memory:")];
    let error = StorageConfig::from_toml_and_variables("", typo).unwrap_err().to_string();
    assert!(error.contains("ulr") && error.contains("`url`, `namespace`, `timeout`, `options`"), "{error}");
}

#[test]
fn what_is_missing_is_named() {
    let error = message("[mail]\nurl = 'smtp:'");
    assert!(error.contains("no [storage] table and no variable CLOAKROOM_STORAGE__URL"), "{error}");
    let error = message("[storage]\nnamespace = 'shop'");
    assert!(error.contains("url"), "{error}");
}

#[test]
fn a_malformed_value_is_an_error_that_says_what_is_expected() {
    for (line, expected) in [
        ("timeout = 250", "a number and its unit"),
        ("timeout = 'soon'", "a number and its unit"),
        ("timeout = '0s'", "longer than zero"),
        ("namespace = 'a:b'", "1 to 63 characters"),
        ("namespace = ''", "1 to 63 characters"),
    ] {
        let error = message(&format!("[storage]\nurl = 'memory:'\n{line}"));
        assert!(error.contains(expected), "{line}: {error}");
    }
}

#[test]
fn no_error_shows_a_password() {
    for text in [
        "[storage]\nurl = 'redis://:hush@cache",
        "[storage]\nurl = redis://:hush@cache",
        "[storage]\nurl = 'memory:'\ntimeout = 'redis://:hush@cache'",
        "[storage]\nurl = 'memory:'\nnamespace = 'redis://:hush@cache'",
        "[storage]\nurl = ['redis://:hush@cache']",
        "[storage]\nurl = { password = 'hush' }",
        "storage = 'redis://:hush@cache'",
        "[storage]\nurl = 'memory:'\noptions = 'hush'",
        "[storage]\nurl = 'memory:'\n[storage.options]\npassword = ['hush']",
    ] {
        let error = StorageConfig::from_toml(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hush"), "{text}: {error:?}");
    }
}

#[test]
fn malformed_toml_is_an_error_that_names_the_line() {
    let error = StorageConfig::from_toml("[storage]\nurl = 'memory:'\ntimeout =").unwrap_err();
    assert!(matches!(error, ConnectError::MalformedToml { line: 3, .. }), "{error:?}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = StorageConfig::from_file("no-such-shop.toml").unwrap_err();
    assert!(matches!(error, ConnectError::UnreadableFile { .. }), "{error:?}");
    assert!(error.to_string().contains("no-such-shop.toml"), "{error}");
}

#[test]
fn a_file_is_read() {
    let path = std::env::temp_dir().join(format!("cloakroom-config-{}.toml", std::process::id()));
    std::fs::write(&path, "[storage]\nurl = 'memory:'\nnamespace = 'file'").unwrap();
    let config = StorageConfig::from_file(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(config.unwrap().namespace.as_str(), "file");
}

#[test]
fn debug_shows_scheme_and_host_only() {
    let config = StorageConfig::new("redis://shop:hush@cache.internal:6379/0?password=hush")
        .with_option("password", "hush");
    let shown = format!("{config:?}");
    assert!(shown.contains("redis://cache.internal:6379"), "{shown}");
    assert!(!shown.contains("hush"), "{shown}");
}

#[test]
fn an_option_that_a_backend_reads_as_an_enum_is_not_shown() {
    #[derive(Debug, serde::Deserialize)]
    struct Shelf {
        #[allow(dead_code, reason = "it is not well-formed")]
        material: Material,
    }
    #[derive(Debug, serde::Deserialize)]
    enum Material {
        Oak,
    }
    assert!(
        StorageConfig::new("shelf:").with_option("material", "Oak").options.read::<Shelf>("shelf").is_ok()
    );
    let config = StorageConfig::new("shelf:").with_option("material", "hush");
    let error = config.options.read::<Shelf>("shelf").unwrap_err().to_string();
    assert!(error.contains("`material`: the value is none of those that are known"), "{error}");
    assert!(!error.contains("hush"), "{error}");
}
