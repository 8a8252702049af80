use std::time::Duration;

use cloakroom_storage::{Bytes, Storage, Touch, Touched};

use crate::{
    Case,
    case::{Failure, Verdict, case, ensure},
    lifetime::{Lifetime, check_outlives, set_expired},
    race::race,
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "touch/missing-is-none",
            "Touching a missing key is `Ok(None)` and creates nothing.",
            [],
            missing
        ),
        case!("touch/expired-is-not-revived", "A touch never revives an expired value.", [], expired),
        case!(
            "touch/extends",
            "A touch extends a TTL that is short of the threshold, and says so.",
            [],
            extends
        ),
        case!(
            "touch/extension-lasts",
            "A touched value lives for the TTL of the touch, and no longer.",
            [],
            extension_lasts
        ),
        case!(
            "touch/within-the-slack-changes-nothing",
            "A touch leaves a TTL alone while `ttl - slack` or more remains, and says so.",
            [AtomicTouch],
            within_the_slack
        ),
        case!("touch/never-shortens", "A touch never shortens a TTL.", [AtomicTouch], never_shortens),
        case!(
            "touch/never-expiring-stays-so",
            "A value that never expires is not given a TTL.",
            [AtomicTouch],
            never_expiring
        ),
        case!("touch/zero-extends-nothing", "A touch with a TTL of zero extends nothing.", [], zero),
        case!("touch/huge-saturates", "A touch with a huge TTL saturates.", [], huge),
        case!(
            "touch/keeps-the-value",
            "A touch changes no value, the empty one included.",
            [],
            keeps_the_value
        ),
        case!(
            "touch/racing-delete-is-not-undone",
            "A touch that races a delete does not bring the value back.",
            [AtomicTouch],
            racing_delete
        ),
        case!(
            "touch/racing-set-is-not-undone",
            "A touch that races a set does not bring the old value back.",
            [AtomicTouch],
            racing_set
        ),
        case!(
            "touch/default-always-extends",
            "The default touch extends by the whole TTL, as it cannot see what remains.",
            [DefaultTouch],
            default_always_extends
        ),
    ]
}

const HOUR: Duration = Duration::from_secs(3_600);
const MINUTE: Duration = Duration::from_secs(60);

fn value() -> Bytes {
    Bytes::from("value")
}

async fn touched(storage: &dyn Storage, touch: Touch) -> Verdict<Touched> {
    storage.get_and_touch("key", touch).await?.ok_or_else(|| Failure::new("a live value is not found"))
}

async fn missing(storage: Subject) -> Verdict {
    let touched = storage.get_and_touch("key", Touch::new(HOUR, Duration::ZERO)).await?;
    ensure!(touched.is_none(), "a missing key was touched");
    ensure!(storage.get("key").await?.is_none(), "the touch created the key");
    Ok(())
}

async fn expired(storage: Subject) -> Verdict {
    set_expired(&*storage, "key", "old").await?;
    let touched = storage.get_and_touch("key", Touch::new(HOUR, Duration::ZERO)).await?;
    ensure!(touched.is_none(), "an expired value was returned");
    ensure!(storage.get("key").await?.is_none(), "an expired value was revived");
    Ok(())
}

async fn extends(storage: Subject) -> Verdict {
    storage.set("key", value(), Some(MINUTE)).await?;
    let touch = Touch::new(HOUR, MINUTE);
    let (lifetime, touched) = Lifetime::of(HOUR, touched(&*storage, touch)).await?;
    ensure!(touched.value == value(), "another value was returned");
    ensure!(touched.extended, "it was not said to be extended");
    lifetime.check_remaining(touched.remaining)
}

async fn extension_lasts(storage: Subject) -> Verdict {
    let (short, longer) = (Duration::from_millis(100), Duration::from_millis(250));
    storage.set("key", value(), Some(short)).await?;
    // Nothing to judge where the machine was too slow to touch it in time.
    let touch = storage.get_and_touch("key", Touch::new(longer, Duration::ZERO));
    match Lifetime::of(longer, touch).await? {
        (lifetime, Some(_)) => lifetime.watch(&*storage, "key").await,
        (_, None) => Ok(()),
    }
}

