use std::sync::Arc;

use cloakroom_storage::{Bytes, ErrorKind, Operation, Result, StorageError};
use sqlx::{Arguments, Postgres, error::BoxDynError, postgres::PgArguments};

use crate::sql::{
    client::{Client, Repeat, column},
    engine::Engine,
    statement::{Arg, Statement},
};

use super::{batcher::Question, statements::Statements};

/// What the statements of a storage need.
pub(super) struct Table {
    pub(super) client: Client<Postgres>,
    pub(super) statements: Statements,
}

/// Whether a value was swapped and, if not, the current one.
pub(super) type Swapped = (bool, Option<Vec<u8>>);

impl Table {
    pub(super) async fn swap(
        &self,
        operation: Operation,
        statement: &Statement<Postgres>,
        args: &[Arg<'_>],
    ) -> Result<Swapped> {
        let row = self.client.row(operation, Repeat::Never, statement, args).await?;
        let Some(row) = row else { return Ok((false, None)) };
        Ok((column(operation, &row, 0)?, column(operation, &row, 1)?))
    }
}

/// A key's value and the milliseconds that remain of it, if it has any.
pub(super) type Look = Option<(Vec<u8>, Option<i64>)>;

/// Reads.
pub(super) struct Looks(pub(super) Arc<Table>);

impl Question for Looks {
    type Asked = Vec<u8>;
    type Answer = Look;

    fn bytes(key: &Vec<u8>) -> usize {
        key.len()
    }

    async fn ask(&self, operation: Operation, keys: &[Vec<u8>]) -> Result<Vec<Look>> {
        let Table { client, statements } = &*self.0;
        if let [key] = keys {
            let row = client.row(operation, Repeat::Harmless, &statements.look, &[Arg::Bytes(key)]).await?;
            let Some(row) = row else { return Ok(vec![None]) };
            return Ok(vec![Some((column(operation, &row, 0)?, column(operation, &row, 1)?))]);
        }
        let call = || statements.look_at_all.with(list(|arguments| arguments.add(keys)));
        let mut looks = vec![None; keys.len()];
        for row in client.rows_of(operation, Repeat::Harmless, call).await? {
            let number: i64 = column(operation, &row, 0)?;
            let look = usize::try_from(number - 1).ok().and_then(|index| looks.get_mut(index));
            *look.ok_or_else(|| unexpected(operation))? =
                Some((column(operation, &row, 1)?, column(operation, &row, 2)?));
        }
        Ok(looks)
    }
}

/// A swap of one value for another.
pub(super) struct Replacement {
    pub(super) key: Vec<u8>,
    pub(super) expected: Vec<u8>,
    pub(super) new: Bytes,
    /// In milliseconds; `None`: for ever.
    pub(super) ttl: Option<i64>,
}

/// Swaps of one value for another.
pub(super) struct Replacements(pub(super) Arc<Table>);

impl Question for Replacements {
    type Asked = Replacement;
    type Answer = Swapped;

    fn bytes(asked: &Replacement) -> usize {
        asked.key.len() + asked.expected.len() + asked.new.len()
    }

    async fn ask(&self, operation: Operation, asked: &[Replacement]) -> Result<Vec<Self::Answer>> {
        let Table { client, statements } = &*self.0;
        if let [Replacement { key, expected, new, ttl }] = asked {
            let args = [Arg::Bytes(key), Arg::Bytes(expected), Arg::Bytes(new), Arg::Number(*ttl)];
            return Ok(vec![self.0.swap(operation, &statements.replace, &args).await?]);
        }
        // In the order of the keys, in which they are locked.
        let mut order: Vec<_> = (0..asked.len()).collect();
        order.sort_by_key(|&index| &asked[index].key);
        let call = || {
            let sorted = || order.iter().map(|&index| &asked[index]);
            statements.replace_all.with(list(|arguments| {
                arguments.add(sorted().map(|one| &one.key[..]).collect::<Vec<_>>())?;
                arguments.add(sorted().map(|one| &one.expected[..]).collect::<Vec<_>>())?;
                arguments.add(sorted().map(|one| &one.new[..]).collect::<Vec<_>>())?;
                arguments.add(sorted().map(|one| one.ttl).collect::<Vec<_>>())
            }))
        };
        let rows = client.rows_of(operation, Repeat::Never, call).await?;
        if rows.len() != asked.len() {
            return Err(unexpected(operation));
        }
        let mut answers = vec![(false, None); asked.len()];
        for (row, index) in rows.iter().zip(order.iter()) {
            answers[*index] = (column(operation, row, 0)?, column(operation, row, 1)?);
        }
        Ok(answers)
    }
}

fn list(
    add: impl FnOnce(&mut PgArguments) -> std::result::Result<(), BoxDynError>,
) -> std::result::Result<PgArguments, BoxDynError> {
    let mut arguments = PgArguments::default();
    add(&mut arguments)?;
    Ok(arguments)
}

fn unexpected(operation: Operation) -> StorageError {
    StorageError::new(ErrorKind::Corrupt, Postgres::BACKEND, operation)
        .with_detail("the server did not answer to each that was asked")
}
