use std::num::NonZeroUsize;

use cloakroom_storage::{Bytes, Swap};

use crate::{
    Case,
    case::{Verdict, case, ensure},
    race::race,
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("namespace/get-does-not-cross", "No namespace reads another's values.", [], get),
        case!("namespace/delete-does-not-cross", "No namespace deletes another's keys.", [], delete),
        case!("namespace/reset-does-not-cross", "A reset leaves every other namespace alone.", [], reset),
        case!("namespace/swap-does-not-cross", "No swap sees another namespace's value.", [], swap),
        case!("namespace/scan-does-not-cross", "No scan sees another namespace's keys.", [Scan], scan),
        case!(
            "namespace/writers-do-not-cross",
            "Namespaces stay apart while both are written and reset.",
            [],
            writers
        ),
        case!(
            "namespace/opened-twice-is-one",
            "Two storages of one namespace see the same data.",
            [],
            opened_twice
        ),
    ]
}

/// Names that a glob, a `LIKE` pattern, a prefix or a folded case would confuse with one another.
const CONFUSABLE: [&str; 5] = ["_a", "xa", "_A", "_ab", ".a"];

async fn get(storage: Subject) -> Verdict {
    for suffix in CONFUSABLE {
        let other = storage.open_beside(suffix).await?;
        other.set("key", Bytes::from(suffix), None).await?;
    }
    ensure!(storage.get("key").await?.is_none(), "another namespace's value is read");
    for suffix in CONFUSABLE {
        let other = storage.open_beside(suffix).await?;
        ensure!(other.get("key").await? == Some(Bytes::from(suffix)), "{suffix:?} reads another value");
    }
    Ok(())
}

async fn delete(storage: Subject) -> Verdict {
    let other = storage.open_beside("_a").await?;
    other.set("key", Bytes::from("theirs"), None).await?;
    storage.delete("key").await?;
    ensure!(other.get("key").await?.is_some(), "a delete reached another namespace");
    Ok(())
}

async fn reset(storage: Subject) -> Verdict {
    let mut all = vec![(storage.share(), "")];
    for suffix in CONFUSABLE {
        all.push((storage.open_beside(suffix).await?, suffix));
    }
    for (reset, suffix) in &all {
        for (storage, _) in &all {
            storage.set("key", Bytes::from("value"), None).await?;
        }
        reset.reset().await?;
        ensure!(reset.get("key").await?.is_none(), "the reset of {suffix:?} removed nothing");
        for (other, kept) in all.iter().filter(|(_, other)| other != suffix) {
            ensure!(other.get("key").await?.is_some(), "the reset of {suffix:?} reached {kept:?}");
        }
    }
    Ok(())
}

async fn swap(storage: Subject) -> Verdict {
    let other = storage.open_beside("_a").await?;
    other.set("key", Bytes::from("theirs"), None).await?;
    let refused = storage.compare_and_swap("key", Some(b"theirs"), Some(Bytes::from("ours")), None).await?;
    ensure!(refused == Swap::Conflict { current: None }, "a swap found another namespace's value");
    let created = storage.compare_and_swap("key", None, Some(Bytes::from("ours")), None).await?;
    ensure!(created.is_swapped(), "a swap was refused for another namespace's value");
    ensure!(other.get("key").await? == Some(Bytes::from("theirs")), "a swap wrote to another namespace");
    Ok(())
}

async fn scan(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("ours"), None).await?;
    for suffix in CONFUSABLE {
        storage.open_beside(suffix).await?.set("theirs", Bytes::from("theirs"), None).await?;
    }
    let mut after = None;
    loop {
        let page = storage.scan(after, NonZeroUsize::MIN).await?;
        ensure!(page.entries.iter().all(|entry| entry.key == "key"), "a scan saw another namespace's key");
        after = page.next;
        if after.is_none() {
            return Ok(());
        }
    }
}

async fn writers(storage: Subject) -> Verdict {
    let other = storage.open_beside("_a").await?;
    race(4, |runner| {
        let (ours, theirs) = (storage.share(), other.clone());
        async move {
            for n in 0..25 {
                match runner {
                    0 => ours.reset().await?,
                    1 => ours.delete(&n.to_string()).await?,
                    2 => ours.set(&n.to_string(), Bytes::from("ours"), None).await?,
                    _ => theirs.set(&n.to_string(), Bytes::from("theirs"), None).await?,
                }
            }
            Ok(())
        }
    })
    .await?;
    for n in 0..25 {
        let theirs = other.get(&n.to_string()).await?;
        ensure!(theirs == Some(Bytes::from("theirs")), "a key of the other namespace is gone or another's");
    }
    Ok(())
}

async fn opened_twice(storage: Subject) -> Verdict {
    let again = storage.open_beside("").await?;
    storage.set("key", Bytes::from("value"), None).await?;
    ensure!(again.get("key").await?.is_some(), "the second storage does not see what the first has set");
    again.delete("key").await?;
    ensure!(
        storage.get("key").await?.is_none(),
        "the first storage does not see what the second has deleted"
    );
    Ok(())
}
