//! The rows of users who authenticate with a token.

use entity::{FromRow, user};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait,
    QueryFilter, QuerySelect, QueryTrait, sea_query::Expr,
};
use tracing::debug;
use uuid::Uuid;

use super::{jwt::Claims, scope::Scopes};
use crate::db::{Database, StatementPool};

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
        if let Some(user) = find(read, user::Column::Id.eq(id)).await? {
            return Ok(Some(user));
        }
    }
    let Some(email) = &claims.email else {
        return Ok(None);
    };
    let has_email = || user::Column::Email.eq(email.as_str());
    if let Some(user) = find(read, has_email()).await? {
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
            find(read, has_email()).await
        }
    }
}

/// Returns a user who meets a condition.
async fn find(read: &StatementPool, condition: Expr) -> Result<Option<user::Model>, DbErr> {
    let users = user::Entity::find().filter(condition).limit(1);
    let row = read.query_one(users.as_query()).await?;
    row.map(|row| user::Model::from_row(&row)).transpose()
}
