use cloakroom_storage::{Bytes, ErrorKind, Result, Storage};

use crate::{
    Case,
    case::{Failure, Verdict, case, ensure},
    need::MEBIBYTE,
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "value/empty-is-a-value",
            "The empty value is a value: `Some` of nothing, not `None`.",
            [],
            empty
        ),
        case!("value/any-bytes", "A value is any bytes.", [], any_bytes),
        case!("value/one-mebibyte", "A value of 1 MiB is read back whole.", [Mebibyte], one_mebibyte),
        case!(
            "value/limit",
            "A value of `max_value_bytes` works; one byte more is `ValueTooLarge`, the old value untouched.",
            [ValueLimit],
            limit
        ),
    ]
}

async fn empty(storage: Subject) -> Verdict {
    storage.set("key", Bytes::from("value"), None).await?;
    storage.set("key", Bytes::new(), None).await?;
    ensure!(storage.get("key").await? == Some(Bytes::new()), "the empty value is not read back");
    Ok(())
}

async fn any_bytes(storage: Subject) -> Verdict {
    for byte in [0, b'"', b'\\', 0x7f, 0x80, 0xff] {
        let alone = Bytes::from(vec![byte]);
        storage.set("key", alone.clone(), None).await?;
        ensure!(storage.get("key").await? == Some(alone), "the byte {byte:#04x} alone is not read back");
    }
    let all: Bytes = (0..=u8::MAX).chain((0..=u8::MAX).rev()).collect();
    is_read_back(&*storage, all).await
}

async fn one_mebibyte(storage: Subject) -> Verdict {
    is_read_back(&*storage, (0..=u8::MAX).cycle().take(MEBIBYTE).collect()).await
}

async fn limit(storage: Subject) -> Verdict {
    let limit = storage.capabilities().max_value_bytes.unwrap_or_default();
    let (largest, larger) = (Bytes::from(vec![0; limit]), Bytes::from(vec![0; limit + 1]));
    is_read_back(&*storage, largest).await?;
    storage.set("key", Bytes::from("old"), None).await?;
    is_refused("set", storage.set("key", larger.clone(), None).await)?;
    let swap = storage.compare_and_swap("key", Some(b"old"), Some(larger), None).await;
    is_refused("compare_and_swap", swap)?;
    ensure!(storage.get("key").await? == Some(Bytes::from("old")), "the old value was touched");
    Ok(())
}

async fn is_read_back(storage: &dyn Storage, value: Bytes) -> Verdict {
    let size = value.len();
    storage.set("key", value.clone(), None).await?;
    let read = storage.get("key").await?;
    let read_size = read.as_ref().map(Bytes::len);
    ensure!(read == Some(value), "of {size} bytes, {read_size:?} were read back, or others");
    Ok(())
}

fn is_refused<T>(method: &str, result: Result<T>) -> Verdict {
    match result {
        Err(error) if error.kind() == ErrorKind::ValueTooLarge => Ok(()),
        Err(error) => {
            Err(Failure::new(format!("{method} fails with another kind than ValueTooLarge: {error}")))
        }
        Ok(_) => Err(Failure::new(format!("{method} accepts a value over the limit"))),
    }
}
