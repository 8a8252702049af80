use cloakroom_storage::Bytes;

use crate::{
    Case,
    case::{Verdict, case, ensure},
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("basic/missing-is-none", "A key that was never set reads as `Ok(None)`.", [], missing_is_none),
        case!("basic/set-is-read-back", "What was set is what is read.", [], set_is_read_back),
        case!("basic/set-replaces-the-value", "A second set replaces the value.", [], set_replaces),
        case!("basic/delete-removes", "A deleted key reads as `Ok(None)`.", [], delete_removes),
        case!("basic/delete-of-missing-is-ok", "Deleting a missing key is success.", [], delete_of_missing),
        case!(
            "basic/keys-are-independent",
            "Setting or deleting a key leaves every other key as it was.",
            [],
            keys_are_independent
        ),
    ]
}

async fn missing_is_none(storage: Subject) -> Verdict {
    ensure!(storage.get("missing").await?.is_none(), "a key that was never set has a value");
    Ok(())
}

async fn set_is_read_back(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("value"), None).await?;
    ensure!(storage.get("key").await? == Some(Bytes::from("value")), "another value, or none, is read");
    Ok(())
}

async fn set_replaces(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("a first, longer value"), None).await?;
    storage.set("key", Bytes::from("second"), None).await?;
    ensure!(storage.get("key").await? == Some(Bytes::from("second")), "the second value is not what is read");
    Ok(())
}

async fn delete_removes(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("value"), None).await?;
    storage.delete("key").await?;
    ensure!(storage.get("key").await?.is_none(), "the value is still there");
    Ok(())
}

async fn delete_of_missing(storage: Subject) -> Verdict {
    storage.delete("missing").await?;
    storage.delete("missing").await?;
    Ok(())
}

async fn keys_are_independent(storage: Subject) -> Verdict {
    for key in ["key", "key1", "ke", "1key"] {
        storage.set(key, Bytes::from(key), None).await?;
    }
    storage.set("key", Bytes::from("new"), None).await?;
    storage.delete("key").await?;
    for key in ["key1", "ke", "1key"] {
        ensure!(storage.get(key).await? == Some(Bytes::from(key)), "a neighbour has changed");
    }
    Ok(())
}
