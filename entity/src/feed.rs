//! State of the change feed: one row per database.

use sea_orm::entity::prelude::*;

/// The state of the change feed. The table has exactly one row, created by a migration.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_feed")]
pub struct Model {
    /// Random ID, given when the table was created.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Origin of the rows: the cluster and database that wrote them. NULL until a server has started.
    pub home: Option<String>,
    /// Events up to this `seq` were written elsewhere, so that their `xid` has no meaning here.
    pub moved_seq: i64,
    /// The commit position up to which changes have been pruned, as text. NULL if none have been.
    pub pruned: Option<String>,
    /// The highest `seq` of a pruned change.
    pub pruned_seq: i64,
}

/// None: the state of the feed refers to no other table.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
