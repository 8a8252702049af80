use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use cloakroom_storage::{Operation, StorageError};

use crate::{
    error::{failed, is_throttled},
    item::Attributes,
};

/// How often a write with a condition is tried again after it was throttled, with the time of then.
pub(crate) const THROTTLED_RETRIES: u32 = 4;

/// Why a write with a condition did not take place, or perhaps did not.
pub(crate) enum Refusal {
    /// The condition is false, of this item; `None`: there is none.
    Condition(Option<Attributes>),
    /// Not carried out for now: may be tried again.
    Throttled(StorageError),
    /// Perhaps carried out: must not be tried again.
    Failed(StorageError),
}

impl Refusal {
    pub(crate) fn new<E>(
        operation: Operation,
        error: SdkError<E>,
        item_of: fn(E) -> Option<Attributes>,
    ) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(refusal)
                if refusal.err().code() == Some("ConditionalCheckFailedException") =>
            {
                Self::Condition(item_of(refusal.into_err()))
            }
            error if is_throttled(&error) => Self::Throttled(failed(operation, &error)),
            error => Self::Failed(failed(operation, &error)),
        }
    }
}
