//! The base of ids where publishing stands, apart from where carrying out does: messages with several commands raise
//! it between the two.

use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::big_integer;

#[derive(DeriveMigrationName)]
pub(super) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // The default is for persisters from before: too low a base does no harm.
        let column = big_integer("published_id_base").default(0).take();
        let partitions = Table::alter()
            .table("cmd_partitions")
            .add_column(column)
            .to_owned();
        manager.alter_table(partitions).await?;
        let known = Query::update()
            .table("cmd_partitions")
            .value("published_id_base", Expr::col("id_base"))
            .to_owned();
        manager.execute(known).await
    }
}
