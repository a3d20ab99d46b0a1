//! Users who trigger runs.
//!
//! The table belongs to another application. The server reads it, and inserts users that
//! authenticate with a token for the first time.

use sea_orm::entity::prelude::*;

use crate::{FromRow, RowReader};

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

impl Model {
    /// Reads the columns of a user that was joined; `None` if there is none.
    ///
    /// # Errors
    /// Returns an error if a column is missing.
    pub fn read_joined(columns: &mut RowReader<'_>) -> Result<Option<Self>, DbErr> {
        let Some(id) = columns.optional_uuid("id")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            id,
            email: columns.text("email")?,
            full_name: columns.text("full_name")?,
        }))
    }
}

impl FromRow for Model {
    fn read(columns: &mut RowReader<'_>) -> Result<Self, DbErr> {
        Ok(Self {
            id: columns.uuid("id")?,
            email: columns.text("email")?,
            full_name: columns.text("full_name")?,
        })
    }
}

/// Empty: joins are written where they are needed.
#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
