use std::time::Duration;

use cloakroom_storage::{Bytes, Storage, Swap};

use crate::{
    Case,
    case::{Verdict, case, ensure},
    lifetime::{Lifetime, check_outlives, set_expired},
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("swap/creates-if-missing", "A swap that expects no value creates one.", [], creates),
        case!("swap/replaces", "A swap that expects the live value replaces it.", [], replaces),
        case!("swap/deletes", "A swap to no value deletes.", [], deletes),
        case!(
            "swap/nothing-for-nothing",
            "A swap of nothing for nothing takes place.",
            [],
            nothing_for_nothing
        ),
        case!(
            "swap/conflict-shows-the-current-value",
            "A swap that expects another value is told the current one.",
            [],
            conflict_shows
        ),
        case!(
            "swap/conflict-changes-nothing",
            "A refused swap changes neither value nor TTL.",
            [],
            conflict_changes
        ),
        case!("swap/replaces-the-ttl", "A swap replaces the TTL too.", [], replaces_ttl),
        case!(
            "swap/expired-counts-as-missing",
            "An expired value is not there for a swap, and is not brought back by one.",
            [],
            expired
        ),
        case!("swap/zero-is-delete", "A swap to a value with a TTL of zero deletes.", [], zero),
        case!("swap/huge-saturates", "A swap with a huge TTL saturates.", [], huge),
        case!("swap/empty-is-not-missing", "An empty value is not a missing one.", [], empty),
        case!("swap/compares-bytes", "Values are compared byte by byte.", [], compares_bytes),
    ]
}

const SHORT: Duration = Duration::from_millis(60);
const HOUR: Duration = Duration::from_secs(3_600);

async fn swap(
    storage: &dyn Storage,
    expected: Option<&'static str>,
    new: Option<&'static str>,
    ttl: Option<Duration>,
) -> cloakroom_storage::Result<Swap> {
    storage.compare_and_swap("key", expected.map(str::as_bytes), new.map(Bytes::from), ttl).await
}

async fn holds(storage: &dyn Storage, value: Option<&'static str>) -> Verdict {
    ensure!(storage.get("key").await? == value.map(Bytes::from), "it does not hold {value:?}");
    Ok(())
}

fn conflict(current: Option<&'static str>) -> Swap {
    Swap::Conflict { current: current.map(Bytes::from) }
}

async fn creates(storage: Subject) -> Verdict {
    ensure!(swap(&*storage, None, Some("new"), None).await?.is_swapped(), "it was refused");
    holds(&*storage, Some("new")).await
}

async fn replaces(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("old"), Some(HOUR)).await?;
    ensure!(swap(&*storage, Some("old"), Some("new"), None).await?.is_swapped(), "it was refused");
    holds(&*storage, Some("new")).await?;
    ensure!(
        swap(&*storage, Some("new"), Some("new"), None).await?.is_swapped(),
        "a swap for itself was refused"
    );
    holds(&*storage, Some("new")).await
}

async fn deletes(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("old"), None).await?;
    ensure!(swap(&*storage, Some("old"), None, Some(HOUR)).await?.is_swapped(), "it was refused");
    holds(&*storage, None).await
}

async fn nothing_for_nothing(storage: Subject) -> Verdict {
    ensure!(swap(&*storage, None, None, None).await?.is_swapped(), "it was refused");
    holds(&*storage, None).await
}

async fn conflict_shows(storage: Subject) -> Verdict {
    ensure!(swap(&*storage, Some("old"), Some("new"), None).await? == conflict(None), "there was no value");
    storage.set("key", Bytes::from("old"), None).await?;
    for (expected, new) in
        [(Some("other"), Some("new")), (Some("other"), None), (None, Some("new")), (None, None)]
    {
        let refused = swap(&*storage, expected, new, None).await?;
        ensure!(
            refused == conflict(Some("old")),
            "{refused:?} for a swap of {expected:?}, with another value there"
        );
    }
    Ok(())
}

