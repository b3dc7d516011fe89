//! Changes of one transaction that do not build on each other: on PostgreSQL one statement and one round trip.
//!
//! At an ordinary load a batch is small, and the round trips are most of what it waits for. PostgreSQL takes all
//! changes as parts of one `WITH`, which needs no `BEGIN` and `COMMIT` either when nothing else is written. SQLite knows
//! no such thing and has no round trips; there they go one by one.
//!
//! Parts of a `WITH` see the same rows, those from before it: no two of them may touch the same row. What the statement
//! asks about is done first, in this order: the changes of which a number of rows is expected, and the locks. All other
//! changes follow, and foreign keys are looked at when they are made.

use sea_orm::sea_query::{
    Alias, CommonTableExpression, DeleteStatement, Expr, ExprTrait, Func, InsertStatement, Query,
    SelectStatement, SimpleExpr, SubQueryStatement, UpdateStatement, WithClause,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use super::StoreError;
use super::error::missed_expectation;

/// What to say when a change touches another number of rows than it must.
pub(super) type Complaint = fn() -> StoreError;

/// How PostgreSQL is made to say that an expectation was missed: by a text that is no number, and names it.
pub(super) const MISSED: &str = "missed expectation ";

/// The changes, in order.
#[derive(Debug, Default)]
pub(super) struct Together {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Change(Change),
    Expected(Vec<Change>, u64, Complaint),
    Lock(SelectStatement),
}

/// One of them.
#[derive(Debug)]
pub(super) enum Change {
    Insert(InsertStatement),
    Update(UpdateStatement),
    Delete(DeleteStatement),
}

impl From<InsertStatement> for Change {
    fn from(statement: InsertStatement) -> Self {
        Self::Insert(statement)
    }
}

impl From<UpdateStatement> for Change {
    fn from(statement: UpdateStatement) -> Self {
        Self::Update(statement)
    }
}

impl From<DeleteStatement> for Change {
    fn from(statement: DeleteStatement) -> Self {
        Self::Delete(statement)
    }
}

impl Together {
    /// Adds a change, if there is one.
    pub(super) fn add(&mut self, change: Option<impl Into<Change>>) {
        let part = change.map(|change| Part::Change(change.into()));
        self.parts.extend(part);
    }

    /// Adds changes, if there are any, that have to touch exactly so many rows together.
    pub(super) fn expect(
        &mut self,
        changes: impl IntoIterator<Item = impl Into<Change>>,
        rows: usize,
        complaint: Complaint,
    ) {
        let changes: Vec<Change> = changes.into_iter().map(Into::into).collect();
        if !changes.is_empty() {
            let part = Part::Expected(changes, rows as u64, complaint);
            self.parts.push(part);
        }
    }

    /// Locks rows, if there are any to lock, before what is changed without expectation; where rows are locked at all.
    pub(super) fn lock(&mut self, rows: Option<SelectStatement>) {
        self.parts.extend(rows.map(Part::Lock));
    }

    /// Makes them all. After an error nothing has happened on PostgreSQL, outside of a transaction too; on SQLite some
    /// may be made, and the transaction must not be committed.
    pub(super) async fn execute(self, db: &impl ConnectionTrait) -> Result<(), StoreError> {
        if self.parts.is_empty() {
            Ok(())
        } else if db.get_database_backend() == DbBackend::Postgres {
            self.at_once(db).await
        } else {
            self.one_by_one(db).await
        }
    }

    async fn one_by_one(self, db: &impl ConnectionTrait) -> Result<(), StoreError> {
        for part in self.parts {
            match part {
                Part::Change(change) => {
                    change.execute(db).await?;
                }
                Part::Expected(changes, rows, complaint) => {
                    let mut touched = 0;
                    for change in changes {
                        touched += change.execute(db).await?;
                    }
                    if touched != rows {
                        return Err(complaint());
                    }
                }
                Part::Lock(_) => {}
            }
        }
        Ok(())
    }

    async fn at_once(self, db: &impl ConnectionTrait) -> Result<(), StoreError> {
        let mut with = Parts::default();
        let mut asked = Query::select();
        asked.expr(Expr::cust("1"));
        let mut complaints = Vec::new();
        for part in self.parts {
            match part {
                // What nobody asks about is made all the same, and need not say what it touched.
                Part::Change(change) => drop(with.add(change)),
                Part::Expected(changes, rows, complaint) => {
                    let changes = changes.into_iter().map(Change::counted);
                    let names: Vec<String> = changes.map(|change| with.add(change)).collect();
                    asked.expr(expectation(&names, rows, complaints.len()));
                    complaints.push(complaint);
                }
                Part::Lock(rows) => {
                    let name = with.add(rows);
                    asked.expr(count(&name));
                }
            }
        }
        // All rows, though there is but one: the answer to fewer is given before the transaction has ended.
        match db.query_all(&with.clause.query(asked)).await {
            Ok(_) => Ok(()),
            Err(error) => {
                let missed = missed_expectation(&error).and_then(|number| complaints.get(number));
                Err(missed.map_or_else(|| error.into(), |complaint| complaint()))
            }
        }
    }
}

/// The parts of a `WITH`, which it numbers.
#[derive(Debug, Default)]
struct Parts {
    clause: WithClause,
    added: usize,
}

impl Parts {
    /// Adds one, and returns its name.
    fn add(&mut self, part: impl Into<SubQueryStatement>) -> String {
        let name = format!("part{}", self.added);
        self.added += 1;
        let mut named = CommonTableExpression::new();
        named
            .table_name(Alias::new(&name))
            .query::<SubQueryStatement>(part.into());
        self.clause.cte(named);
        name
    }
}

impl Change {
    async fn execute(&self, db: &impl ConnectionTrait) -> Result<u64, DbErr> {
        let result = match self {
            Self::Insert(statement) => db.execute(statement).await,
            Self::Update(statement) => db.execute(statement).await,
            Self::Delete(statement) => db.execute(statement).await,
        };
        Ok(result?.rows_affected())
    }

    /// The same, with a row for each that it touches.
    fn counted(self) -> SubQueryStatement {
        let one = Query::returning().expr(Expr::val(1));
        match self {
            Self::Insert(mut statement) => statement.returning(one).take().into(),
            Self::Update(mut statement) => statement.returning(one).take().into(),
            Self::Delete(mut statement) => statement.returning(one).take().into(),
        }
    }
}

impl From<Change> for SubQueryStatement {
    fn from(change: Change) -> Self {
        match change {
            Change::Insert(statement) => statement.into(),
            Change::Update(statement) => statement.into(),
            Change::Delete(statement) => statement.into(),
        }
    }
}

fn count(part: &str) -> SimpleExpr {
    let rows: SelectStatement = Query::select()
        .expr(Func::count(Expr::cust("*")))
        .from(Alias::new(part))
        .take();
    SimpleExpr::SubQuery(None, Box::new(rows.into()))
}

/// Nothing, or an error that undoes the whole statement.
fn expectation(parts: &[String], rows: u64, number: usize) -> SimpleExpr {
    let touched = parts
        .iter()
        .map(|part| count(part))
        .reduce(SimpleExpr::add)
        .unwrap_or_else(|| Expr::val(0));
    let rows = i64::try_from(rows).unwrap_or(i64::MAX);
    Expr::case(touched.eq(rows), Expr::cust("'0'"))
        .finally(Expr::cust(format!("'{MISSED}{number}'")))
        .cast_as("bigint")
}
