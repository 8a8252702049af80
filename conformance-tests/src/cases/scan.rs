use std::{collections::BTreeMap, num::NonZeroUsize, time::Duration};

use cloakroom_storage::{Bytes, Entry, ErrorKind, Storage};

use crate::{
    Case,
    case::{Failure, Verdict, case, ensure},
    lifetime::{Lifetime, set_expired},
    race::race,
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "scan/of-nothing-ends",
            "A scan of an empty namespace ends without entries.",
            [Scan],
            of_nothing
        ),
        case!(
            "scan/sees-every-key",
            "A scan sees every key, with its value, whatever the page.",
            [Scan],
            every_key
        ),
        case!("scan/pages-keep-the-limit", "No page holds more than the limit.", [Scan], limit),
        case!("scan/expired-is-not-seen", "A scan never sees an expired value.", [Scan], expired),
        case!("scan/deleted-is-not-seen", "A scan never sees a deleted key.", [Scan], deleted),
        case!("scan/shows-the-remaining-ttl", "A scan shows what remains of each TTL.", [Scan], remaining),
        case!(
            "scan/present-throughout-is-seen",
            "A key that is present throughout is seen, while others are written and deleted.",
            [Scan],
            present_throughout
        ),
        case!(
            "scan/unclaimed-is-unsupported",
            "A scan that is not claimed is `Unsupported`.",
            [NoScan],
            unclaimed
        ),
    ]
}

const HOUR: Duration = Duration::from_secs(3_600);

fn limit_of(entries: usize) -> NonZeroUsize {
    NonZeroUsize::new(entries).unwrap_or(NonZeroUsize::MIN)
}

/// Every page, in order.
async fn pages(storage: &dyn Storage, limit: usize) -> Verdict<Vec<Vec<Entry>>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = storage.scan(after, limit_of(limit)).await?;
        pages.push(page.entries);
        ensure!(pages.len() < 10_000, "the scan does not end");
        after = page.next;
        if after.is_none() {
            return Ok(pages);
        }
    }
}

async fn entries(storage: &dyn Storage, limit: usize) -> Verdict<BTreeMap<String, Entry>> {
    let all = pages(storage, limit).await?.into_iter().flatten();
    Ok(all.map(|entry| (entry.key.clone(), entry)).collect())
}

async fn of_nothing(storage: Subject) -> Verdict {
    ensure!(entries(&*storage, 10).await?.is_empty(), "there are entries");
    Ok(())
}

async fn every_key(storage: Subject) -> Verdict {
    let mut expected = BTreeMap::new();
    for n in 0..25 {
        expected.insert(format!("key {n}"), Bytes::from(n.to_string()));
    }
    for odd in ["K", "k", "k ", "%", "*", "é", "k:y", "\\", "'", "\u{1f9e5}"] {
        expected.insert(odd.to_owned(), Bytes::from_static(b"\0\xff"));
    }
    expected.insert("k".repeat(storage.capabilities().max_key_bytes), Bytes::new());
    for (key, value) in &expected {
        storage.set(key, value.clone(), None).await?;
    }
    for limit in [1, 2, 7, expected.len() - 1, expected.len(), 1_000] {
        let seen = entries(&*storage, limit).await?;
        let seen: BTreeMap<_, _> = seen.into_iter().map(|(key, entry)| (key, entry.value)).collect();
        let (few, all) = (seen.len(), expected.len());
        ensure!(
            seen == expected,
            "with pages of {limit}, {few} keys are seen of {all}, or with other values"
        );
    }
    Ok(())
}

async fn limit(storage: Subject) -> Verdict {
    for n in 0..23 {
        storage.set(&format!("key {n}"), Bytes::from("value"), None).await?;
    }
    for limit in [1, 5, 22] {
        for page in pages(&*storage, limit).await? {
            ensure!(page.len() <= limit, "a page of at most {limit} holds {}", page.len());
        }
    }
    Ok(())
}

async fn expired(storage: Subject) -> Verdict {
    storage.set("live", Bytes::from("value"), Some(HOUR)).await?;
    set_expired(&*storage, "expired", "value").await?;
    let seen = entries(&*storage, 10).await?;
    ensure!(!seen.contains_key("expired"), "an expired key is seen");
    ensure!(seen.contains_key("live"), "a live key is not seen");
    Ok(())
}

async fn deleted(storage: Subject) -> Verdict {
    for key in ["kept", "deleted", "swapped"] {
        storage.set(key, Bytes::from("value"), None).await?;
    }
    storage.delete("deleted").await?;
    let _ = storage.compare_and_swap("swapped", Some(b"value"), None, None).await?;
    let seen: Vec<_> = entries(&*storage, 10).await?.into_keys().collect();
    ensure!(seen == ["kept"], "{} keys are seen where one is left", seen.len());
    Ok(())
}

async fn remaining(storage: Subject) -> Verdict {
    storage.set("for ever", Bytes::from("value"), None).await?;
    let (lifetime, ()) = Lifetime::of(HOUR, storage.set("hour", Bytes::from("value"), Some(HOUR))).await?;
    let seen = entries(&*storage, 10).await?;
    let ttl =
        |key| seen.get(key).map(|entry| entry.ttl).ok_or_else(|| Failure::new("a live key is not seen"));
    lifetime.check_remaining(ttl("hour")?)?;
    ensure!(ttl("for ever")?.is_none(), "a key that never expires is shown with a TTL");
    Ok(())
}

async fn present_throughout(storage: Subject) -> Verdict {
    for n in 0..40 {
        storage.set(&format!("key {n}"), Bytes::from("value"), None).await?;
    }
    // Even ones stay and are rewritten; odd ones go, and others come.
    let seen = race(3, |runner| {
        let storage = storage.share();
        async move {
            if runner == 0 {
                return entries(&*storage, 3).await;
            }
            for n in 0..40 {
                match (n % 2, runner) {
                    (0, _) => storage.set(&format!("key {n}"), Bytes::from("newer"), Some(HOUR)).await?,
                    (_, 1) => storage.delete(&format!("key {n}")).await?,
                    _ => storage.set(&format!("new {n}"), Bytes::from("value"), None).await?,
                }
            }
            Ok(BTreeMap::new())
        }
    })
    .await?;
    let seen: BTreeMap<_, _> = seen.into_iter().flatten().collect();
    for n in (0..40).step_by(2) {
        ensure!(seen.contains_key(&format!("key {n}")), "a key that was there throughout was not seen");
    }
    Ok(())
}

async fn unclaimed(storage: Subject) -> Verdict {
    match storage.scan(None, limit_of(1)).await {
        Err(error) if error.kind() == ErrorKind::Unsupported => Ok(()),
        Err(error) => Err(Failure::new(format!("it fails with another kind than Unsupported: {error}"))),
        Ok(_) => Err(Failure::new("it works, but is not claimed")),
    }
}