async fn within_the_slack(storage: Subject) -> Verdict {
    let (lifetime, ()) = Lifetime::of(HOUR, storage.set("key", value(), Some(HOUR))).await?;
    for touch in [Touch::new(HOUR, MINUTE), Touch::new(HOUR + MINUTE, 2 * MINUTE), Touch::new(HOUR, 2 * HOUR)]
    {
        let touched = touched(&*storage, touch).await?;
        ensure!(touched.value == value(), "another value was returned");
        ensure!(!touched.extended, "it was said to be extended");
        lifetime.check_remaining(touched.remaining)?;
    }
    Ok(())
}

async fn never_shortens(storage: Subject) -> Verdict {
    let (lifetime, ()) = Lifetime::of(HOUR, storage.set("key", value(), Some(HOUR))).await?;
    for ttl in [MINUTE, Duration::from_millis(1)] {
        let touched = touched(&*storage, Touch::new(ttl, Duration::ZERO)).await?;
        ensure!(!touched.extended, "it was said to be extended");
        lifetime.check_remaining(touched.remaining)?;
    }
    check_outlives(&*storage, "key", Duration::from_millis(1)).await
}

async fn never_expiring(storage: Subject) -> Verdict {
    storage.set("key", value(), None).await?;
    let short = Duration::from_millis(30);
    for ttl in [short, HOUR] {
        let touched = touched(&*storage, Touch::new(ttl, Duration::ZERO)).await?;
        ensure!(!touched.extended, "it was said to be extended");
        ensure!(touched.remaining.is_none(), "it was said to expire");
    }
    check_outlives(&*storage, "key", short).await
}

async fn zero(storage: Subject) -> Verdict {
    for ttl in [None, Some(HOUR)] {
        storage.set("key", value(), ttl).await?;
        let touched = touched(&*storage, Touch::new(Duration::ZERO, Duration::ZERO)).await?;
        ensure!(touched.value == value(), "another value was returned");
        ensure!(!touched.extended, "it was said to be extended");
        ensure!(storage.get("key").await?.is_some(), "a touch with a TTL of zero removed the value");
    }
    Ok(())
}

async fn huge(storage: Subject) -> Verdict {
    for slack in [Duration::ZERO, Duration::MAX] {
        storage.set("key", value(), Some(HOUR)).await?;
        touched(&*storage, Touch::new(Duration::MAX, slack)).await?;
        check_outlives(&*storage, "key", Duration::from_millis(1)).await?;
    }
    Ok(())
}

async fn keeps_the_value(storage: Subject) -> Verdict {
    for value in [Bytes::new(), Bytes::from_static(b"\0\xff\""), Bytes::from(vec![7; 10_000])] {
        storage.set("key", value.clone(), Some(MINUTE)).await?;
        let touched = touched(&*storage, Touch::new(HOUR, Duration::ZERO)).await?;
        ensure!(touched.value == value, "another value was returned");
        ensure!(storage.get("key").await? == Some(value), "another value was stored");
    }
    Ok(())
}

async fn racing_delete(storage: Subject) -> Verdict {
    for round in 0..10 {
        storage.set("key", value(), Some(MINUTE)).await?;
        race(4, |runner| {
            let storage = storage.share();
            async move {
                if runner == round % 4 {
                    storage.delete("key").await?;
                } else {
                    storage.get_and_touch("key", Touch::new(HOUR, Duration::ZERO)).await?;
                }
                Ok(())
            }
        })
        .await?;
        ensure!(storage.get("key").await?.is_none(), "a touch brought the key back in round {round}");
    }
    Ok(())
}

async fn racing_set(storage: Subject) -> Verdict {
    for round in 0..10 {
        storage.set("key", Bytes::from("old"), Some(MINUTE)).await?;
        race(4, |runner| {
            let storage = storage.share();
            async move {
                if runner == round % 4 {
                    storage.set("key", Bytes::from("new"), Some(MINUTE)).await?;
                } else {
                    storage.get_and_touch("key", Touch::new(HOUR, Duration::ZERO)).await?;
                }
                Ok(())
            }
        })
        .await?;
        let read = storage.get("key").await?;
        ensure!(read == Some(Bytes::from("new")), "a touch brought the old value back in round {round}");
    }
    Ok(())
}

async fn default_always_extends(storage: Subject) -> Verdict {
    for ttl in [MINUTE, HOUR] {
        storage.set("key", value(), Some(ttl)).await?;
        let touched = touched(&*storage, Touch::new(HOUR, HOUR)).await?;
        ensure!(touched.value == value(), "another value was returned");
        ensure!(touched.extended, "it was not said to be extended");
        ensure!(touched.remaining == Some(HOUR), "it was said to live for {:?}", touched.remaining);
    }
    Ok(())
}
