use std::time::Duration;

use cloakroom_storage::{Bytes, ErrorKind, MAX_KEY_BYTES, Result, Storage, Touch};

use crate::{
    Case,
    case::{Failure, Verdict, case, ensure},
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("key/empty-is-refused", "An empty key is `InvalidKey`, by every method.", [], empty),
        case!("key/nul-is-refused", "A key with a NUL is `InvalidKey`, by every method.", [], nul),
        case!(
            "key/limit",
            "Keys of up to `max_key_bytes` (448 to 512) work, and one byte more is `InvalidKey`.",
            [],
            limit
        ),
        case!("key/case-is-significant", "Keys that differ in case are different.", [], letter_case),
        case!("key/spaces-are-significant", "Keys that differ in outer spaces are different.", [], spaces),
        case!("key/wildcards-are-literal", "Glob and `LIKE` characters mean only themselves.", [], wildcards),
        case!("key/quotes-are-literal", "Quotes, escapes and separators mean only themselves.", [], quotes),
        case!("key/unicode-is-not-normalised", "Keys are bytes: no form of Unicode is another.", [], unicode),
    ]
}

const VALUE: Bytes = Bytes::from_static(b"value");

async fn empty(storage: Subject) -> Verdict {
    is_refused_by_every_method(&*storage, "").await
}

async fn nul(storage: Subject) -> Verdict {
    for key in ["\0", "key\0", "\0key", "k\0ey"] {
        is_refused_by_every_method(&*storage, key).await?;
    }
    Ok(())
}

async fn limit(storage: Subject) -> Verdict {
    let limit = storage.capabilities().max_key_bytes;
    ensure!((448..=MAX_KEY_BYTES).contains(&limit), "max_key_bytes is {limit}, not 448 to {MAX_KEY_BYTES}");
    // The last byte tells the two apart: an engine that cuts keys off would confuse them.
    let (one, other) = (format!("{}1", "k".repeat(limit - 1)), format!("{}2", "k".repeat(limit - 1)));
    are_distinct(&*storage, &[&one, &other]).await?;
    let hour = Duration::from_secs(3_600);
    storage.set(&one, VALUE, None).await?;
    let touched = storage.get_and_touch(&one, Touch::new(hour, Duration::ZERO)).await?;
    ensure!(touched.is_some(), "a key of {limit} bytes cannot be touched");
    let swapped = storage.compare_and_swap(&one, Some(&VALUE), Some(VALUE), None).await?;
    ensure!(swapped.is_swapped(), "a key of {limit} bytes cannot be swapped");
    storage.delete(&one).await?;
    ensure!(storage.get(&one).await?.is_none(), "a key of {limit} bytes cannot be deleted");
    is_refused_by_every_method(&*storage, &"k".repeat(limit + 1)).await?;
    is_refused_by_every_method(&*storage, &"k".repeat(MAX_KEY_BYTES + 1)).await
}

async fn letter_case(storage: Subject) -> Verdict {
    are_distinct(&*storage, &["key", "Key", "KEY", "straße", "STRASSE", "strasse", "İ", "i"]).await
}

async fn spaces(storage: Subject) -> Verdict {
    are_distinct(&*storage, &["key", "key ", "key  ", " key", "key\t", "key\n", " ", "  "]).await
}

async fn wildcards(storage: Subject) -> Verdict {
    are_distinct(
        &*storage,
        &["key", "k%", "k_y", "k*", "k?y", "[k]ey", "k[^x]y", "%", "_", "*", "?", "^k", "k$"],
    )
    .await
}

async fn quotes(storage: Subject) -> Verdict {
    let keys = [
        "key", "'key'", "\"key\"", "`key`", "key'; --", "\\", "\\\\", "\\%", "k:ey", "k::ey", ":", "{key}",
        "$key", ".", "..", "k/ey", "../key", "#", "\r\n", "\u{7f}",
    ];
    are_distinct(&*storage, &keys).await
}

async fn unicode(storage: Subject) -> Verdict {
    // Composed and decomposed, a ligature, full width, another script's twin, invisible, beyond the BMP.
    let keys = [
        "é",
        "e\u{301}",
        "e",
        "ﬁ",
        "fi",
        "Ａ",
        "A",
        "А",
        "k\u{200b}ey",
        "k\u{ad}ey",
        "key",
        "\u{1f9e5}",
        "\u{1f9e4}",
    ];
    are_distinct(&*storage, &keys).await
}

/// Each key holds a value of its own, before and after each of them is deleted.
async fn are_distinct(storage: &dyn Storage, keys: &[&str]) -> Verdict {
    for key in keys {
        storage.set(key, Bytes::copy_from_slice(key.as_bytes()), None).await?;
    }
    for (deleted, key) in keys.iter().enumerate() {
        for kept in &keys[deleted..] {
            let found = storage.get(kept).await?;
            ensure!(found.as_deref() == Some(kept.as_bytes()), "{kept:?} is confused with another key");
        }
        storage.delete(key).await?;
        ensure!(storage.get(key).await?.is_none(), "{key:?} is still there after its delete");
    }
    Ok(())
}

async fn is_refused_by_every_method(storage: &dyn Storage, key: &str) -> Verdict {
    let touch = Touch::new(Duration::from_secs(60), Duration::ZERO);
    is_refused("get", storage.get(key).await)?;
    is_refused("set", storage.set(key, VALUE, None).await)?;
    is_refused("set with a TTL of zero", storage.set(key, VALUE, Some(Duration::ZERO)).await)?;
    is_refused("delete", storage.delete(key).await)?;
    is_refused("get_and_touch", storage.get_and_touch(key, touch).await)?;
    is_refused("compare_and_swap", storage.compare_and_swap(key, None, Some(VALUE), None).await)?;
    is_refused("compare_and_swap", storage.compare_and_swap(key, Some(b"value"), None, None).await)
}

fn is_refused<T>(method: &str, result: Result<T>) -> Verdict {
    match result {
        Err(error) if error.kind() == ErrorKind::InvalidKey => Ok(()),
        Err(error) => Err(Failure::new(format!("{method} fails with another kind than InvalidKey: {error}"))),
        Ok(_) => Err(Failure::new(format!("{method} accepts it"))),
    }
}
