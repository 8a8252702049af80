//! The `Encrypted` layer: nothing readable is stored, nothing forged is returned, keys can be changed.

mod map;

use std::sync::Arc;

use cloakroom_storage::{
    Bytes, Counted, Encrypted, EncryptionKey, ErrorKind, KeyRing, Storage, StorageExt, Swap, count_operations,
};
use map::MapStorage;

fn key(number: u32) -> EncryptionKey {
    EncryptionKey::new(number, &[u8::try_from(number).unwrap(); EncryptionKey::SECRET_BYTES])
}

fn encrypted(inner: &Arc<MapStorage>, ring: KeyRing, namespace: &str) -> impl Storage + use<> {
    inner.clone().layer(Encrypted::new(ring, namespace.parse().unwrap()))
}

fn ring(number: u32) -> KeyRing {
    KeyRing::new(key(number))
}

async fn kind(storage: &impl Storage, key: &str) -> ErrorKind {
    storage.get(key).await.unwrap_err().kind()
}

const COAT: &[u8] = b"a red coat with a torn lining";

#[tokio::test]
async fn what_is_stored_shows_nothing_of_the_value() {
    let inner = Arc::new(MapStorage::default());
    let storage = encrypted(&inner, ring(1), "shop");
    storage.set("hook", COAT.into(), None).await.unwrap();
    assert_eq!(storage.get("hook").await.unwrap().unwrap(), COAT);
    let stored = inner.get("hook").await.unwrap().unwrap();
    assert!(!stored.windows(4).any(|part| COAT.windows(4).any(|plain| plain == part)));
    storage.set("peg", COAT.into(), None).await.unwrap();
    assert_ne!(inner.get("peg").await.unwrap().unwrap()[5..], stored[5..], "the same value, another key");
}

#[tokio::test]
async fn a_value_that_was_changed_in_any_bit_or_cut_is_corrupt() {
    let inner = Arc::new(MapStorage::default());
    let storage = encrypted(&inner, ring(1), "shop");
    storage.set("hook", COAT.into(), None).await.unwrap();
    let whole = inner.get("hook").await.unwrap().unwrap();
    for bit in 0..whole.len() * 8 {
        let mut changed = whole.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        inner.set("hook", changed.into(), None).await.unwrap();
        // In the key's number, it names a key that nobody has.
        let expected = if (8..40).contains(&bit) { ErrorKind::Misconfigured } else { ErrorKind::Corrupt };
        assert_eq!(kind(&storage, "hook").await, expected, "bit {bit}");
    }
    for length in 0..whole.len() {
        inner.set("hook", whole.slice(..length), None).await.unwrap();
        assert_eq!(kind(&storage, "hook").await, ErrorKind::Corrupt, "{length} bytes");
    }
}

#[tokio::test]
async fn plain_text_is_never_returned() {
    let inner = Arc::new(MapStorage::default());
    let storage = encrypted(&inner, ring(1), "shop");
    for plain in [&b""[..], b"\x01", b"{}", COAT] {
        inner.set("hook", Bytes::copy_from_slice(plain), None).await.unwrap();
        assert_eq!(kind(&storage, "hook").await, ErrorKind::Corrupt);
        let swap = storage.compare_and_swap("hook", Some(plain), Some(COAT.into()), None).await;
        assert_eq!(swap.unwrap_err().kind(), ErrorKind::Corrupt);
        assert_eq!(inner.get("hook").await.unwrap().unwrap(), plain, "it is kept");
    }
}

#[tokio::test]
async fn a_value_that_was_moved_to_another_key_or_namespace_is_corrupt() {
    let inner = Arc::new(MapStorage::default());
    let (shop, forum) = (encrypted(&inner, ring(1), "shop"), encrypted(&inner, ring(1), "forum"));
    shop.set("ada", COAT.into(), None).await.unwrap();
    inner.set("eve", inner.get("ada").await.unwrap().unwrap(), None).await.unwrap();
    assert_eq!(kind(&shop, "eve").await, ErrorKind::Corrupt);
    assert_eq!(kind(&forum, "ada").await, ErrorKind::Corrupt);
    assert_eq!(shop.get("ada").await.unwrap().unwrap(), COAT);
}

#[tokio::test]
async fn after_a_rotation_old_values_are_read_and_new_ones_need_no_old_key() {
    let inner = Arc::new(MapStorage::default());
    encrypted(&inner, ring(1), "shop").set("old", COAT.into(), None).await.unwrap();
    let rotated = encrypted(&inner, ring(2).with_older(key(1)).unwrap(), "shop");
    assert_eq!(rotated.get("old").await.unwrap().unwrap(), COAT);
    rotated.set("new", COAT.into(), None).await.unwrap();

    let without_old = encrypted(&inner, ring(2), "shop");
    assert_eq!(without_old.get("new").await.unwrap().unwrap(), COAT);
    let error = without_old.get("old").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("key number 1"), "{error}");
}

#[tokio::test]
async fn a_node_that_knows_the_next_key_reads_what_others_write_with_it() {
    let inner = Arc::new(MapStorage::default());
    let prepared = encrypted(&inner, ring(1).with_older(key(2)).unwrap(), "shop");
    encrypted(&inner, ring(2), "shop").set("hook", COAT.into(), None).await.unwrap();
    assert_eq!(prepared.get("hook").await.unwrap().unwrap(), COAT);
}

#[tokio::test]
async fn a_swap_is_one_operation_and_one_more_over_an_older_key() {
    let inner = Arc::new(MapStorage::default());
    let ring = ring(2).with_older(key(1)).unwrap();
    let storage = inner.clone().layer(Counted::new()).layer(Encrypted::new(ring, "shop".parse().unwrap()));
    storage.set("hook", "one".into(), None).await.unwrap();
    let swap = storage.compare_and_swap("hook", Some(b"one"), Some("two".into()), None);
    let (swapped, counts) = count_operations(swap).await;
    assert_eq!((swapped.unwrap(), counts.total()), (Swap::Swapped, 1));
    let swap = storage.compare_and_swap("hook", Some(b"one"), Some("three".into()), None);
    let (refused, counts) = count_operations(swap).await;
    assert_eq!((refused.unwrap(), counts.total()), (Swap::Conflict { current: Some("two".into()) }, 1));

    encrypted(&inner, self::ring(1), "shop").set("hook", "old".into(), None).await.unwrap();
    let swap = storage.compare_and_swap("hook", Some(b"old"), Some("new".into()), None);
    let (swapped, counts) = count_operations(swap).await;
    assert_eq!((swapped.unwrap(), counts.total()), (Swap::Swapped, 2));
    assert_eq!(storage.get("hook").await.unwrap().unwrap(), "new");
}

#[test]
fn two_keys_of_one_number_are_refused() {
    let error = ring(7).with_older(key(7)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Misconfigured);
    assert!(error.to_string().contains("number 7"), "{error}");
}

#[test]
fn debug_shows_no_secret() {
    let secret = [0xab; EncryptionKey::SECRET_BYTES];
    let shown = format!(
        "{:?}",
        Encrypted::new(KeyRing::new(EncryptionKey::new(1, &secret)), "shop".parse().unwrap())
    );
    assert!(shown.contains("number: 1"), "{shown}");
    assert!(!shown.contains("171") && !shown.to_lowercase().contains("ab, ab"), "{shown}");
}
