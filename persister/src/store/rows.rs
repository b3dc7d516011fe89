//! What a batch brings along, as a sub-select: for `INSERT … SELECT` and for `IN`.
//!
//! On PostgreSQL one array per column, so that a statement has the same text however long the batch is. With a list
//! of values every length would be a statement of its own, parsed and planned again and again: two fifths of the time
//! that PostgreSQL spent on a batch of 256. SQLite has no arrays and compiles such a list fast enough.

use sea_orm::sea_query::{
    Alias, Expr, ExprTrait, Func, InsertStatement, Query, SelectStatement, SimpleExpr, ValueTuple,
};
use sea_orm::{DbBackend, EntityTrait, Value};

/// Rows of `N` columns, column by column.
#[derive(Debug, Clone)]
pub(super) struct Rows<const N: usize> {
    columns: [Vec<Value>; N],
}

impl<const N: usize> FromIterator<[Value; N]> for Rows<N> {
    fn from_iter<I: IntoIterator<Item = [Value; N]>>(rows: I) -> Self {
        let rows = rows.into_iter();
        let room = rows.size_hint().0;
        let mut columns = std::array::from_fn(|_| Vec::with_capacity(room));
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                column.push(value);
            }
        }
        Self { columns }
    }
}

impl<const N: usize> Rows<N> {
    /// Whether there are none. Then there is nothing to select from, either.
    pub(super) fn is_empty(&self) -> bool {
        self.columns[0].is_empty()
    }

    /// All of them, in order. There must be one.
    pub(super) fn select(self, backend: DbBackend) -> SelectStatement {
        let mut select = Query::select();
        if backend == DbBackend::Postgres {
            for values in self.columns {
                let array = Value::Array(values[0].array_type(), Some(Box::new(values)));
                select.expr(Func::cust("unnest").arg(array));
            }
            return select;
        }
        let mut columns = self.columns.map(Vec::into_iter);
        let rows = std::iter::from_fn(|| {
            let row: Vec<Value> = columns.iter_mut().filter_map(Iterator::next).collect();
            (!row.is_empty()).then_some(ValueTuple::Many(row))
        });
        select
            .columns((1..=N).map(|number| Alias::new(format!("column{number}"))))
            .from_values(rows, "brought")
            // Without a WHERE, SQLite would take the ON of an ON CONFLICT behind this for that of a join.
            .and_where(Expr::cust("TRUE"));
        select
    }

    /// Inserts all of them; the caller may add what happens on a conflict. There must be one.
    pub(super) fn insert<E: EntityTrait>(
        self,
        columns: [E::Column; N],
        backend: DbBackend,
    ) -> InsertStatement {
        let mut insert = Query::insert();
        insert
            .into_table(E::default())
            .columns(columns)
            .select_from(self.select(backend))
            .expect("a row has as many values as there are columns");
        insert
    }

    /// Whether these columns of a row are one of them. Of none, never.
    pub(super) fn contain(self, columns: [SimpleExpr; N], backend: DbBackend) -> SimpleExpr {
        if self.is_empty() {
            return Expr::cust("FALSE");
        }
        let select = self.select(backend);
        let mut columns = Vec::from(columns);
        match columns.pop() {
            Some(column) if columns.is_empty() => column.in_subquery(select),
            last => Expr::tuple(columns.into_iter().chain(last)).in_subquery(select),
        }
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::sea_query::{PostgresQueryBuilder, SqliteQueryBuilder};

    use super::*;
    use crate::entity::user_chat::{Column, Entity};

    fn pairs(count: i64) -> Rows<2> {
        (0..count).map(|id| [id.into(), 7_i64.into()]).collect()
    }

    #[test]
    fn postgres_sees_the_same_text_however_many_there_are() {
        let text = |count| {
            pairs(count)
                .insert::<Entity>([Column::UserId, Column::ChatId], DbBackend::Postgres)
                .build(PostgresQueryBuilder)
                .0
        };
        assert_eq!(
            text(1),
            r#"INSERT INTO "user_chats" ("user_id", "chat_id") SELECT unnest($1), unnest($2)"#
        );
        assert_eq!(text(1), text(256));
    }

    #[test]
    fn sqlite_gets_a_list_in_order() {
        let text = pairs(2)
            .insert::<Entity>([Column::UserId, Column::ChatId], DbBackend::Sqlite)
            .to_string(SqliteQueryBuilder);
        assert_eq!(
            text,
            r#"INSERT INTO "user_chats" ("user_id", "chat_id") SELECT "column1", "column2" FROM (VALUES (0, 7), (1, 7)) AS "brought" WHERE TRUE"#
        );
    }

    #[test]
    fn none_contain_nothing() {
        let rows: Rows<1> = std::iter::empty().collect();
        assert!(rows.is_empty());
        let column = Expr::col(Column::UserId);
        let condition = rows.contain([column], DbBackend::Sqlite);
        let query = Query::select().and_where(condition).to_owned();
        assert!(query.to_string(SqliteQueryBuilder).ends_with("WHERE FALSE"));
    }
}
