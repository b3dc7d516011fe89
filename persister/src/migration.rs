//! The schema and the world, as numbered steps that are never edited once released.
//!
//! Run by [`crate::database::migrate`] inside one transaction and under a lock, since sea-orm-migration takes none.

mod m20261122_000001_create_tables;
mod m20261122_000002_insert_world;
mod m20261122_000003_create_typing;
mod m20261122_000004_create_prunings;
mod m20261122_000005_index_lists;
mod m20261125_000006_add_chat_types;
mod m20261126_000007_add_published_id_base;

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

/// All steps, in order.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261122_000001_create_tables::Migration),
            Box::new(m20261122_000002_insert_world::Migration),
            Box::new(m20261122_000003_create_typing::Migration),
            Box::new(m20261122_000004_create_prunings::Migration),
            Box::new(m20261122_000005_index_lists::Migration),
            Box::new(m20261125_000006_add_chat_types::Migration),
            Box::new(m20261126_000007_add_published_id_base::Migration),
        ]
    }
}
