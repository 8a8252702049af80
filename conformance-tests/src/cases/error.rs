use std::{error::Error, time::Duration};

use cloakroom_storage::{Bytes, Operation, StorageError, Touch};

use crate::{
    Case,
    case::{Verdict, case, ensure},
    subject::Subject,
};

pub(super) fn cases() -> Vec<Case> {
    vec![
        case!(
            "error/names-backend-and-operation",
            "An error names its backend and its operation.",
            [],
            names
        ),
        case!(
            "error/shows-no-key-or-value",
            "No error shows a key or a value, nor does its source.",
            [],
            shows
        ),
    ]
}

const KEY_SECRET: &str = "s3cret-key";
const VALUE_SECRET: &str = "s3cret-value";

/// Every error that can be provoked from outside, with the operation that it must name.
async fn provoke(storage: &Subject) -> Vec<(Operation, StorageError)> {
    let (value, touch) = (Bytes::from(VALUE_SECRET), Touch::new(Duration::from_secs(60), Duration::ZERO));
    let long = KEY_SECRET.repeat(storage.capabilities().max_key_bytes);
    let mut errors = Vec::new();
    let mut keep =
        |operation, error: Option<StorageError>| errors.extend(error.map(|error| (operation, error)));
    for key in [&format!("{KEY_SECRET}\0"), &long] {
        keep(Operation::Get, storage.get(key).await.err());
        keep(Operation::Set, storage.set(key, value.clone(), None).await.err());
        keep(Operation::Delete, storage.delete(key).await.err());
        keep(Operation::GetAndTouch, storage.get_and_touch(key, touch).await.err());
        let swap =
            storage.compare_and_swap(key, Some(VALUE_SECRET.as_bytes()), Some(value.clone()), None).await;
        keep(Operation::CompareAndSwap, swap.err());
    }
    if let Some(limit) = storage.capabilities().max_value_bytes {
        let large = Bytes::from(VALUE_SECRET.repeat(limit / VALUE_SECRET.len() + 1));
        keep(Operation::Set, storage.set(KEY_SECRET, large, None).await.err());
    }
    if storage.capabilities().close && storage.close().await.is_ok() {
        keep(Operation::Get, storage.get(KEY_SECRET).await.err());
        keep(Operation::Set, storage.set(KEY_SECRET, value, None).await.err());
        keep(Operation::Ping, storage.ping().await.err());
    }
    errors
}

async fn names(storage: Subject) -> Verdict {
    let backend = storage.capabilities().backend;
    let default_methods = [Operation::GetAndTouch, Operation::CompareAndSwap, Operation::Ping];
    for (operation, error) in provoke(&storage).await {
        ensure!(
            error.backend() == backend,
            "an error of {operation} names the backend {:?}",
            error.backend()
        );
        let named = error.operation();
        // The default methods are built from `get`, and fail as it does.
        let fits = named == operation || (named == Operation::Get && default_methods.contains(&operation));
        ensure!(fits, "an error of {operation} names the operation {named}");
    }
    Ok(())
}

async fn shows(storage: Subject) -> Verdict {
    for (operation, error) in provoke(&storage).await {
        let mut shown = format!("{error} {error:?} {error:#?}");
        let mut source = error.source();
        while let Some(cause) = source {
            shown.push_str(&format!(" {cause} {cause:?}"));
            source = cause.source();
        }
        ensure!(!shown.contains(KEY_SECRET), "an error of {operation} shows the key");
        ensure!(!shown.contains(VALUE_SECRET), "an error of {operation} shows a value");
    }
    Ok(())
}
