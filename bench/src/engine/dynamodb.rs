use std::{
    collections::HashMap,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{
    Client,
    config::Credentials,
    error::{DisplayErrorContext, SdkError},
    primitives::Blob,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure::AllOld},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use bytes::Bytes;

use super::{Engine, SLACK, TTL, millis};
use crate::error::Failure;

/// The SDK, with Cloakroom's calls on Cloakroom's table.
pub(super) struct Dynamodb {
    client: Client,
    table: String,
}

fn failed<E: std::error::Error + Send + Sync + 'static>(error: E) -> Failure {
    Failure::SetUp { what: "the SDK of DynamoDB", reason: DisplayErrorContext(error).to_string() }
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn binary(bytes: &[u8]) -> AttributeValue {
    AttributeValue::B(Blob::new(bytes))
}

type Item = HashMap<String, AttributeValue>;

/// The live value and its expiry.
fn live(item: Option<Item>) -> Option<(Bytes, i64)> {
    let mut item = item?;
    let Some(AttributeValue::B(value)) = item.remove("v") else { return None };
    let expires_at = item.get("expires_at")?.as_n().ok()?.parse().ok()?;
    (expires_at > now()).then(|| (value.into_inner().into(), expires_at))
}

fn item(key: &str, value: &[u8]) -> Item {
    let expires_at = now() + millis(TTL) + 1;
    HashMap::from([
        ("k".to_owned(), AttributeValue::S(key.to_owned())),
        ("v".to_owned(), binary(value)),
        ("expires_at".to_owned(), number(expires_at)),
        ("ttl".to_owned(), number((expires_at + 999) / 1_000)),
    ])
}

impl Dynamodb {
    /// Of a URL such as `dynamodb:TABLE?endpoint=http://127.0.0.1:8000`; DynamoDB Local takes any credentials.
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let (_, rest) = url.split_once(':').unwrap_or_default();
        let (table, query) = rest.split_once('?').unwrap_or_default();
        let option = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(its, _)| *its == name).map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let key = Credentials::new(option("access_key_id"), option("secret_access_key"), None, None, "bench");
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new(option("region")))
            .endpoint_url(option("endpoint"))
            .credentials_provider(key)
            .load()
            .await;
        Ok(Self { client: Client::new(&config), table: table.to_owned() })
    }

    async fn read(&self, key: &str) -> Result<Option<(Bytes, i64)>, Failure> {
        let key = AttributeValue::S(key.to_owned());
        let get = self.client.get_item().table_name(&self.table).key("k", key).consistent_read(true);
        Ok(live(get.send().await.map_err(failed)?.item))
    }
}

impl Engine for Dynamodb {
    fn name(&self) -> &'static str {
        "the SDK"
    }

    async fn get(&self, key: &str) -> Result<Option<Bytes>, Failure> {
        Ok(self.read(key).await?.map(|(value, _)| value))
    }

    async fn set(&self, key: &str, value: Bytes) -> Result<(), Failure> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item(key, &value)));
        put.send().await.map(drop).map_err(failed)
    }

    async fn get_and_touch(&self, key: &str) -> Result<Option<(Bytes, bool)>, Failure> {
        let Some((value, expires_at)) = self.read(key).await? else { return Ok(None) };
        let (now, fresh) = (now(), now() + millis(TTL - SLACK));
        if expires_at >= fresh {
            return Ok(Some((value, false)));
        }
        let expires_at = now + millis(TTL) + 1;
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("k", AttributeValue::S(key.to_owned()))
            .condition_expression("attribute_exists(k) AND expires_at > :now AND expires_at < :fresh")
            .update_expression("SET expires_at = :expiry, #ttl = :ttl")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":now", number(now))
            .expression_attribute_values(":fresh", number(fresh))
            .expression_attribute_values(":expiry", number(expires_at))
            .expression_attribute_values(":ttl", number((expires_at + 999) / 1_000));
        match update.send().await {
            Ok(_) => Ok(Some((value, true))),
            // Another was faster.
            Err(error) if is_refused(&error) => Ok(Some((value, false))),
            Err(error) => Err(failed(error)),
        }
    }

    async fn compare_and_swap(&self, key: &str, expected: &[u8], new: Bytes) -> Result<bool, Failure> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item(key, &new)))
            .condition_expression("v = :expected AND (attribute_not_exists(expires_at) OR expires_at > :now)")
            .expression_attribute_values(":expected", binary(expected))
            .expression_attribute_values(":now", number(now()))
            .return_values_on_condition_check_failure(AllOld);
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error) if is_refused(&error) => Ok(false),
            Err(error) => Err(failed(error)),
        }
    }
}

fn is_refused<E: aws_sdk_dynamodb::error::ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.as_service_error().and_then(|error| error.code()) == Some("ConditionalCheckFailedException")
}
