use sqlx::{Arguments, AssertSqlSafe, Encode, Execute, SqlSafeStr, SqlStr, Type, error::BoxDynError};
use std::{marker::PhantomData, sync::Arc};

use crate::sql::engine::Engine;

/// A parameter of a statement.
#[derive(Clone, Copy)]
pub(crate) enum Arg<'a> {
    Bytes(&'a [u8]),
    /// `None` is NULL.
    Number(Option<i64>),
}

/// A statement, its table filled in once and its parameters at every call.
pub(crate) struct Statement<DB> {
    prepared: SqlStr,
    pieces: Vec<Piece>,
    engine: PhantomData<fn() -> DB>,
}

/// The statement's text is ours; only a name of a table comes from outside, so it is never looked into.
enum Piece {
    Text(String),
    /// The index of a parameter.
    Arg(usize),
}

impl<DB: Engine> Statement<DB> {
    /// In the template, `{table}` stands for the quoted table, and `?1` to `?9` for the parameters.
    pub(crate) fn new(template: &str, table: &str) -> Self {
        let mut pieces = Vec::new();
        let (first, rest) =
            template.split_once('?').map_or((template, None), |(first, rest)| (first, Some(rest)));
        pieces.push(Piece::Text(first.replace("{table}", table)));
        for part in rest.into_iter().flat_map(|rest| rest.split('?')) {
            let (number, text) = part.split_at(1);
            pieces.push(Piece::Arg(number.parse().map_or(0, |number: usize| number - 1)));
            pieces.push(Piece::Text(text.replace("{table}", table)));
        }
        let mut sql = String::new();
        for piece in &pieces {
            match piece {
                Piece::Text(text) => sql.push_str(text),
                Piece::Arg(index) => DB::write_placeholder(&mut sql, index + 1),
            }
        }
        let prepared = AssertSqlSafe(Arc::<str>::from(sql)).into_sql_str();
        Self { prepared, pieces, engine: PhantomData }
    }

    /// The statement with its parameters beside it, prepared once a connection.
    pub(crate) fn prepared(&self, args: &[Arg<'_>]) -> Call<DB>
    where
        for<'q> &'q [u8]: Encode<'q, DB> + Type<DB>,
        for<'q> Option<i64>: Encode<'q, DB> + Type<DB>,
    {
        let mut arguments = Ok(DB::Arguments::default());
        let mut add = |arg: &Arg<'_>| {
            if let Ok(added) = &mut arguments {
                let result = match arg {
                    Arg::Bytes(bytes) => added.add(*bytes),
                    Arg::Number(number) => added.add(*number),
                };
                if let Err(error) = result {
                    arguments = Err(error);
                }
            }
        };
        if DB::NUMBERED {
            args.iter().for_each(&mut add);
        } else {
            self.args(args).for_each(&mut add);
        }
        self.with(arguments)
    }

    /// The statement with these arguments, prepared once a connection.
    pub(crate) fn with(&self, arguments: Result<DB::Arguments, BoxDynError>) -> Call<DB> {
        Call { sql: self.prepared.clone(), arguments: Some(arguments) }
    }

    /// The statement with its parameters as literals in its text, never prepared.
    pub(crate) fn text(&self, args: &[Arg<'_>]) -> Call<DB> {
        let mut sql = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => sql.push_str(text),
                Piece::Arg(index) => match args.get(*index) {
                    Some(Arg::Bytes(bytes)) => DB::write_bytes(&mut sql, bytes),
                    Some(Arg::Number(number)) => DB::write_number(&mut sql, *number),
                    None => {}
                },
            }
        }
        Call { sql: AssertSqlSafe(sql).into_sql_str(), arguments: None }
    }

    /// The parameters in the order of their places.
    fn args<'a>(&self, args: &'a [Arg<'a>]) -> impl Iterator<Item = &'a Arg<'a>> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Arg(index) => args.get(*index),
        })
    }
}

/// A statement that is ready to be sent.
pub(crate) struct Call<DB: Engine> {
    sql: SqlStr,
    /// `None`: the text is all there is.
    arguments: Option<Result<DB::Arguments, BoxDynError>>,
}

impl<DB: Engine> Execute<'_, DB> for Call<DB> {
    fn sql(self) -> SqlStr {
        self.sql
    }

    fn statement(&self) -> Option<&DB::Statement> {
        None
    }

    fn take_arguments(&mut self) -> Result<Option<DB::Arguments>, BoxDynError> {
        self.arguments.take().transpose()
    }

    fn persistent(&self) -> bool {
        true
    }
}
