use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use cloakroom_storage::{Bytes, Storage, Touch};

use crate::{
    Case,
    case::{Verdict, case, ensure},
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("cancellation/set", "A dropped set leaves the old value and TTL, or the new ones.", [], set),
        case!("cancellation/delete", "A dropped delete leaves the old value or none.", [], delete),
        case!("cancellation/swap", "A dropped swap leaves the old value and TTL, or the new ones.", [], swap),
        case!("cancellation/touch", "A dropped touch loses no value.", [], touch),
        case!("cancellation/reset", "A dropped reset leaves a storage that can be reset again.", [], reset),
    ]
}

/// The most polls after which an operation is dropped; few have more than a handful.
const MOST_POLLS: usize = 40;

const HOUR: Duration = Duration::from_secs(3_600);

/// Polls the operation so many times, each when it asked for it, and drops it. Returns whether it was done.
async fn drop_after<T>(polls: usize, operation: impl Future<Output = T>) -> bool {
    let mut operation = pin!(operation);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match operation.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            // Not when there is no poll left, or the wake that ends this would be waited for.
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A key of each try's own: what was dropped may still reach the engine, and must not reach the next try.
fn key(polls: usize) -> String {
    format!("key {polls}")
}

async fn still_works(storage: &dyn Storage, polls: usize) -> Verdict {
    let key = format!("after {polls}");
    storage.set(&key, Bytes::from("value"), None).await?;
    ensure!(storage.get(&key).await?.is_some(), "dropped after {polls} polls, the storage no longer works");
    Ok(())
}

/// Broken unless the key holds the old value, which never expires, or the new one, which does.
async fn is_old_or_new(storage: &dyn Storage, polls: usize) -> Verdict {
    let key = key(polls);
    let (value, expires) = if storage.capabilities().atomic_touch {
        let touched = storage.get_and_touch(&key, Touch::new(Duration::ZERO, Duration::ZERO)).await?;
        let expires = touched.as_ref().map(|touched| touched.remaining.is_some());
        (touched.map(|touched| touched.value), expires)
    } else {
        (storage.get(&key).await?, None)
    };
    match value.as_deref() {
        Some(b"old") => ensure!(expires != Some(true), "dropped after {polls} polls: old value, new TTL"),
        Some(b"new") => ensure!(expires != Some(false), "dropped after {polls} polls: new value, old TTL"),
        _ => ensure!(false, "dropped after {polls} polls: neither the old value nor the new one"),
    }
    Ok(())
}

async fn set(storage: Subject) -> Verdict {
    for polls in 0..MOST_POLLS {
        let key = key(polls);
        storage.set(&key, Bytes::from("old"), None).await?;
        let done = drop_after(polls, storage.set(&key, Bytes::from("new"), Some(HOUR))).await;
        is_old_or_new(&*storage, polls).await?;
        still_works(&*storage, polls).await?;
        if done {
            break;
        }
    }
    Ok(())
}

async fn swap(storage: Subject) -> Verdict {
    for polls in 0..MOST_POLLS {
        let key = key(polls);
        storage.set(&key, Bytes::from("old"), None).await?;
        let swap = storage.compare_and_swap(&key, Some(b"old"), Some(Bytes::from("new")), Some(HOUR));
        let done = drop_after(polls, swap).await;
        is_old_or_new(&*storage, polls).await?;
        still_works(&*storage, polls).await?;
        if done {
            break;
        }
    }
    Ok(())
}

async fn delete(storage: Subject) -> Verdict {
    for polls in 0..MOST_POLLS {
        let key = key(polls);
        storage.set(&key, Bytes::from("old"), None).await?;
        let done = drop_after(polls, storage.delete(&key)).await;
        let left = storage.get(&key).await?;
        let whole = left.is_none() || left.as_deref() == Some(b"old");
        ensure!(whole, "dropped after {polls} polls: another value");
        ensure!(!done || left.is_none(), "the delete was done, but the value is there");
        still_works(&*storage, polls).await?;
        if done {
            break;
        }
    }
    Ok(())
}

async fn touch(storage: Subject) -> Verdict {
    for polls in 0..MOST_POLLS {
        let key = key(polls);
        storage.set(&key, Bytes::from("old"), Some(HOUR)).await?;
        let done = drop_after(polls, storage.get_and_touch(&key, Touch::new(2 * HOUR, Duration::ZERO))).await;
        ensure!(
            storage.get(&key).await? == Some(Bytes::from("old")),
            "dropped after {polls} polls: value lost"
        );
        still_works(&*storage, polls).await?;
        if done {
            break;
        }
    }
    Ok(())
}

async fn reset(storage: Subject) -> Verdict {
    for polls in 0..MOST_POLLS {
        storage.set("one", Bytes::from("old"), None).await?;
        storage.set("two", Bytes::from("old"), None).await?;
        let done = drop_after(polls, storage.reset()).await;
        for key in ["one", "two"] {
            let left = storage.get(key).await?;
            let whole = left.is_none() || left.as_deref() == Some(b"old");
            ensure!(whole, "dropped after {polls} polls: another value");
        }
        storage.reset().await?;
        ensure!(storage.get("one").await?.is_none(), "after a dropped reset, another removes nothing");
        if done {
            break;
        }
    }
    Ok(())
}
