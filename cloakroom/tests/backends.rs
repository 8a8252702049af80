//! How a URL finds its backend, and what a third-party backend gets.

use std::{sync::Arc, time::Duration};

use cloakroom::{
    Backends, ConnectError, ErrorKind, Storage, StorageConfig, StorageError,
    storage::{Bytes, Operation, Result as StorageResult, async_trait},
};

/// A backend that answers with the configuration it was opened with, and never answers a `delete`.
struct Echo(StorageConfig);

#[async_trait]
impl Storage for Echo {
    async fn get(&self, _: &str) -> StorageResult<Option<Bytes>> {
        Ok(Some(Bytes::from(format!("{} {}", self.0.url, self.0.namespace))))
    }

    async fn set(&self, _: &str, _: Bytes, _: Option<Duration>) -> StorageResult<()> {
        Ok(())
    }

    async fn delete(&self, _: &str) -> StorageResult<()> {
        std::future::pending().await
    }

    async fn reset(&self) -> StorageResult<()> {
        Ok(())
    }
}

async fn echo(config: StorageConfig) -> StorageResult<Arc<dyn Storage>> {
    Ok(Arc::new(Echo(config)))
}

fn backends() -> Backends {
    Backends::new().register("Echo", echo).unwrap()
}

#[tokio::test]
async fn a_registered_backend_is_opened_by_its_scheme_with_its_configuration() {
    let config = StorageConfig::new("ECHO://shelf").with_namespace("shop".parse().unwrap());
    let storage = backends().open(&config).await.unwrap();
    assert_eq!(storage.get("k").await.unwrap().unwrap(), "ECHO://shelf shop");
}

#[tokio::test]
async fn a_closure_registers_too() {
    let backends =
        Backends::new().register("echo", async |config| Ok(Arc::new(Echo(config)) as Arc<dyn Storage>));
    let storage = backends.unwrap().connect("echo:").await.unwrap();
    assert_eq!(storage.get("k").await.unwrap().unwrap(), "echo: cloakroom");
}

#[tokio::test]
async fn a_timeout_bounds_every_operation() {
    let config = StorageConfig::new("echo:").with_timeout(Duration::from_millis(5));
    let storage = backends().open(&config).await.unwrap();
    assert_eq!(storage.delete("k").await.unwrap_err().kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn an_unknown_scheme_is_an_error_that_lists_the_known_ones() {
    let Err(error) = backends().connect("carrier-pigeon://coop").await else { panic!("no such backend") };
    let text = error.to_string();
    let ConnectError::UnknownScheme { scheme, known } = error else { panic!("{text}") };
    assert_eq!(scheme, "carrier-pigeon");
    assert!(known.is_sorted(), "{known:?}");
    for scheme in ["dynamodb", "echo", "memory", "mongodb", "mysql", "postgres", "redis+cluster", "sqlite"] {
        assert!(known.iter().any(|known| known == scheme), "{scheme}: {known:?}");
    }
    assert!(text.contains("dynamodb, echo, mariadb, memory, "), "{text}");
}

/// The continuous integration runs this with no feature on.
#[tokio::test]
async fn a_scheme_that_is_not_compiled_in_names_its_feature() {
    for (url, feature, is_on) in [
        ("dynamodb:sessions", "dynamodb", cfg!(feature = "dynamodb")),
        ("mariadb://db/shop", "mysql", cfg!(feature = "mysql")),
        ("memory:", "memory", cfg!(feature = "memory")),
        ("mongodb+srv://db/shop", "mongodb", cfg!(feature = "mongodb")),
        ("POSTGRES://db/shop", "postgres", cfg!(feature = "postgres")),
        ("redis+sentinel://cache", "redis", cfg!(feature = "redis")),
        ("sqlite:sessions.db", "sqlite", cfg!(feature = "sqlite")),
    ] {
        if is_on {
            continue;
        }
        let Err(error) = cloakroom::connect(url).await else { panic!("{url}: the feature is off") };
        let ConnectError::FeatureOff { scheme, feature: named } = &error else { panic!("{error:?}") };
        assert!(url.to_ascii_lowercase().starts_with(&format!("{scheme}:")), "{url}: {error}");
        assert_eq!(*named, feature);
        assert!(error.to_string().contains(&format!("needs the feature `{feature}`")), "{error}");
    }
}

#[test]
fn a_scheme_is_registered_once() {
    let error = backends().register("ECHO", echo).unwrap_err();
    assert!(matches!(error, ConnectError::AlreadyRegistered { scheme } if scheme == "echo"));
}

#[test]
fn a_scheme_that_no_url_can_have_is_refused() {
    for scheme in ["", "e cho", "1echo", "echo:"] {
        let error = Backends::new().register(scheme, echo).unwrap_err();
        assert!(matches!(error, ConnectError::MalformedUrl { .. }), "{scheme}");
    }
}

#[tokio::test]
async fn a_malformed_url_is_an_error_that_does_not_show_it() {
    for url in ["", "hush", "hush@cache:6379", "://hush"] {
        let Err(error) = backends().connect(url).await else { panic!("{url}") };
        assert!(matches!(error, ConnectError::MalformedUrl { .. }), "{url}: {error:?}");
        assert!(!error.to_string().contains("hush"), "{error}");
    }
}

#[tokio::test]
async fn what_a_backend_says_is_passed_on() {
    let broken = async |_| {
        let error = StorageError::new(ErrorKind::Misconfigured, "broken", Operation::Open);
        Err(error.with_detail("the shelf is wet; dry it"))
    };
    let backends = Backends::new().register("broken", broken).unwrap();
    let Err(error) = backends.connect("broken:").await else { panic!("it cannot be opened") };
    assert!(matches!(error, ConnectError::Storage(_)));
    assert_eq!(error.to_string(), "broken: open: misconfigured: the shelf is wet; dry it");
}
