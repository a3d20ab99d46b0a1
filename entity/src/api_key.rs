//! API keys.

use sea_orm::entity::prelude::*;

/// An API key. Only the hash of the secret is stored.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_key")]
pub struct Model {
    /// Primary key, part of the key that clients send.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Display name of the client.
    #[sea_orm(column_type = "Text")]
    pub name: String,
    /// SHA-256 of the key.
    pub hash: Vec<u8>,
    /// Granted scopes, separated by spaces.
    #[sea_orm(column_type = "Text")]
    pub scopes: String,
    /// The sources whose runs the key may write, separated by spaces; NULL allows all sources.
    #[sea_orm(column_type = "Text", nullable)]
    pub sources: Option<String>,
    /// Creation time.
    pub created_at: DateTimeUtc,
    /// Expiry time; NULL if the key does not expire.
    pub expires_at: Option<DateTimeUtc>,
    /// Revocation time; NULL if the key is not revoked.
    pub revoked_at: Option<DateTimeUtc>,
    /// Time of the latest use, accurate to about a minute.
    pub last_used_at: Option<DateTimeUtc>,
}

/// Empty: a key refers to no other table.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
