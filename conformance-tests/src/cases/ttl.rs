use std::time::Duration;

use cloakroom_storage::{Bytes, ttl};

use crate::{
    Case,
    case::{Failure, Verdict, case, ensure},
    lifetime::{check_outlives, set_expired, set_for},
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("ttl/none-never-expires", "A TTL of `None` never expires.", [], none_never_expires),
        case!("ttl/never-early", "A value is readable until its TTL has passed.", [], never_early),
        case!("ttl/gone-when-passed", "A value is gone when its TTL has passed.", [], gone_when_passed),
        case!(
            "ttl/sub-millisecond-is-not-for-ever",
            "A TTL is rounded up to milliseconds: the shortest expires, and only zero is zero.",
            [],
            sub_millisecond
        ),
        case!("ttl/zero-is-delete", "A TTL of zero is already expired: the same as a delete.", [], zero),
        case!("ttl/huge-saturates", "Huge TTLs saturate: they never wrap and never fail.", [], huge),
        case!("ttl/set-replaces-the-ttl", "Setting an existing key replaces its TTL.", [], set_replaces_ttl),
        case!(
            "ttl/expired-can-be-set-again",
            "A value set under an expired key lives by its own TTL, whatever is reaped when.",
            [],
            set_again
        ),
        case!("ttl/delete-of-expired-is-ok", "Deleting an expired key is success.", [], delete_of_expired),
    ]
}

const SHORT: Duration = Duration::from_millis(60);
const HOUR: Duration = Duration::from_secs(3_600);

async fn none_never_expires(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("value"), None).await?;
    check_outlives(&*storage, "key", Duration::from_millis(150)).await
}

async fn never_early(storage: Subject) -> Verdict {
    for ttl in [Duration::from_millis(250), Duration::from_micros(40_900)] {
        set_for(&*storage, "key", "value", ttl).await?.watch(&*storage, "key").await?;
    }
    Ok(())
}

async fn gone_when_passed(storage: Subject) -> Verdict {
    set_for(&*storage, "key", "value", SHORT).await?.watch(&*storage, "key").await
}

async fn sub_millisecond(storage: Subject) -> Verdict {
    for ttl in [Duration::from_nanos(1), Duration::from_micros(999)] {
        set_for(&*storage, "key", "value", ttl).await?.watch(&*storage, "key").await?;
    }
    Ok(())
}

async fn zero(storage: Subject) -> Verdict {
    storage.set("new", Bytes::from("value"), Some(Duration::ZERO)).await?;
    ensure!(storage.get("new").await?.is_none(), "a value set with a TTL of zero is there");
    storage.set("old", Bytes::from("value"), None).await?;
    storage.set("old", Bytes::from("newer"), Some(Duration::ZERO)).await?;
    ensure!(storage.get("old").await?.is_none(), "setting a TTL of zero left a value");
    Ok(())
}

async fn huge(storage: Subject) -> Verdict {
    let one_more = ttl::MAX + Duration::from_millis(1);
    let (signed, unsigned) =
        (Duration::from_millis(i64::MAX.unsigned_abs()), Duration::from_millis(u64::MAX));
    for ttl in [HOUR * 24 * 366 * 100, ttl::MAX, one_more, signed, unsigned, Duration::MAX] {
        let attempt = storage.set("key", Bytes::from("value"), Some(ttl)).await;
        attempt.map_err(|error| Failure::new(format!("a TTL of {ttl:?} fails: {error}")))?;
        ensure!(storage.get("key").await?.is_some(), "with a TTL of {ttl:?} the value is gone");
    }
    check_outlives(&*storage, "key", SHORT).await
}

async fn set_replaces_ttl(storage: Subject) -> Verdict {
    storage.set("longer", Bytes::from("value"), Some(SHORT)).await?;
    storage.set("longer", Bytes::from("value"), Some(HOUR)).await?;
    storage.set("for ever", Bytes::from("value"), Some(SHORT)).await?;
    storage.set("for ever", Bytes::from("value"), None).await?;
    storage.set("shorter", Bytes::from("value"), Some(HOUR)).await?;
    set_for(&*storage, "shorter", "value", SHORT).await?.watch(&*storage, "shorter").await?;
    storage.set("expiring", Bytes::from("value"), None).await?;
    set_for(&*storage, "expiring", "value", SHORT).await?.watch(&*storage, "expiring").await?;
    ensure!(storage.get("longer").await?.is_some(), "a longer TTL did not replace a shorter one");
    ensure!(storage.get("for ever").await?.is_some(), "no TTL did not replace a TTL");
    Ok(())
}

async fn set_again(storage: Subject) -> Verdict {
    set_expired(&*storage, "key", "old").await?;
    storage.set("key", Bytes::from("new"), Some(HOUR)).await?;
    check_outlives(&*storage, "key", SHORT).await?;
    ensure!(storage.get("key").await? == Some(Bytes::from("new")), "the new value is not what is read");
    Ok(())
}

async fn delete_of_expired(storage: Subject) -> Verdict {
    set_expired(&*storage, "key", "old").await?;
    storage.delete("key").await?;
    ensure!(storage.get("key").await?.is_none(), "the expired value is back");
    Ok(())
}
