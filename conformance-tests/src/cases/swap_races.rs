use cloakroom_storage::{Bytes, Storage, Swap};

use crate::{
    Case,
    case::{Failure, Verdict, case, ensure},
    race::race,
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "swap/one-creator-wins",
            "Of racing swaps that create a value, exactly one wins.",
            [AtomicSwap],
            one_creator_wins
        ),
        case!(
            "swap/one-replacer-wins",
            "Of racing swaps that replace one value, exactly one wins.",
            [AtomicSwap],
            one_replacer_wins
        ),
        case!(
            "swap/no-update-is-lost",
            "Updates by swapping until it succeeds are all kept.",
            [AtomicSwap],
            no_update_is_lost
        ),
        case!(
            "swap/racing-delete-is-not-undone",
            "A swap that races a delete does not bring the value back.",
            [AtomicSwap],
            racing_delete
        ),
        case!(
            "swap/racing-set-is-not-undone",
            "A swap that races a set of another value does not overwrite it.",
            [AtomicSwap],
            racing_set
        ),
    ]
}

const ROUNDS: usize = 10;
const RUNNERS: usize = 8;

async fn one_creator_wins(storage: Subject) -> Verdict {
    for round in 0..ROUNDS {
        one_wins(&storage, &format!("key {round}"), None).await?;
    }
    Ok(())
}

async fn one_replacer_wins(storage: Subject) -> Verdict {
    for round in 0..ROUNDS {
        let key = format!("key {round}");
        storage.set(&key, Bytes::from("old"), None).await?;
        one_wins(&storage, &key, Some(b"old")).await?;
    }
    Ok(())
}

/// The racers write different values, so the one that is there must be the winner's, as the losers are told.
async fn one_wins(storage: &Subject, key: &str, expected: Option<&'static [u8]>) -> Verdict {
    let ended = race(RUNNERS, |runner| {
        let (storage, key) = (storage.share(), key.to_owned());
        async move {
            let ours = Bytes::from(format!("value of {runner}"));
            Ok((ours.clone(), storage.compare_and_swap(&key, expected, Some(ours), None).await?))
        }
    })
    .await?;
    let (winners, losers): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(_, swap)| swap.is_swapped());
    ensure!(winners.len() == 1, "{} of {RUNNERS} racing swaps won", winners.len());
    let winner = winners.into_iter().next().map(|(value, _)| value);
    ensure!(storage.get(key).await? == winner, "what is stored is not the winner's");
    for (_, loser) in losers {
        ensure!(loser == Swap::Conflict { current: winner.clone() }, "a loser was told {loser:?}");
    }
    Ok(())
}

async fn no_update_is_lost(storage: Subject) -> Verdict {
    const EACH: u64 = 12;
    race(RUNNERS, |_| {
        let storage = storage.share();
        async move {
            for _ in 0..EACH {
                increment(&*storage).await?;
            }
            Ok(())
        }
    })
    .await?;
    let counted = number(storage.get("counter").await?)?;
    let made = EACH * u64::try_from(RUNNERS).unwrap_or_default();
    ensure!(counted == made, "{made} updates were made, {counted} are kept");
    Ok(())
}

async fn increment(storage: &dyn Storage) -> Verdict {
    let mut current = storage.get("counter").await?;
    loop {
        let next = Bytes::from((number(current.clone())? + 1).to_string());
        match storage.compare_and_swap("counter", current.as_deref(), Some(next), None).await? {
            Swap::Swapped => return Ok(()),
            Swap::Conflict { current: newer } => current = newer,
        }
    }
}

fn number(value: Option<Bytes>) -> Verdict<u64> {
    let Some(value) = value else { return Ok(0) };
    let number = std::str::from_utf8(&value).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Failure::new("what is stored was never written"))
}

async fn racing_delete(storage: Subject) -> Verdict {
    for round in 0..ROUNDS {
        storage.set("key", Bytes::from("old"), None).await?;
        race(4, |runner| {
            let storage = storage.share();
            async move {
                if runner == round % 4 {
                    storage.delete("key").await?;
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

async fn racing_set(storage: Subject) -> Verdict {
    for round in 0..ROUNDS {
        storage.set("key", Bytes::from("old"), None).await?;
        race(4, |runner| {
            let storage = storage.share();
            async move {
                if runner == round % 4 {
                    storage.set("key", Bytes::from("set"), None).await?;
                } else {
                    let _ =
                        storage.compare_and_swap("key", Some(b"old"), Some(Bytes::from("new")), None).await?;
                }
                Ok(())
            }
        })
        .await?;
        let read = storage.get("key").await?;
        ensure!(read == Some(Bytes::from("set")), "a swap overwrote the newer value in round {round}");
    }
    Ok(())
}
