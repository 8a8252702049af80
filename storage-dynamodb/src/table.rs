//! The table: found and checked, or created.

use std::time::Duration;

use aws_sdk_dynamodb::{
    Client,
    operation::{create_table::CreateTableError, describe_table::DescribeTableError},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, TableDescription,
        TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
    },
};
use cloakroom_storage::{Operation, Result};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use crate::{
    date::DateCheck,
    error::{failed, misconfigured, unavailable},
    item::{KEY, TTL},
};

/// How long a new table may take to become usable; on AWS about ten seconds.
const CREATION_TIMEOUT: Duration = Duration::from_secs(120);

const POLL: Duration = Duration::from_millis(500);

pub(crate) struct Table<'a> {
    pub(crate) client: &'a Client,
    pub(crate) name: &'a str,
}

impl Table<'_> {
    /// Finds the table, or creates it where that is wanted, and checks that it fits. Any number of nodes may do
    /// so at once.
    pub(crate) async fn prepare(&self, create: bool, connect_timeout: Duration) -> Result<()> {
        let first = timeout(connect_timeout, self.describe())
            .await
            .map_err(|_| unavailable(Operation::Open, no_answer(connect_timeout)))??;
        let was_ready = first.as_ref().is_some_and(is_ready);
        let (description, created) = self.wait_until_ready(first, create).await?;
        self.check_key(&description)?;
        if created {
            self.enable_ttl().await?;
        } else if was_ready {
            self.warn_without_ttl().await;
        }
        Ok(())
    }

    async fn describe(&self) -> Result<Option<TableDescription>> {
        let call = self.client.describe_table().table_name(self.name).customize().interceptor(DateCheck);
        match call.send().await {
            Ok(found) => Ok(found.table),
            Err(error) => match error.as_service_error() {
                Some(DescribeTableError::ResourceNotFoundException(_)) => Ok(None),
                _ => Err(failed(Operation::Open, &error)),
            },
        }
    }

    /// The table, and whether it was us who created it.
    async fn wait_until_ready(
        &self,
        mut found: Option<TableDescription>,
        create: bool,
    ) -> Result<(TableDescription, bool)> {
        let deadline = Instant::now() + CREATION_TIMEOUT;
        let mut created = false;
        loop {
            match found {
                Some(table) if is_ready(&table) => return Ok((table, created)),
                Some(_) => {}
                None if create => created |= self.create().await?,
                None => return Err(self.missing()),
            }
            if Instant::now() >= deadline {
                return Err(unavailable(
                    Operation::Open,
                    format!("the table `{}` is still not usable after {CREATION_TIMEOUT:?}", self.name),
                ));
            }
            found = self.describe().await?;
            if !found.as_ref().is_some_and(is_ready) {
                sleep(POLL).await;
            }
        }
    }

    /// Whether it was us: another node may be faster.
    async fn create(&self) -> Result<bool> {
        let call = self
            .client
            .create_table()
            .table_name(self.name)
            .set_attribute_definitions(
                AttributeDefinition::builder()
                    .attribute_name(KEY)
                    .attribute_type(ScalarAttributeType::S)
                    .build()
                    .ok()
                    .map(|key| vec![key]),
            )
            .set_key_schema(
                KeySchemaElement::builder()
                    .attribute_name(KEY)
                    .key_type(KeyType::Hash)
                    .build()
                    .ok()
                    .map(|key| vec![key]),
            )
            .billing_mode(BillingMode::PayPerRequest);
        match call.send().await {
            Ok(_) => {
                info!(table = self.name, "created the DynamoDB table, which takes some seconds");
                Ok(true)
            }
            Err(error) => match error.as_service_error() {
                Some(CreateTableError::ResourceInUseException(_)) => Ok(false),
                _ => Err(failed(Operation::Open, &error)),
            },
        }
    }

    /// Its partition key is the string `k`, and it has no sort key.
    fn check_key(&self, table: &TableDescription) -> Result<()> {
        let is_string = |name: &str| {
            let mut definitions = table.attribute_definitions().iter();
            definitions.any(|known| {
                known.attribute_name() == name && *known.attribute_type() == ScalarAttributeType::S
            })
        };
        match table.key_schema() {
            [key] if key.attribute_name() == KEY && is_string(KEY) => Ok(()),
            _ => Err(misconfigured(format!(
                "the table `{}` has another key than the string `{KEY}` alone, so it is not Cloakroom's; name \
                 another table, or create one: {}",
                self.name,
                self.how_to_create()
            ))),
        }
    }

    async fn enable_ttl(&self) -> Result<()> {
        let specification = TimeToLiveSpecification::builder().enabled(true).attribute_name(TTL).build();
        let call = self.client.update_time_to_live().table_name(self.name);
        match call.set_time_to_live_specification(specification.ok()).send().await {
            Ok(_) => Ok(()),
            Err(error) => Err(failed(Operation::Open, &error)),
        }
    }

    /// Without it everything works, and expired items are kept and paid for.
    async fn warn_without_ttl(&self) {
        let enabled = match self.client.describe_time_to_live().table_name(self.name).send().await {
            Ok(answer) => answer.time_to_live_description.is_some_and(|ttl| {
                let on = matches!(
                    ttl.time_to_live_status(),
                    Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling)
                );
                on && ttl.attribute_name() == Some(TTL)
            }),
            Err(error) => {
                let error = failed(Operation::Open, &error);
                warn!(table = self.name, %error, "cannot see whether expired items are reaped");
                return;
            }
        };
        if !enabled {
            let cure = self.how_to_enable_ttl();
            warn!(table = self.name, %cure, "expired items are never reaped, as the table's TTL is not on `ttl`");
        }
    }

    fn missing(&self) -> cloakroom_storage::StorageError {
        misconfigured(format!(
            "there is no table `{}` in this region, and `create_table` is false; create it: {}",
            self.name,
            self.how_to_create()
        ))
    }

    fn how_to_create(&self) -> String {
        let name = self.name;
        format!(
            "aws dynamodb create-table --table-name {name} --billing-mode PAY_PER_REQUEST \
             --attribute-definitions AttributeName={KEY},AttributeType=S \
             --key-schema AttributeName={KEY},KeyType=HASH \
             && aws dynamodb wait table-exists --table-name {name} && {}",
            self.how_to_enable_ttl()
        )
    }

    fn how_to_enable_ttl(&self) -> String {
        format!(
            "aws dynamodb update-time-to-live --table-name {} \
             --time-to-live-specification Enabled=true,AttributeName={TTL}",
            self.name
        )
    }
}

fn is_ready(table: &TableDescription) -> bool {
    matches!(table.table_status(), Some(TableStatus::Active | TableStatus::Updating))
}

pub(crate) fn no_answer(connect_timeout: Duration) -> String {
    format!(
        "no answer within {connect_timeout:?}; check `region` and `endpoint`, that this machine can reach it, and \
         its credentials"
    )
}
