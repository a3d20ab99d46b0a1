//! API keys in the database: create, list and revoke.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{FromRow, SyncSource, api_key};
use sea_orm::{
    ActiveModelTrait,
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QueryTrait,
    sea_query::{Expr, Query},
};
use uuid::Uuid;

use super::key;
use crate::{auth::scope::Scopes, clock::Clock, db::Database};

pub use entity::api_key::Model as ApiKey;

/// An API key to be created.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Display name.
    pub name: String,
    /// Scopes granted to the key.
    pub scopes: Scopes,
    /// The only sources whose runs it may report on; empty allows every source.
    pub sources: Vec<SyncSource>,
    /// Lifetime from now on. `None` if the key does not expire.
    pub expires: Option<Duration>,
}

/// Why an API key is not created or revoked.
#[derive(Debug, thiserror::Error)]
pub enum ApiKeyError {
    /// A field of [`NewApiKey`] is invalid.
    #[error("{0}")]
    Invalid(&'static str),
    /// No key with this id or name exists, or it is already revoked.
    #[error("no active API key with the id or name `{0}`; `key list` shows all keys")]
    NotFound(String),
    /// Several keys have this name.
    #[error("several API keys are named `{0}`; revoke one by its id, which `key list` shows")]
    Ambiguous(String),
    /// The operating system provides no random bytes.
    #[error("cannot generate random bytes: {0}")]
    Random(#[from] getrandom::Error),
    /// The database is unavailable.
    #[error("cannot access the API keys: {0}")]
    Database(#[from] DbErr),
}

/// Creates an API key. Returns its row and the key itself, which is not stored.
///
/// # Errors
/// Returns [`ApiKeyError::Invalid`] if the key has no name or no scope, and an error if the key cannot be
/// generated or stored.
pub async fn create(
    database: &Database,
    clock: &dyn Clock,
    new: NewApiKey,
) -> Result<(ApiKey, String), ApiKeyError> {
    if new.name.trim().is_empty() {
        return Err(ApiKeyError::Invalid("an API key needs a name"));
    }
    if new.scopes.is_empty() {
        return Err(ApiKeyError::Invalid("an API key needs at least one scope"));
    }
    let key = key::generate()?;
    let hash = key::hash(&key).ok_or(ApiKeyError::Invalid("generated a malformed API key"))?;
    let sources: Vec<_> = new.sources.iter().map(ToString::to_string).collect();
    let now = clock.now();
    let row = api_key::ActiveModel {
        id: Set(clock.new_id()),
        name: Set(new.name),
        hash: Set(hash.to_vec()),
        scopes: Set(new.scopes.to_string()),
        sources: Set((!sources.is_empty()).then(|| sources.join(" "))),
        created_at: Set(now),
        expires_at: Set(new.expires.map(|lifetime| now + lifetime)),
        revoked_at: Set(None),
        last_used_at: Set(None),
    };
    Ok((row.insert(database.write()).await?, key))
}

/// Lists all API keys, oldest first.
///
/// # Errors
/// Returns an error if the database is unavailable.
pub async fn list(database: &Database) -> Result<Vec<ApiKey>, DbErr> {
    let keys = api_key::Entity::find().order_by_asc(api_key::Column::CreatedAt);
    let rows = database.read().query_all(keys.as_query()).await?;
    rows.iter().map(ApiKey::from_row).collect()
}

/// Returns the version of the keys, which changes with every change of them but that of their last use.
pub(super) async fn version(database: &Database) -> Result<Uuid, DbErr> {
    let select = Query::select().column("id").from("sync_key_version").take();
    let row = database.read().query_one(&select).await?;
    let row = row.ok_or_else(|| DbErr::RecordNotFound("sync_key_version is empty".to_owned()))?;
    row.try_get("", "id")
}

/// Revokes an active API key by its id, or by its name if that is unique. Returns the key.
///
/// # Errors
/// Returns [`ApiKeyError::NotFound`] or [`ApiKeyError::Ambiguous`] if there is not exactly one such key, and
/// an error if the database is unavailable.
pub async fn revoke(
    database: &Database,
    now: DateTime<Utc>,
    id_or_name: &str,
) -> Result<ApiKey, ApiKeyError> {
    let mut matches = list(database).await?;
    let id = Uuid::parse_str(id_or_name).ok();
    matches
        .retain(|key| key.revoked_at.is_none() && (Some(key.id) == id || key.name == id_or_name));
    let (key, is_ambiguous) = (matches.pop(), !matches.is_empty());
    let key = key.ok_or_else(|| ApiKeyError::NotFound(id_or_name.to_owned()))?;
    if is_ambiguous {
        return Err(ApiKeyError::Ambiguous(id_or_name.to_owned()));
    }
    let revoke = api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAt, Expr::value(now))
        .filter(api_key::Column::Id.eq(key.id));
    revoke.exec(database.write()).await?;
    Ok(key)
}

/// Stores when keys were last used.
pub(super) async fn update_last_used(
    database: &Database,
    used: &[(Uuid, DateTime<Utc>)],
) -> Result<(), DbErr> {
    for (id, at) in used {
        let update = api_key::Entity::update_many()
            .col_expr(api_key::Column::LastUsedAt, Expr::value(*at))
            .filter(api_key::Column::Id.eq(*id));
        update.exec(database.write()).await?;
    }
    Ok(())
}
