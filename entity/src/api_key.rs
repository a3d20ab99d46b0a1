//! API keys.

use sea_orm::entity::prelude::*;

use crate::{FromRow, RowReader, instant};

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

impl FromRow for Model {
    fn read(columns: &mut RowReader<'_>) -> Result<Self, DbErr> {
        let mut key = Self {
            id: columns.uuid("id")?,
            name: columns.text("name")?,
            hash: columns.bytes()?.unwrap_or_default(),
            scopes: columns.text("scopes")?,
            sources: columns.optional_text("sources")?,
            created_at: columns.instant("created_at")?,
            expires_at: columns.optional_instant("expires_at")?,
            revoked_at: columns.optional_instant("revoked_at")?,
            last_used_at: columns.optional_instant("last_used_at")?,
        };
        if key.expires_at == Some(instant::INFINITY) {
            let mut unreadable = columns.take_unreadable().into_iter();
            let is_infinity = unreadable
                .any(|stored| stored.column == "expires_at" && stored.value == "infinity");
            // A text that is no instant must not extend the life of the key.
            key.expires_at = (!is_infinity).then_some(instant::NEGATIVE_INFINITY);
        }
        key.last_used_at = key.last_used_at.filter(|at| instant::is_representable(*at));
        Ok(key)
    }
}

/// Empty: a key refers to no other table.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