async fn conflict_changes(storage: Subject) -> Verdict {
    let _ = swap(&*storage, Some("other"), Some("new"), None).await?;
    holds(&*storage, None).await?;
    storage.set("key", Bytes::from("old"), None).await?;
    for (expected, new) in [(Some("other"), Some("new")), (Some("other"), None), (None, Some("new"))] {
        let _ = swap(&*storage, expected, new, Some(SHORT)).await?;
        holds(&*storage, Some("old")).await?;
    }
    check_outlives(&*storage, "key", SHORT).await
}

async fn replaces_ttl(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("old"), Some(HOUR)).await?;
    let shorter = swap(&*storage, Some("old"), Some("new"), Some(SHORT));
    let (lifetime, swapped) = Lifetime::of(SHORT, shorter).await?;
    ensure!(swapped.is_swapped(), "it was refused");
    lifetime.watch(&*storage, "key").await?;

    let (lifetime, _) = Lifetime::of(SHORT, swap(&*storage, None, Some("created"), Some(SHORT))).await?;
    lifetime.watch(&*storage, "key").await?;

    storage.set("key", Bytes::from("old"), Some(SHORT)).await?;
    if swap(&*storage, Some("old"), Some("new"), None).await?.is_swapped() {
        check_outlives(&*storage, "key", SHORT).await?;
    }
    Ok(())
}

async fn expired(storage: Subject) -> Verdict {
    set_expired(&*storage, "key", "old").await?;
    let refused = swap(&*storage, Some("old"), Some("new"), Some(HOUR)).await?;
    ensure!(refused == conflict(None), "{refused:?} for a swap of an expired value");
    holds(&*storage, None).await?;
    set_expired(&*storage, "key", "old").await?;
    ensure!(
        swap(&*storage, None, Some("new"), Some(HOUR)).await?.is_swapped(),
        "an expired value stood in the way"
    );
    holds(&*storage, Some("new")).await
}

async fn zero(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("old"), None).await?;
    let swapped = swap(&*storage, Some("old"), Some("new"), Some(Duration::ZERO)).await?;
    ensure!(swapped.is_swapped(), "it was refused");
    holds(&*storage, None).await?;
    ensure!(swap(&*storage, None, Some("new"), Some(Duration::ZERO)).await?.is_swapped(), "it was refused");
    holds(&*storage, None).await
}

async fn huge(storage: Subject) -> Verdict {
    ensure!(swap(&*storage, None, Some("1"), Some(Duration::MAX)).await?.is_swapped(), "it was refused");
    ensure!(swap(&*storage, Some("1"), Some("2"), Some(Duration::MAX)).await?.is_swapped(), "it was refused");
    check_outlives(&*storage, "key", SHORT).await
}

async fn empty(storage: Subject) -> Verdict {
    let refused = swap(&*storage, Some(""), Some("new"), None).await?;
    ensure!(refused == conflict(None), "{refused:?} for a swap of an empty value where there is none");
    ensure!(swap(&*storage, None, Some(""), None).await?.is_swapped(), "an empty value was not created");
    let refused = swap(&*storage, None, Some("new"), None).await?;
    ensure!(refused == conflict(Some("")), "{refused:?} for a swap of no value where there is an empty one");
    ensure!(swap(&*storage, Some(""), Some("new"), None).await?.is_swapped(), "an empty value was not found");
    holds(&*storage, Some("new")).await
}

async fn compares_bytes(storage: Subject) -> Verdict {
    let stored: &[u8] = b"Value\0\xff ";
    storage.set("key", Bytes::from_static(stored), None).await?;
    for other in [&b"value\0\xff "[..], b"Value\0\xff", b"Value", b"Value\0\xfe ", b"Value\0\xff  ", b""] {
        let refused = storage.compare_and_swap("key", Some(other), Some(Bytes::from("new")), None).await?;
        ensure!(!refused.is_swapped(), "a value was taken for another");
    }
    let swapped = storage.compare_and_swap("key", Some(stored), Some(Bytes::from("new")), None).await?;
    ensure!(swapped.is_swapped(), "a value was not taken for itself");
    Ok(())
}
