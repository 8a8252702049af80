use std::{num::NonZeroUsize, time::Duration};

use cloakroom_storage::{Bytes, ErrorKind, Result, Touch};

use crate::{
    Case,
    case::{Failure, Verdict, case},
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!("close/is-idempotent", "A storage may be closed again.", [Close], is_idempotent),
        case!(
            "close/later-operations-fail",
            "After a close, every operation fails with `Closed`.",
            [Close],
            later_operations_fail
        ),
        case!(
            "close/default-is-ok",
            "Closing a storage that does not claim it is success.",
            [NoClose],
            is_idempotent
        ),
    ]
}

async fn is_idempotent(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("value"), None).await?;
    for _ in 0..3 {
        storage.close().await?;
    }
    Ok(())
}

async fn later_operations_fail(storage: Subject) -> Verdict {
    let (value, touch) = (Bytes::from("value"), Touch::new(Duration::from_secs(60), Duration::ZERO));
    storage.set("key", value.clone(), None).await?;
    storage.close().await?;
    is_closed("get", storage.get("key").await)?;
    is_closed("set", storage.set("key", value.clone(), None).await)?;
    is_closed("delete", storage.delete("key").await)?;
    is_closed("reset", storage.reset().await)?;
    is_closed("get_and_touch", storage.get_and_touch("key", touch).await)?;
    is_closed("compare_and_swap", storage.compare_and_swap("key", Some(b"value"), Some(value), None).await)?;
    if storage.capabilities().scan {
        is_closed("scan", storage.scan(None, NonZeroUsize::MIN).await)?;
    }
    is_closed("purge_expired", storage.purge_expired().await)?;
    is_closed("ping", storage.ping().await)
}

fn is_closed<T>(method: &str, result: Result<T>) -> Verdict {
    match result {
        Err(error) if error.kind() == ErrorKind::Closed => Ok(()),
        Err(error) => Err(Failure::new(format!("{method} fails with another kind than Closed: {error}"))),
        Ok(_) => Err(Failure::new(format!("{method} still works"))),
    }
}
