//! The rows of users who authenticate with a token.

use entity::user;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, DbErr, EntityTrait, QueryFilter};
use tracing::debug;
use uuid::Uuid;

use super::{jwt::Claims, scope::Scopes};
use crate::db::Database;

/// Finds the user of a token by its subject, or by e-mail address if the issuer has verified it. A user who
/// has scopes and no row yet is inserted where the table allows it: an adopted table may have mandatory
/// columns that this server does not know.
pub(super) async fn find_or_create(
    database: &Database,
    claims: &Claims,
    scopes: Scopes,
) -> Result<Option<user::Model>, DbErr> {
    let subject = format!("{} {}", claims.issuer, claims.subject);
    let derived = Uuid::new_v5(&Uuid::NAMESPACE_URL, subject.as_bytes());
    let given = Uuid::parse_str(&claims.subject).ok();
    let read = database.read();
    for id in given.into_iter().chain([derived]) {
        if let Some(user) = user::Entity::find_by_id(id).one(read).await? {
            return Ok(Some(user));
        }
    }
    let Some(email) = &claims.email else {
        return Ok(None);
    };
    let find = || user::Entity::find().filter(user::Column::Email.eq(email.as_str()));
    if let Some(user) = find().one(read).await? {
        return Ok(Some(user));
    }
    if scopes.is_empty() {
        return Ok(None);
    }
    let new = user::ActiveModel {
        id: Set(given.unwrap_or(derived)),
        email: Set(email.clone()),
        full_name: Set(claims.name.clone().unwrap_or_else(|| email.clone())),
    };
    match new.insert(database.write()).await {
        Ok(user) => Ok(Some(user)),
        Err(error) => {
            debug!(%error, "cannot insert the user of a token");
            // A concurrent request may have inserted it.
            find().one(read).await
        }
    }
}
