//! A person who triggers runs. The table is the predecessor's; this server only reads it.

use sea_orm::entity::prelude::*;

/// The columns of a user that this server knows.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// Set by whoever made the user.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Unique.
    #[sea_orm(unique)]
    pub email: String,
    /// For display.
    pub full_name: String,
}

/// None: the server reads one table at a time.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
