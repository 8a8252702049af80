//! Encrypted values that somebody has changed, cut, moved to another key or namespace, or made up: none is taken for
//! one that was encrypted, and one that was left alone is.
//!
//! An input is three bytes (what is done, where, how long the patch is), the patch, and the value.

#![no_main]

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use cloakroom::{
    ErrorKind, Namespace, Storage, StorageExt,
    storage::{Encrypted, EncryptionKey, KeyRing, Swap, Touch},
};
use cloakroom_fuzz::{Shelf, now};
use libfuzzer_sys::{Corpus, fuzz_target};

const KEY: &str = "key";

fuzz_target!(|input: &[u8]| -> Corpus {
    let &[choices, place, length, ref rest @ ..] = input else { return Corpus::Reject };
    let Some((patch, value)) = rest.split_at_checked(length.into()) else { return Corpus::Reject };
    let chosen = |bit: u8| choices & 1 << bit != 0;

    let (is_rotated, is_moved, is_elsewhere, lacks_the_key) = (chosen(0), chosen(1), chosen(2), chosen(3));
    let sealed = seal(first(), "shop", KEY, value);
    let found = if chosen(4) {
        Bytes::copy_from_slice(patch)
    } else if chosen(5) {
        sealed.slice(..sealed.len().min(place.into()))
    } else if chosen(6) {
        [&sealed, patch].concat().into()
    } else {
        changed(&sealed, patch, place)
    };

    let ring = match (is_rotated, lacks_the_key) {
        (_, true) => KeyRing::new(second()),
        (true, false) => KeyRing::new(second()).with_older(first()).unwrap(),
        (false, false) => KeyRing::new(first()).with_older(second()).unwrap(),
    };
    let key = if is_moved { "another key" } else { KEY };
    let namespace = if is_elsewhere { "elsewhere" } else { "shop" };
    let shelf = Arc::new(Shelf::with([(key.to_owned(), found.clone())]));
    let storage = shelf.clone().layer(Encrypted::new(ring, Namespace::new(namespace).unwrap()));
    let is_left_alone = found == sealed && !(is_moved || is_elsewhere || lacks_the_key);

    let got = now(storage.get(key)).map(Option::unwrap);
    let touched = now(storage.get_and_touch(key, Touch::new(Duration::MAX, Duration::ZERO)));
    let swapped = now(storage.compare_and_swap(key, Some(value), Some(Bytes::from_static(b"new")), None));
    match got {
        Ok(got) => {
            // What is made up may be what was encrypted for this place in an earlier run, which the fuzzer has seen.
            let was_sealed =
                [first(), second()].into_iter().any(|by| seal(by, namespace, key, &got) == found);
            assert!(was_sealed, "nobody has encrypted {got:?}");
            assert!(
                is_left_alone || found != sealed,
                "it was encrypted for another place or with another key"
            );
            assert_eq!(touched.unwrap().unwrap().value, got);
            let expected = if got == value { Swap::Swapped } else { Swap::Conflict { current: Some(got) } };
            assert_eq!(swapped.unwrap(), expected);
        }
        Err(error) => {
            assert!(!is_left_alone, "{error}");
            for error in [error, touched.unwrap_err(), swapped.unwrap_err()] {
                assert!(matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::Misconfigured), "{error:?}");
            }
            assert_eq!(shelf.contents()[key], found, "it stays as it is");
        }
    }
    Corpus::Keep
});

fn first() -> EncryptionKey {
    EncryptionKey::new(1, &[1; 64])
}

fn second() -> EncryptionKey {
    EncryptionKey::new(2, &[2; 64])
}

/// What is stored of a value.
fn seal(by: EncryptionKey, namespace: &str, key: &str, value: &[u8]) -> Bytes {
    let shelf = Arc::new(Shelf::default());
    let encrypted = Encrypted::new(KeyRing::new(by), Namespace::new(namespace).unwrap());
    now(shelf.clone().layer(encrypted).set(key, Bytes::copy_from_slice(value), None)).unwrap();
    shelf.contents().remove(key).unwrap()
}

/// With the bits of `patch` flipped.
fn changed(sealed: &[u8], patch: &[u8], place: u8) -> Bytes {
    let mut changed = sealed.to_vec();
    for (byte, flipped) in changed.iter_mut().skip(place.into()).zip(patch) {
        *byte ^= flipped;
    }
    changed.into()
}
