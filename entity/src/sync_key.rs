//! API keys.

use sea_orm::entity::prelude::*;

/// An API key, without what its holder knows.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_key")]
pub struct Model {
    /// Identity.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// What its holder is called.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// SHA-256 of the key.
    pub hash: Vec<u8>,
    /// What it allows: words separated by blanks.
    #[sea_orm(column_type = "Text")]
    pub scopes: String,
    /// The only sources whose runs it may report, separated by blanks; none binds it to none.
    #[sea_orm(column_type = "Text", nullable)]
    pub sources: Option<String>,
    /// When it was made.
    pub created_at: DateTimeUtc,
    /// When it ends by itself.
    pub expires_at: Option<DateTimeUtc>,
    /// When it was revoked.
    pub revoked_at: Option<DateTimeUtc>,
    /// When it was used last, to the minute or so.
    pub last_used_at: Option<DateTimeUtc>,
}

/// A key belongs to nothing.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
