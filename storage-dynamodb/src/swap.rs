use std::time::Duration;

use aws_sdk_dynamodb::{
    operation::{delete_item::DeleteItemError, put_item::PutItemError},
    primitives::Blob,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure::AllOld},
};
use cloakroom_storage::{Bytes, Operation, Result, Swap};

use crate::{
    backoff::Backoff,
    clock::Now,
    item::{self, Attributes, EXPIRES_AT, KEY, MAX_VALUE_BYTES, TTL, VALUE},
    refusal::{Refusal, THROTTLED_RETRIES},
    storage::{Inner, live},
};

const OPERATION: Operation = Operation::CompareAndSwap;

/// There is no live item.
const NONE: &str = "attribute_not_exists(k) OR expires_at <= :now";

/// There is a live item with the expected value.
const EXPECTED: &str = "v = :expected AND (attribute_not_exists(expires_at) OR expires_at > :now)";

impl Inner {
    pub(crate) async fn compare_and_swap(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<Bytes>,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        match (expected, new) {
            // There is nothing to do if nothing is there.
            (None, None) => Ok(match self.current(key).await? {
                None => Swap::Swapped,
                current => Swap::Conflict { current },
            }),
            // What could not be stored is not there, and a condition need not carry it.
            (Some(expected), _) if expected.len() > MAX_VALUE_BYTES => {
                Ok(Swap::Conflict { current: self.current(key).await? })
            }
            (expected, Some(new)) => self.replace(key, expected, new, ttl).await,
            (Some(expected), None) => self.remove_expected(key, expected).await,
        }
    }

    async fn current(&self, key: &str) -> Result<Option<Bytes>> {
        Ok(self.read(OPERATION, key).await?.map(|(item, _)| item.value))
    }

    async fn replace(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Bytes,
        ttl: Option<Duration>,
    ) -> Result<Swap> {
        let mut backoff = Backoff::new(THROTTLED_RETRIES);
        loop {
            let now = Now::read();
            let mut call = self
                .once
                .put_item()
                .table_name(&self.table)
                .item(KEY, self.key(key))
                .item(VALUE, binary(&new))
                .expression_attribute_values(":now", item::millis(now.millis()))
                .return_values_on_condition_check_failure(AllOld);
            if let Some(ttl) = ttl {
                let expires_at = now.expiry(ttl);
                call = call.item(EXPIRES_AT, item::millis(expires_at)).item(TTL, item::reaped_at(expires_at));
            }
            call = match expected {
                None => call.condition_expression(NONE),
                Some(expected) => call
                    .condition_expression(EXPECTED)
                    .expression_attribute_values(":expected", binary(expected)),
            };
            let Err(error) = call.send().await else { return Ok(Swap::Swapped) };
            match Refusal::new(OPERATION, error, of_put) {
                Refusal::Condition(found) => return conflict(found, now),
                Refusal::Throttled(error) if !backoff.pause().await => return Err(error),
                Refusal::Throttled(_) => {}
                Refusal::Failed(error) => return Err(error),
            }
        }
    }

    async fn remove_expected(&self, key: &str, expected: &[u8]) -> Result<Swap> {
        let mut backoff = Backoff::new(THROTTLED_RETRIES);
        loop {
            let now = Now::read();
            let call = self
                .once
                .delete_item()
                .table_name(&self.table)
                .key(KEY, self.key(key))
                .condition_expression(EXPECTED)
                .expression_attribute_values(":now", item::millis(now.millis()))
                .expression_attribute_values(":expected", binary(expected))
                .return_values_on_condition_check_failure(AllOld);
            let Err(error) = call.send().await else { return Ok(Swap::Swapped) };
            match Refusal::new(OPERATION, error, of_delete) {
                Refusal::Condition(found) => return conflict(found, now),
                Refusal::Throttled(error) if !backoff.pause().await => return Err(error),
                Refusal::Throttled(_) => {}
                Refusal::Failed(error) => return Err(error),
            }
        }
    }
}

/// What the loser is told: the item that the condition was false of, by the time that it was judged by.
fn conflict(found: Option<Attributes>, now: Now) -> Result<Swap> {
    let current = live(OPERATION, found, now)?.map(|(item, _)| item.value);
    Ok(Swap::Conflict { current })
}

fn binary(value: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(value))
}

fn of_put(error: PutItemError) -> Option<Attributes> {
    match error {
        PutItemError::ConditionalCheckFailedException(failure) => failure.item,
        _ => None,
    }
}

fn of_delete(error: DeleteItemError) -> Option<Attributes> {
    match error {
        DeleteItemError::ConditionalCheckFailedException(failure) => failure.item,
        _ => None,
    }
}
