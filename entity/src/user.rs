//! Users who trigger runs.
//!
//! The table belongs to another application. The server reads it, and inserts users that
//! authenticate with a token for the first time.

use sea_orm::entity::prelude::*;

/// The columns of a user that the server uses.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user")]
pub struct Model {
    /// Primary key.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// E-mail address, unique.
    #[sea_orm(unique)]
    pub email: String,
    /// Display name.
    pub full_name: String,
}

/// Empty: joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
