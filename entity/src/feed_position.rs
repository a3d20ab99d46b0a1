//! Commit positions recorded at regular intervals, from which the age of a change is known.

use sea_orm::entity::prelude::*;

/// A commit position and the time at which it was current.
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_moment")]
pub struct Model {
    /// Seconds since 1970-01-01T00:00:00Z by the database's clock.
    #[sea_orm(primary_key, auto_increment = false)]
    pub taken_at: f64,
    /// The commit position as text.
    pub head: String,
}

/// None: a position refers to no other table.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
