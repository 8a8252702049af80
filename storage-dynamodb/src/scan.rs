use std::{collections::HashMap, num::NonZeroUsize};

use aws_sdk_dynamodb::types::AttributeValue;
use cloakroom_storage::{Cursor, Entry, Operation, Page, Result};

use crate::{
    clock::Now,
    error::failed,
    item::{Attributes, KEY},
    storage::{Inner, live},
};

const OPERATION: Operation = Operation::Scan;

impl Inner {
    /// The cursor is the partition key of the item that the last page ended with, perhaps one of another
    /// namespace.
    pub(crate) async fn scan(&self, after: Option<&Cursor>, limit: NonZeroUsize) -> Result<Page> {
        let start =
            after.map(|key| HashMap::from([(KEY.to_owned(), AttributeValue::S(key.as_str().to_owned()))]));
        let page = self
            .client
            .scan()
            .table_name(&self.table)
            .consistent_read(true)
            .filter_expression("begins_with(k, :prefix)")
            .expression_attribute_values(":prefix", self.key(""))
            .limit(i32::try_from(limit.get()).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| failed(OPERATION, &error))?;
        let (mut entries, now) = (Vec::new(), Now::read());
        for attributes in page.items.unwrap_or_default() {
            entries.extend(self.entry(attributes, now)?);
        }
        let next = page.last_evaluated_key.and_then(|mut key| partition_key(&mut key)).map(Cursor::new);
        Ok(Page { entries, next })
    }

    /// The item as the caller knows it, if it is live.
    fn entry(&self, mut attributes: Attributes, now: Now) -> Result<Option<Entry>> {
        let whole = partition_key(&mut attributes).unwrap_or_default();
        let Some(key) = whole.strip_prefix(self.namespace.prefix()) else { return Ok(None) };
        let found = live(OPERATION, Some(attributes), now)?;
        Ok(found.map(|(item, now)| {
            let ttl = item.remaining(now);
            Entry { key: key.to_owned(), value: item.value, ttl }
        }))
    }
}

fn partition_key(attributes: &mut Attributes) -> Option<String> {
    match attributes.remove(KEY) {
        Some(AttributeValue::S(key)) => Some(key),
        _ => None,
    }
}
