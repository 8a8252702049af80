use std::time::Duration;

use cloakroom_storage::Bytes;

use crate::{
    Case,
    case::{Verdict, case, ensure},
    race::race,
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "reset/removes-every-key",
            "A reset removes every key of the namespace.",
            [],
            removes_every_key
        ),
        case!("reset/of-nothing-is-ok", "Resetting an empty namespace is success.", [], of_nothing),
        case!("reset/what-is-set-afterwards-stays", "What is set after a reset stays.", [], set_afterwards),
        case!("reset/while-others-write", "A reset is safe while others write.", [], while_others_write),
        case!(
            "reset/racing-swap-is-not-undone",
            "A swap that races a reset brings no removed value back.",
            [AtomicSwap],
            racing_swap
        ),
    ]
}

async fn removes_every_key(storage: Subject) -> Verdict {
    let keys: Vec<String> = (0..150).map(|n| format!("key {n}")).chain(["*".into(), "%".into()]).collect();
    for key in &keys {
        storage.set(key, Bytes::from("value"), Some(Duration::from_secs(3_600))).await?;
    }
    storage.set("for ever", Bytes::from("value"), None).await?;
    storage.reset().await?;
    for key in &keys {
        ensure!(storage.get(key).await?.is_none(), "{key:?} is still there");
    }
    ensure!(storage.get("for ever").await?.is_none(), "a key that never expires is still there");
    Ok(())
}

async fn of_nothing(storage: Subject) -> Verdict {
    storage.reset().await?;
    storage.reset().await?;
    Ok(())
}

async fn set_afterwards(storage: Subject) -> Verdict {
    for round in 0..5 {
        storage.set("key", Bytes::from("old"), None).await?;
        storage.reset().await?;
        storage.set("key", Bytes::from("new"), None).await?;
        let read = storage.get("key").await?;
        ensure!(read == Some(Bytes::from("new")), "what was set after reset {round} is gone");
    }
    Ok(())
}

async fn while_others_write(storage: Subject) -> Verdict {
    for n in 0..20 {
        storage.set(&format!("old {n}"), Bytes::from("value"), None).await?;
    }
    race(5, |runner| {
        let storage = storage.share();
        async move {
            if runner == 0 {
                storage.reset().await?;
                return Ok(());
            }
            for n in 0..20 {
                storage.set(&format!("new {runner} {n}"), Bytes::from("value"), None).await?;
            }
            Ok(())
        }
    })
    .await?;
    for n in 0..20 {
        ensure!(storage.get(&format!("old {n}")).await?.is_none(), "a key from before the reset is there");
    }
    storage.set("after", Bytes::from("value"), None).await?;
    ensure!(storage.get("after").await?.is_some(), "the storage no longer keeps what is set");
    Ok(())
}

async fn racing_swap(storage: Subject) -> Verdict {
    for round in 0..10 {
        storage.set("key", Bytes::from("old"), None).await?;
        race(4, |runner| {
            let storage = storage.share();
            async move {
                if runner == round % 4 {
                    storage.reset().await?;
                } else {
                    let _ =
                        storage.compare_and_swap("key", Some(b"old"), Some(Bytes::from("new")), None).await?;
                }
                Ok(())
            }
        })
        .await?;
        ensure!(storage.get("key").await?.is_none(), "a swap brought the key back in round {round}");
    }
    Ok(())
}
