//! `register_type`, typed keys, and what is read as what.

use std::borrow::Cow;

use axum::{Router, routing::get as route};
use cloakroom_session::{Codec, Key, Session, SessionConfig, SessionError, Store};
use cloakroom_storage_memory::MemoryStorage;
use http::Request;
use serde::{Deserialize, Serialize};

use crate::{app::App, browser::Browser};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Cart {
    items: Vec<(String, u32)>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Profile {
    name: String,
}

const CART: Key<Cart> = Key::new("cart");

async fn session_in(store: &Store) -> Session {
    let (parts, ()) = Request::new(()).into_parts();
    store.load(&parts).await.unwrap()
}

fn store(config: SessionConfig) -> Store {
    Store::with_config(std::sync::Arc::new(MemoryStorage::new()), config).unwrap()
}

#[tokio::test]
async fn a_registered_type_goes_through_a_typed_key_and_http() {
    let put = async |session: Session| session.set(CART, &Cart { items: vec![("hat".to_owned(), 2)] });
    let take = async |session: Session| format!("{:?}", session.get(CART).unwrap());
    let app = App::new(Router::new().route("/put", route(put)).route("/take", route(take)));
    app.store.register_type::<Cart>("cart").unwrap();
    let mut browser = Browser::new();
    browser.get(&app.router, "/put").await;
    assert_eq!(browser.get(&app.router, "/take").await.body, "Some(Cart { items: [(\"hat\", 2)] })");
}

#[tokio::test]
async fn a_value_read_as_another_type_is_a_mismatch_never_garbage() {
    let store = store(SessionConfig::default());
    store.register_type::<Cart>("cart").unwrap();
    let session = session_in(&store).await;
    session.set("n", &1_u64).unwrap();
    session.set(CART, &Cart { items: Vec::new() }).unwrap();
    session.set("profile", &Profile { name: "Ada".to_owned() }).unwrap();

    let mismatch = |result: Result<(), SessionError>| match result.unwrap_err() {
        SessionError::TypeMismatch { expected, found } => (expected, found),
        other => panic!("{other:?}"),
    };
    let named = |expected, found| (Cow::Borrowed(expected), Cow::Borrowed(found));
    let unregistered = "a value of an unregistered type";
    assert_eq!(mismatch(session.get::<i64>("n").map(drop)), named("i64", "u64"));
    assert_eq!(mismatch(session.get::<String>("n").map(drop)), named("string", "u64"));
    assert_eq!(mismatch(session.get::<u64>("cart").map(drop)), named("u64", "cart"));
    assert_eq!(mismatch(session.get::<Profile>("cart").map(drop)), named(unregistered, "cart"));
    assert_eq!(mismatch(session.get::<Cart>("profile").map(drop)), named("cart", unregistered));
    assert_eq!(session.get::<u64>("n").unwrap(), Some(1), "the value is unharmed");
}

#[tokio::test]
async fn primitives_strings_and_bytes_come_back_as_they_were() {
    let session = session_in(&store(SessionConfig::default())).await;
    macro_rules! same {
        ($($value:expr => $type:ty),* $(,)?) => {$(
            session.set("k", &$value).unwrap();
            assert_eq!(session.get::<$type>("k").unwrap(), Some($value));
        )*};
    }
    same! {
        true => bool, 'ß' => char, -1_i8 => i8, i16::MIN => i16, -3_i32 => i32, i64::MIN => i64, i128::MIN => i128,
        u8::MAX => u8, u16::MAX => u16, u32::MAX => u32, u64::MAX => u64, u128::MAX => u128,
        1.5_f32 => f32, f64::MIN_POSITIVE => f64, "text".to_owned() => String, vec![0_u8, 255] => Vec<u8>,
    }
    session.set("k", "a literal").unwrap();
    assert_eq!(session.get::<String>("k").unwrap().as_deref(), Some("a literal"));
    session.set("k", &[1_u8, 2][..]).unwrap();
    assert_eq!(session.get::<Vec<u8>>("k").unwrap(), Some(vec![1, 2]));
}

#[test]
fn a_type_name_belongs_to_one_type_and_a_type_has_one_name() {
    let store = store(SessionConfig::default());
    store.register_type::<Cart>("cart").unwrap();
    store.register_type::<Cart>("cart").expect("the same again is fine");
    for refused in [
        store.register_type::<Profile>("cart"),
        store.register_type::<Cart>("basket"),
        store.register_type::<Profile>("u64"),
        store.register_type::<u64>("number"),
        store.register_type::<Profile>(""),
    ] {
        assert!(matches!(refused, Err(SessionError::TypeNameTaken { .. })));
    }
}

#[tokio::test]
async fn a_type_that_has_changed_since_is_a_decode_error() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Before(u8);
    #[derive(Debug, Serialize, Deserialize)]
    struct After(u8, String);
    let session = session_in(&store(SessionConfig::default())).await;
    session.set("k", &Before(1)).unwrap();
    assert!(matches!(session.get::<After>("k"), Err(SessionError::Decode { codec: Codec::Postcard })));
    session.set("k", &After(1, "x".to_owned())).unwrap();
    assert!(matches!(session.get::<Before>("k"), Err(SessionError::Decode { .. })), "bytes are left over");
}

#[tokio::test]
async fn a_value_that_does_not_encode_is_an_error_and_changes_nothing() {
    struct Stubborn;
    impl Serialize for Stubborn {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("a secret"))
        }
    }
    let session = session_in(&store(SessionConfig::default())).await;
    let error = session.set("k", &Stubborn).unwrap_err();
    assert!(matches!(error, SessionError::Encode { .. }) && !format!("{error:?}").contains("secret"));
    assert!(session.keys().is_empty());
}

#[cfg(all(feature = "json", feature = "messagepack"))]
#[tokio::test]
async fn each_value_remembers_its_codec() {
    let storage: std::sync::Arc<dyn cloakroom_storage::Storage> = std::sync::Arc::new(MemoryStorage::new());
    let with = |codec| Store::with_config(storage.clone(), SessionConfig::default().codec(codec)).unwrap();
    let session = session_in(&with(Codec::Postcard)).await;
    session.set("postcard", &Profile { name: "P".to_owned() }).unwrap();
    session.save().await.unwrap();
    for (codec, key) in [(Codec::Json, "json"), (Codec::MessagePack, "messagepack")] {
        let later = with(codec).load_by_id(session.id().as_str()).await.unwrap();
        later.set(key, &Profile { name: key.to_owned() }).unwrap();
        later.save().await.unwrap();
    }
    let last = with(Codec::Postcard).load_by_id(session.id().as_str()).await.unwrap();
    for (key, name) in [("postcard", "P"), ("json", "json"), ("messagepack", "messagepack")] {
        assert_eq!(last.get::<Profile>(key).unwrap(), Some(Profile { name: name.to_owned() }), "{key}");
    }
}
