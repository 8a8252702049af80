use std::time::Duration;

use cloakroom_storage::Bytes;

use crate::{
    Case,
    case::{Verdict, case, ensure},
    lifetime::{check_outlives, set_expired},
    race::race,
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "purge/keeps-what-lives",
            "A purge leaves live values and their TTLs alone.",
            [],
            keeps_what_lives
        ),
        case!("purge/of-nothing-is-ok", "A purge of an empty namespace is success.", [], of_nothing),
        case!(
            "purge/while-others-write",
            "Purges may run at once, and while others write; a value set again is not taken for the expired one.",
            [],
            while_others_write
        ),
    ]
}

async fn keeps_what_lives(storage: Subject) -> Verdict {
    storage.set("for ever", Bytes::from("value"), None).await?;
    storage.set("hour", Bytes::from("value"), Some(Duration::from_secs(3_600))).await?;
    set_expired(&*storage, "expired", "value").await?;
    storage.purge_expired().await?;
    ensure!(storage.get("for ever").await?.is_some(), "a value that never expires was purged");
    ensure!(storage.get("hour").await?.is_some(), "a live value was purged");
    ensure!(storage.get("expired").await?.is_none(), "an expired value is back");
    check_outlives(&*storage, "hour", Duration::from_millis(30)).await
}

async fn of_nothing(storage: Subject) -> Verdict {
    // How many it reclaims is not judged: a layer may share its engine with others.
    storage.purge_expired().await?;
    Ok(())
}

async fn while_others_write(storage: Subject) -> Verdict {
    for n in 0..20 {
        storage.set(&format!("key {n}"), Bytes::from("old"), Some(Duration::from_millis(1))).await?;
    }
    set_expired(&*storage, "last", "old").await?;
    race(4, |runner| {
        let storage = storage.share();
        async move {
            if runner % 2 == 0 {
                storage.purge_expired().await?;
                return Ok(());
            }
            for n in (0..20).filter(|n| n % 4 / 2 == runner / 2) {
                storage.set(&format!("key {n}"), Bytes::from("new"), None).await?;
            }
            Ok(())
        }
    })
    .await?;
    for n in 0..20 {
        let read = storage.get(&format!("key {n}")).await?;
        ensure!(read == Some(Bytes::from("new")), "a value was purged as it was set again");
    }
    Ok(())
}
