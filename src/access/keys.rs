//! Making, listing and revoking API keys.

use std::time::Duration;

use chrono::{DateTime, Utc};
use entity::{SyncSource, api_key};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter, QueryOrder,
    sea_query::Expr,
};
use uuid::Uuid;

use super::{Scopes, secret};
use crate::{clock::Clock, db::Database};

pub use entity::api_key::Model as Key;

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// What its holder is called.
    pub name: String,
    /// What it allows.
    pub scopes: Scopes,
    /// The only sources whose runs it may report; empty binds it to none.
    pub sources: Vec<SyncSource>,
    /// How long it holds; for good without.
    pub expires: Option<Duration>,
}

/// Why nothing was done about a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It says something that cannot be.
    #[error("{0}")]
    Bad(&'static str),
    /// There is none, or it was revoked before.
    #[error("there is no key `{0}` that could be revoked; `key list` shows those there are")]
    NotFound(String),
    /// Several have this name.
    #[error("several keys are called `{0}`; revoke one by its id, which `key list` shows")]
    Ambiguous(String),
    /// The system gives no random bits.
    #[error("the system gives no random bits: {0}")]
    Random(#[from] getrandom::Error),
    /// The database cannot be used.
    #[error("the database cannot answer: {0}")]
    Database(#[from] DbErr),
}

/// Makes a key; tells what its holder is to know, which is stored nowhere.
///
/// # Errors
/// See [`KeyError`].
pub async fn create(
    database: &Database,
    clock: &dyn Clock,
    new: NewKey,
) -> Result<(Key, String), KeyError> {
    if new.name.trim().is_empty() {
        return Err(KeyError::Bad("a key needs a name to be known by"));
    }
    if new.scopes.is_empty() {
        return Err(KeyError::Bad("a key without a scope allows nothing"));
    }
    let secret = secret::mint()?;
    let hash = secret::hash(&secret).ok_or(KeyError::Bad("a key was made wrongly"))?;
    let sources: Vec<_> = new.sources.iter().map(ToString::to_string).collect();
    let now = clock.now();
    let key = api_key::ActiveModel {
        id: Set(clock.new_id()),
        name: Set(new.name),
        hash: Set(hash.to_vec()),
        scopes: Set(new.scopes.to_string()),
        sources: Set((!sources.is_empty()).then(|| sources.join(" "))),
        created_at: Set(now),
        expires_at: Set(new.expires.map(|time| now + time)),
        revoked_at: Set(None),
        last_used_at: Set(None),
    };
    Ok((key.insert(database.write()).await?, secret))
}

/// All keys, oldest first.
///
/// # Errors
/// The database does not answer.
pub async fn list(database: &Database) -> Result<Vec<Key>, DbErr> {
    let keys = api_key::Entity::find().order_by_asc(api_key::Column::CreatedAt);
    keys.all(database.read()).await
}

/// Revokes a key, by its id or by its name if that is the only one's; tells which.
///
/// # Errors
/// See [`KeyError`].
pub async fn revoke(database: &Database, now: DateTime<Utc>, which: &str) -> Result<Key, KeyError> {
    let mut found = list(database).await?;
    let id = Uuid::parse_str(which).ok();
    found.retain(|key| key.revoked_at.is_none() && (Some(key.id) == id || key.name == which));
    let (key, more) = (found.pop(), !found.is_empty());
    let key = key.ok_or_else(|| KeyError::NotFound(which.to_owned()))?;
    if more {
        return Err(KeyError::Ambiguous(which.to_owned()));
    }
    let revoke = api_key::Entity::update_many()
        .col_expr(api_key::Column::RevokedAt, Expr::value(now))
        .filter(api_key::Column::Id.eq(key.id));
    revoke.exec(database.write()).await?;
    Ok(key)
}

/// Notes that keys were used.
pub(super) async fn note_use(
    database: &Database,
    used: &[(Uuid, DateTime<Utc>)],
) -> Result<(), DbErr> {
    for (id, at) in used {
        let note = api_key::Entity::update_many()
            .col_expr(api_key::Column::LastUsedAt, Expr::value(*at))
            .filter(api_key::Column::Id.eq(*id));
        note.exec(database.write()).await?;
    }
    Ok(())
}
