//! Changes of one transaction that do not build on each other: on PostgreSQL one statement and one round trip.
//!
//! At an ordinary load a batch is small, and the round trips are most of what it waits for. PostgreSQL takes all
//! changes as parts of one `WITH`. SQLite knows no such thing and has no round trips; there they go one by one.
//!
//! Parts of a `WITH` see the same rows, those from before it: no two of them may touch the same row. They are made in
//! the order in which they are counted; but foreign keys are looked at, and what they refer to is locked, at the end.
//! Where others lock that first, it has to be named to be locked first here, too.

use sea_orm::sea_query::{
    Alias, CommonTableExpression, DeleteStatement, Expr, Func, InsertStatement, Query,
    SelectStatement, SimpleExpr, SubQueryStatement, UpdateStatement, WithClause,
};
use sea_orm::{ConnectionTrait, DbBackend, DbErr};

use super::StoreError;

/// What to say when a change touches another number of rows than it must.
pub(super) type Complaint = fn() -> StoreError;

/// The changes, in order.
#[derive(Debug, Default)]
pub(super) struct Together {
    first: Option<SelectStatement>,
    changes: Vec<(Change, Option<(u64, Complaint)>)>,
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
        self.changes
            .extend(change.map(|change| (change.into(), None)));
    }

    /// Adds a change that has to touch exactly so many rows.
    pub(super) fn expect(&mut self, change: impl Into<Change>, rows: u64, complaint: Complaint) {
        self.changes.push((change.into(), Some((rows, complaint))));
    }

    /// Locks these rows before anything is changed, where rows are locked at all.
    pub(super) fn lock_first(&mut self, rows: SelectStatement) {
        self.first = Some(rows);
    }

    /// Makes them all. After an error some may be made: the transaction must not be committed.
    pub(super) async fn execute(self, db: &impl ConnectionTrait) -> Result<(), StoreError> {
        if db.get_database_backend() == DbBackend::Postgres {
            self.at_once(db).await
        } else {
            self.one_by_one(db).await
        }
    }

    async fn one_by_one(self, db: &impl ConnectionTrait) -> Result<(), StoreError> {
        for (change, expected) in self.changes {
            let touched = change.execute(db).await?;
            check(touched, expected)?;
        }
        Ok(())
    }

    async fn at_once(self, db: &impl ConnectionTrait) -> Result<(), StoreError> {
        let mut with = WithClause::new();
        let mut counts = Query::select();
        let first = self.first.map(|rows| (rows.into(), None));
        let changes = self.changes.into_iter();
        let parts = changes.map(|(change, expected)| (change.counted(), expected));
        let mut all_expected = Vec::new();
        for (number, (part, expected)) in first.into_iter().chain(parts).enumerate() {
            let name = format!("part{number}");
            let mut named = CommonTableExpression::new();
            named
                .table_name(Alias::new(&name))
                .query::<SubQueryStatement>(part);
            with.cte(named);
            counts.expr(count(&name));
            all_expected.push(expected);
        }
        if all_expected.is_empty() {
            return Ok(());
        }
        let row = db.query_one(&with.query(counts)).await?;
        let row = row.ok_or_else(|| DbErr::RecordNotFound("the counts of changes".to_owned()))?;
        for (number, expected) in all_expected.into_iter().enumerate() {
            let touched: i64 = row.try_get_by_index(number)?;
            check(touched.unsigned_abs(), expected)?;
        }
        Ok(())
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

fn count(part: &str) -> SimpleExpr {
    let rows: SelectStatement = Query::select()
        .expr(Func::count(Expr::cust("*")))
        .from(Alias::new(part))
        .take();
    SimpleExpr::SubQuery(None, Box::new(rows.into()))
}

fn check(touched: u64, expected: Option<(u64, Complaint)>) -> Result<(), StoreError> {
    match expected {
        Some((rows, complaint)) if touched != rows => Err(complaint()),
        _ => Ok(()),
    }
}
