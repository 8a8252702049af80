use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::batch_write_item::BatchWriteItemOutput,
    types::{DeleteRequest, WriteRequest},
};
use cloakroom_storage::{Operation, Result};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    backoff::Backoff,
    error::{failed, is_throttled, unavailable},
    item::{Attributes, KEY},
    storage::Inner,
};

const OPERATION: Operation = Operation::Reset;

/// The most writes that DynamoDB takes in a batch.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>
const BATCH: usize = 25;

/// How many batches are under way at once.
const CONCURRENCY: usize = 4;

/// How often a batch is sent again that made no progress; about ten seconds in all.
const FRUITLESS_RETRIES: u32 = 10;

impl Inner {
    /// Deletes by key what a scan finds: what others write meanwhile outlives it or not, as if written before or
    /// after.
    pub(crate) async fn reset(&self) -> Result<()> {
        let mut after = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.table)
                .consistent_read(true)
                .filter_expression("begins_with(k, :prefix)")
                .expression_attribute_values(":prefix", self.key(""))
                .projection_expression(KEY)
                .set_exclusive_start_key(after)
                .send()
                .await
                .map_err(|error| failed(OPERATION, &error))?;
            self.delete_all(page.items.unwrap_or_default()).await?;
            after = page.last_evaluated_key;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    async fn delete_all(&self, keys: Vec<Attributes>) -> Result<()> {
        let mut requests = keys.into_iter().filter_map(deletion).peekable();
        let mut batches = Vec::new();
        while requests.peek().is_some() {
            batches.push(requests.by_ref().take(BATCH).collect::<Vec<_>>());
        }
        stream::iter(batches)
            .map(|batch| self.delete_batch(batch))
            .buffer_unordered(CONCURRENCY)
            .try_collect::<()>()
            .await
    }

    /// DynamoDB may process a part of a batch only, and says which part it did not.
    async fn delete_batch(&self, mut batch: Vec<WriteRequest>) -> Result<()> {
        let mut backoff = Backoff::new(FRUITLESS_RETRIES);
        loop {
            let size = batch.len();
            let requests = HashMap::from([(self.table.clone(), batch.clone())]);
            match self.client.batch_write_item().set_request_items(Some(requests)).send().await {
                Ok(answer) => batch = unprocessed(answer),
                Err(error) if is_throttled(&error) => {}
                Err(error) => return Err(failed(OPERATION, &error)),
            }
            if batch.is_empty() {
                return Ok(());
            }
            if batch.len() < size {
                backoff.reset();
            }
            if !backoff.pause().await {
                return Err(unavailable(
                    OPERATION,
                    "DynamoDB throttles the table, and some keys are left; try again, with more capacity",
                ));
            }
        }
    }
}

fn deletion(mut attributes: Attributes) -> Option<WriteRequest> {
    let key = attributes.remove(KEY)?;
    let request = DeleteRequest::builder().key(KEY, key).build().ok()?;
    Some(WriteRequest::builder().delete_request(request).build())
}

/// All of the one table that was named, whatever it is called in the answer.
fn unprocessed(answer: BatchWriteItemOutput) -> Vec<WriteRequest> {
    answer.unprocessed_items.into_iter().flatten().flat_map(|(_, requests)| requests).collect()
}
