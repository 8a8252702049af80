//! Attack: an id is found by trying, by what the time of an answer tells, or by reading what the storage was asked.
//!
//! Ids are compared nowhere: the storage looks for the SHA-256 of one. How far it got with that says nothing of the id,
//! as whoever changes one character of an id changes all of its key.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, routing::get as route};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cloakroom_session::{IdGenerator, Session, SessionConfig};
use cloakroom_storage::{Bytes, Capabilities, Result, Storage, Swap, Touch, Touched, async_trait};
use cloakroom_storage_memory::MemoryStorage;
use sha2::{Digest, Sha256};
use tokio::time::advance;

use crate::{
    app::{App, on_paused_clock},
    browser::{Browser, get},
};

/// A storage that remembers what it was asked.
struct Witness {
    inner: MemoryStorage,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    keys: BTreeSet<String>,
    values: Vec<Vec<u8>>,
}

impl Witness {
    fn sees(&self, key: &str, values: &[Option<&[u8]>]) {
        let mut seen = self.seen.lock().unwrap();
        seen.keys.insert(key.to_owned());
        seen.values.extend(values.iter().flatten().map(|value| value.to_vec()));
    }
}

#[async_trait]
impl Storage for Witness {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        self.sees(key, &[]);
        self.inner.get(key).await
    }

    async fn set(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        self.sees(key, &[Some(&value)]);
        self.inner.set(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<()> {
        self.sees(key, &[]);
        self.inner.delete(key).await
    }

    async fn reset(&self) -> Result<()> {
        self.inner.reset().await
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        self.sees(key, &[]);
        self.inner.get_and_touch(key, touch).await
    }

    async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        self.sees(key, &[expected, new.as_deref()]);
        self.inner.compare_and_swap(key, expected, new, ttl).await
    }
}

fn key_of(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(id))
}

#[tokio::test(start_paused = true)]
async fn the_storage_is_only_ever_asked_for_the_sha_256_of_an_id_and_never_sees_one() {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let witness = Arc::new(Witness { inner: MemoryStorage::new(), seen: seen.clone() });
    let routes = Router::new()
        .route("/set", route(async |session: Session| session.set("name", "Ada")))
        .route("/again", route(async |session: Session| session.set("name", "Grace")))
        .route("/look", route(async |session: Session| session.keys().join(",")))
        .route("/regenerate", route(async |session: Session| session.regenerate()))
        .route("/reset", route(async |session: Session| session.reset().await))
        .route("/destroy", route(async |session: Session| session.destroy().await));
    let config = on_paused_clock(SessionConfig::default().renew_after(Duration::from_secs(600)));
    let app = App::with(routes, |layer| layer.config(config).storage(witness));

    let guessed = "A".repeat(43);
    let mut ids = BTreeSet::from([guessed.clone()]);
    Browser::with_id(&guessed).get(&app.router, "/look").await;
    let mut browser = Browser::new();
    for path in ["/set", "/look", "/again", "/regenerate", "/look", "/reset", "/again", "/look", "/destroy"] {
        let before = browser.id().map(str::to_owned);
        advance(Duration::from_secs(600)).await;
        browser.get(&app.router, path).await;
        ids.extend(browser.id().map(str::to_owned));
        if let Some(before) = before {
            Browser::with_id(&before).get(&app.router, "/look").await;
        }
    }
    assert!(ids.len() >= 8, "renewed, regenerated and reset: {}", ids.len());

    let seen = seen.lock().unwrap();
    let keys = ids.iter().map(|id| key_of(id)).collect::<BTreeSet<_>>();
    assert!(seen.keys.difference(&keys).next().is_none(), "no key but the hash of an id");
    assert!(seen.keys.contains(&key_of(&guessed)));
    for id in &ids {
        assert!(!seen.values.iter().any(|value| value.windows(id.len()).any(|part| part == id.as_bytes())));
        assert!(!seen.keys.contains(id));
    }
}

#[tokio::test]
async fn ids_that_differ_in_one_character_have_nothing_in_common_for_the_storage() {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let witness = Arc::new(Witness { inner: MemoryStorage::new(), seen: seen.clone() });
    let look = async |session: Session| session.keys().join(",");
    let app = App::with(Router::new().route("/look", route(look)), |layer| layer.storage(witness));
    let id = "A".repeat(43);
    for last in b'A'..=b'Z' {
        Browser::with_id(&format!("{}{}", &id[..42], char::from(last))).get(&app.router, "/look").await;
    }
    let keys = seen.lock().unwrap().keys.clone();
    assert_eq!(keys.len(), 26);
    let mut neighbours = keys.iter().zip(keys.iter().skip(1));
    let common =
        |(one, other): (&String, &String)| one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    assert!(neighbours.all(|pair| common(pair) < 6), "42 characters of the ids were the same");
}

#[tokio::test]
async fn ids_carry_256_random_bits_and_never_repeat() {
    let app = App::new(Router::new().route("/set", route(async |session: Session| session.set("n", &1))));
    let mut ids = BTreeSet::new();
    let mut ones = [0_u32; 256];
    const SESSIONS: u32 = 2_000;
    for _ in 0..SESSIONS {
        let id = get(&app.router, "/set", &[]).await.new_id().to_owned();
        let bits = URL_SAFE_NO_PAD.decode(&id).unwrap();
        assert_eq!(bits.len(), 32, "256 bits");
        for (n, ones) in ones.iter_mut().enumerate() {
            *ones += u32::from(bits[n / 8] >> (n % 8) & 1);
        }
        ids.insert(id);
    }
    assert_eq!(ids.len(), 2_000);
    // A fair bit is set in 1,000 of 2,000, give or take 22; 7 times that happens to one bit in 10^12.
    for (n, ones) in ones.into_iter().enumerate() {
        assert!(ones.abs_diff(SESSIONS / 2) < 157, "bit {n} was set {ones} times");
    }
}

#[tokio::test]
async fn the_specifications_ids_have_122_random_bits() {
    let routes = Router::new().route("/set", route(async |session: Session| session.set("n", &1)));
    let app = App::with(routes, |layer| layer.id_generator(IdGenerator::uuid_v4()));
    let id = get(&app.router, "/set", &[]).await.new_id().to_owned();
    let uuid = uuid::Uuid::parse_str(&id).unwrap();
    assert_eq!(uuid.get_version(), Some(uuid::Version::Random));
}
