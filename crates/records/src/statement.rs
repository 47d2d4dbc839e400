//! Statements that a connection prepares once and keeps: what runs thousands of times a second is not parsed and planned as
//! often.
//!
//! `diesel::sql_query` forgets a statement after each use: on PostgreSQL that is a round trip and a plan each time, on SQLite a
//! compilation. What is put together at run time, or seldom asked for, stays with it.

use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::connection::Connection;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{HasSqlType, Untyped};
use diesel::{QueryResult, RunQueryDsl};

/// A statement and its values, numbered as with `sql_query`: `$1` or `?1`, in any order and as often as is useful.
pub(crate) struct Statement<'v, DB: Backend> {
    text: &'static str,
    values: Vec<Box<dyn QueryFragment<DB> + 'v>>,
}

pub(crate) fn statement<'v, DB: Backend>(text: &'static str) -> Statement<'v, DB> {
    Statement {
        text,
        values: Vec::new(),
    }
}

impl<'v, DB: Backend> Statement<'v, DB> {
    /// The next value.
    pub(crate) fn bind<ST, V>(mut self, value: V) -> Self
    where
        DB: HasSqlType<ST>,
        ST: 'v,
        V: ToSql<ST, DB> + 'v,
    {
        self.values.push(Box::new(Value {
            value,
            sql_type: PhantomData::<ST>,
        }));
        self
    }
}

struct Value<ST, V> {
    value: V,
    sql_type: PhantomData<ST>,
}

impl<ST, V, DB> QueryFragment<DB> for Value<ST, V>
where
    DB: Backend + HasSqlType<ST>,
    V: ToSql<ST, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_bind_param::<ST, V>(&self.value)
    }
}

impl<DB: Backend> QueryFragment<DB> for Statement<'_, DB> {
    /// diesel numbers values in the order in which it meets them; so each goes where it is named first, and is known by that
    /// number from then on.
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        let mut met: Vec<usize> = Vec::with_capacity(self.values.len());
        for piece in Pieces(self.text) {
            match piece {
                Piece::Text(text) => out.push_sql(text),
                Piece::Value { mark, number } => {
                    if let Some(place) = met.iter().position(|met| *met == number) {
                        out.push_sql(&format!("{mark}{}", place + 1));
                    } else if let Some(value) = self.values.get(number.wrapping_sub(1)) {
                        met.push(number);
                        value.walk_ast(out.reborrow())?;
                    } else {
                        return Err(defect(format!("a statement names value {number} and has none")));
                    }
                }
            }
        }
        if met.len() < self.values.len() {
            return Err(defect(format!(
                "a statement has {} values and names {}",
                self.values.len(),
                met.len()
            )));
        }
        Ok(())
    }
}

/// SQLite would take what is missing for NULL.
fn defect(what: String) -> diesel::result::Error {
    diesel::result::Error::QueryBuilderError(what.into())
}

/// It is known by its text.
impl<DB: Backend> QueryId for Statement<'_, DB> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB: Backend> Query for Statement<'_, DB> {
    type SqlType = Untyped;
}

impl<C: Connection> RunQueryDsl<C> for Statement<'_, C::Backend> {}

#[derive(Debug, PartialEq, Eq)]
enum Piece<'t> {
    Text(&'t str),
    Value { mark: char, number: usize },
}

/// What is left of a text.
struct Pieces<'t>(&'t str);

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Piece<'t>> {
        if self.0.is_empty() {
            return None;
        }
        let (piece, rest) = value_at_start(self.0).unwrap_or_else(|| {
            let (text, rest) = self.0.split_at(start_of_value(self.0));
            (Piece::Text(text), rest)
        });
        self.0 = rest;
        Some(piece)
    }
}

/// Where the first value is named; at the end if none is.
fn start_of_value(text: &str) -> usize {
    let marks = text.match_indices(['$', '?']).map(|(at, _)| at);
    let is_value = |at: &usize| value_at_start(&text[*at..]).is_some();
    marks.into_iter().find(is_value).unwrap_or(text.len())
}

fn value_at_start(text: &str) -> Option<(Piece<'_>, &str)> {
    let mark = text.chars().next().filter(|mark| matches!(mark, '$' | '?'))?;
    let digits = text[1..].bytes().take_while(u8::is_ascii_digit).count();
    let number = text[1..=digits].parse().ok()?;
    Some((Piece::Value { mark, number }, &text[1 + digits..]))
}

#[cfg(test)]
mod tests {
    use diesel::QueryableByName;
    use diesel::connection::SimpleConnection;
    use diesel::result::Error;
    use diesel::sql_types::{Integer, Text};
    use diesel::sqlite::{Sqlite, SqliteConnection};

    use super::*;

    #[test]
    fn values_are_found_and_nothing_else_is() {
        let found: Vec<_> = Pieces("a ->> '$.b' = ?2 AND c = ? AND $10").collect();
        let expected = [
            Piece::Text("a ->> '$.b' = "),
            Piece::Value { mark: '?', number: 2 },
            Piece::Text(" AND c = ? AND "),
            Piece::Value { mark: '$', number: 10 },
        ];
        assert_eq!(found, expected);
        assert_eq!(Pieces("").next(), None);
    }

    #[derive(QueryableByName, Debug, PartialEq, Eq)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
        #[diesel(sql_type = Integer)]
        number: i32,
    }

    #[test]
    fn values_go_where_their_numbers_say() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        connection
            .batch_execute("CREATE TABLE t (name TEXT, number INTEGER)")
            .unwrap();
        for (name, number) in [("a", 1), ("b", 2)] {
            statement("INSERT INTO t (number, name) VALUES (?2, ?1)")
                .bind::<Text, _>(name)
                .bind::<Integer, _>(number)
                .execute(&mut connection)
                .unwrap();
        }
        let found: Vec<Row> =
            statement("SELECT * FROM t WHERE number = ?2 AND (name = ?1 OR number + 1 = ?2) AND name = ?1")
                .bind::<Text, _>("b")
                .bind::<Integer, _>(2)
                .load(&mut connection)
                .unwrap();
        let b = Row {
            name: "b".to_owned(),
            number: 2,
        };
        assert_eq!(found, [b]);
    }

    #[test]
    fn a_statement_is_kept() {
        let kept = statement::<Sqlite>("SELECT ?1").bind::<Integer, _>(1);
        assert!(kept.is_safe_to_cache_prepared(&Sqlite).unwrap());
    }

    #[test]
    fn a_value_too_few_or_too_many_is_a_defect() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        for text in ["SELECT ?1, ?2", "SELECT 1", "SELECT ?0"] {
            let refused = statement(text).bind::<Integer, _>(1).execute(&mut connection);
            assert!(matches!(refused, Err(Error::QueryBuilderError(_))), "{text}");
        }
    }
}
