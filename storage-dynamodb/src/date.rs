use std::time::SystemTime;

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents, interceptors::BeforeDeserializationInterceptorContextRef,
    },
    error::BoxError,
    primitives::{DateTime, DateTimeFormat},
};
use tracing::warn;

/// The `Date` of an answer has whole seconds, and is a round trip old.
const TOLERATED_SECONDS: i64 = 3;

/// Warns if this node's clock is not DynamoDB's, as all expiry goes by it.
#[derive(Debug)]
pub(crate) struct DateCheck;

impl Intercept for DateCheck {
    fn name(&self) -> &'static str {
        "cloakroom date check"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        if let Some(theirs) = date.and_then(|date| DateTime::from_str(date, DateTimeFormat::HttpDate).ok()) {
            let ahead = DateTime::from(SystemTime::now()).secs().saturating_sub(theirs.secs());
            if ahead.abs() > TOLERATED_SECONDS {
                warn!(
                    seconds_ahead = ahead,
                    "this machine's clock is not DynamoDB's, so values expire early or late; synchronise it (NTP)"
                );
            }
        }
        Ok(())
    }
}
