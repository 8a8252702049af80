use aws_sdk_dynamodb::{
    operation::update_item::UpdateItemError,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure},
};
use cloakroom_storage::{Operation, Result, Touch, Touched, ttl};

use crate::{
    backoff::Backoff,
    clock::Now,
    item::{self, Item, KEY, TTL},
    refusal::{Refusal, THROTTLED_RETRIES},
    storage::{Inner, live},
};

const OPERATION: Operation = Operation::GetAndTouch;

impl Inner {
    /// A write costs five times a read and more, and as much if its condition fails: so reading comes first, where
    /// the slack lets most touches end there.
    pub(crate) async fn get_and_touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        if touch.slack.is_zero() && !touch.ttl.is_zero() {
            return self.touch(key, touch).await;
        }
        match self.read(OPERATION, key).await? {
            Some((item, now)) if is_stale(&item, now, touch) => self.touch(key, touch).await,
            found => Ok(found.map(untouched)),
        }
    }

    /// Extends a live item that is stale in one call, which returns the item in any case.
    async fn touch(&self, key: &str, touch: Touch) -> Result<Option<Touched>> {
        let mut backoff = Backoff::new(THROTTLED_RETRIES);
        loop {
            let now = Now::read();
            let expires_at = now.expiry(touch.ttl);
            let call = self
                .once
                .update_item()
                .table_name(&self.table)
                .key(KEY, self.key(key))
                // An update of a missing item would create one, without a value.
                .condition_expression("attribute_exists(k) AND expires_at > :now AND expires_at < :fresh")
                .update_expression("SET expires_at = :expiry, #ttl = :ttl")
                .expression_attribute_names("#ttl", TTL)
                .expression_attribute_values(":now", item::millis(now.millis()))
                .expression_attribute_values(":fresh", item::millis(fresh_from(now, touch)))
                .expression_attribute_values(":expiry", item::millis(expires_at))
                .expression_attribute_values(":ttl", item::reaped_at(expires_at))
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            let error = match call.send().await {
                Ok(updated) => {
                    let found = live(OPERATION, updated.attributes, now)?;
                    return Ok(found.map(|(item, _)| extended(item, touch)));
                }
                Err(error) => error,
            };
            match Refusal::new(OPERATION, error, item_of) {
                Refusal::Condition(found) => return Ok(live(OPERATION, found, now)?.map(untouched)),
                Refusal::Throttled(error) if !backoff.pause().await => return Err(error),
                Refusal::Throttled(_) => {}
                Refusal::Failed(error) => return Err(error),
            }
        }
    }
}

/// The earliest expiry that is not extended.
fn fresh_from(now: Now, touch: Touch) -> u64 {
    now.expiry(touch.threshold())
}

fn is_stale(item: &Item, now: Now, touch: Touch) -> bool {
    item.expires_at.is_some_and(|expires_at| expires_at < fresh_from(now, touch))
}

fn untouched((item, now): (Item, Now)) -> Touched {
    Touched { extended: false, remaining: item.remaining(now), value: item.value }
}

fn extended(item: Item, touch: Touch) -> Touched {
    Touched { value: item.value, extended: true, remaining: Some(ttl::clamp(touch.ttl)) }
}

fn item_of(error: UpdateItemError) -> Option<item::Attributes> {
    match error {
        UpdateItemError::ConditionalCheckFailedException(failure) => failure.item,
        _ => None,
    }
}
