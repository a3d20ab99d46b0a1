//! Lists of the users who can trigger runs, by name.
//!
//! The table belongs to another application and has no index on names, so a list is a scan; there are far fewer users than
//! runs.

use entity::user::{self, Column};
use sea_orm::Iterable;
use sea_orm::sea_query::{Condition, Expr, ExprTrait, Func, Order, Query, SelectStatement};
use uuid::Uuid;

use super::{Result, Runs, User};
use crate::{
    db::{
        ScanBudget,
        keyset::{PageRequest, PageRows},
    },
    store::{Store, count, read_all},
};

/// Characters of a name that users are ordered by.
const MAX_NAME_CHARS: usize = 255;

/// The position of a user in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPosition {
    /// What users are ordered by: the beginning of the name.
    pub name: String,
    /// The ID, which breaks ties.
    pub id: Uuid,
}

/// Returns the position of a user in a list.
#[must_use]
pub fn user_position(user: &User) -> UserPosition {
    UserPosition {
        name: user.full_name.chars().take(MAX_NAME_CHARS).collect(),
        id: user.id,
    }
}

impl Runs {
    /// Returns a page of the users whose name or e-mail address contains `search`, ignoring case.
    ///
    /// # Errors
    /// Returns [`Error::TooMuchToRead`](super::Error::TooMuchToRead) if `budget` is spent, and an error if the database is
    /// unavailable or does not let the server read the table.
    pub async fn list_users(
        &self,
        search: Option<&str>,
        page: &PageRequest<UserPosition>,
        budget: &ScanBudget,
    ) -> Result<PageRows<User>> {
        let select = select(matching(&self.store, search), page);
        let query = self.store.query(false, budget, async |pool| {
            Ok(PageRows::from_read(read_all(pool, &select).await?, page))
        });
        Ok(query.await?)
    }

    /// Counts the users whose name or e-mail address contains `search`, up to `limit`.
    ///
    /// # Errors
    /// As [`list_users`](Self::list_users).
    pub async fn count_users(
        &self,
        search: Option<&str>,
        limit: u32,
        budget: &ScanBudget,
    ) -> Result<u32> {
        let matching = matching(&self.store, search);
        let query = self.store.query(false, budget, async |pool| {
            count::<user::Entity>(pool, matching, limit).await
        });
        Ok(query.await?)
    }
}

fn matching(store: &Store, search: Option<&str>) -> Condition {
    let Some(text) = search else {
        return Condition::all();
    };
    [Column::FullName, Column::Email]
        .into_iter()
        .fold(Condition::any(), |any, column| {
            any.add(store.contains_text(Expr::col(column), text))
        })
}

fn select(matching: Condition, page: &PageRequest<UserPosition>) -> SelectStatement {
    // An adopted table may have users without a name.
    let name = Func::coalesce([Expr::col(Column::FullName), Expr::val("")]);
    let max_chars = i32::try_from(MAX_NAME_CHARS).unwrap_or(i32::MAX);
    let name = Func::cust("substr").args([name.into(), Expr::val(1), Expr::val(max_chars)]);
    let (name, id) = (Expr::from(name), Expr::col(Column::Id));
    let key = || Expr::tuple([name.clone(), id.clone()]);
    let at = |position: &UserPosition| {
        Expr::tuple([Expr::val(position.name.as_str()), Expr::val(position.id)])
    };
    let order = if page.from_end {
        Order::Desc
    } else {
        Order::Asc
    };
    Query::select()
        .columns(Column::iter())
        .from(user::Entity)
        .cond_where(matching)
        .cond_where(
            Condition::all()
                .add_option(page.after.as_ref().map(|after| key().gt(at(after))))
                .add_option(page.before.as_ref().map(|before| key().lt(at(before)))),
        )
        .order_by_expr(name.clone(), order.clone())
        .order_by_expr(id.clone(), order)
        .limit(page.fetch_limit())
        .take()
}
