//! A row to insert into SQLite.
//!
//! Several that differ in nothing but their values are one statement to it, for about half of what as many
//! statements cost: each keeps, page by page, what it overwrites, until it is known to succeed.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use entity::FromColumns;
use sea_orm::{
    ActiveModelTrait, DbBackend, DbErr, EntityName, EntityTrait, IdenStatic, Iterable, QueryResult,
    Statement, sea_query::Value, sqlx::Row,
};
use uuid::Uuid;

use super::batch::Together;

/// A row to insert unless there is one of its id, and one to read once that is done.
#[derive(Debug)]
pub struct Insert {
    id: Uuid,
    /// The statement up to its values.
    into: String,
    values: Vec<Value>,
    read: Option<Read>,
}

#[derive(Debug)]
struct Read {
    /// The statement up to the ids.
    select: String,
    id: Uuid,
}

/// What came of it.
#[derive(Debug)]
pub struct Inserted {
    /// Whether it is this row that is there now.
    pub is_new: bool,
    /// What was to be read, if it is there.
    pub read: Option<Arc<QueryResult>>,
}

impl Insert {
    /// Those columns of a row that are set; its id is one of them.
    pub fn new<A: ActiveModelTrait>(id: Uuid, mut row: A) -> Self {
        let mut columns = Vec::new();
        let mut values = Vec::new();
        for column in <A::Entity as EntityTrait>::Column::iter() {
            if let Some(value) = row.take(column).into_value() {
                columns.push(format!("\"{}\"", column.as_str()));
                values.push(value);
            }
        }
        let table = A::Entity::default();
        let into = format!(
            "INSERT INTO \"{}\" ({}) VALUES ",
            table.table_name(),
            columns.join(", ")
        );
        Self {
            id,
            into,
            values,
            read: None,
        }
    }

    /// Reads these columns, of which the id is one, of a row that need not be the inserted one.
    #[must_use]
    pub fn and_read<T: FromColumns>(mut self, columns: &'static str, id: Uuid) -> Self {
        let table = T::Entity::default();
        let select = format!(
            "SELECT {columns} FROM \"{}\" WHERE \"id\" IN ",
            table.table_name()
        );
        self.read = Some(Read { select, id });
        self
    }
}

impl Together for Insert {
    type Outcome = Inserted;

    fn shape(&self) -> [&str; 2] {
        let read = self.read.as_ref().map(|read| read.select.as_str());
        [&self.into, read.unwrap_or_default()]
    }

    fn as_one(all: &[&Self]) -> Statement {
        let rows: Vec<_> = all.iter().map(|one| places(one.values.len())).collect();
        let into = all.first().map_or("", |one| &one.into);
        let insert = format!(
            "{into}{} ON CONFLICT (\"id\") DO NOTHING RETURNING \"id\"",
            rows.join(", ")
        );
        let values = all.iter().flat_map(|one| one.values.iter().cloned());
        let reads: Vec<_> = all.iter().filter_map(|one| one.read.as_ref()).collect();
        let Some(read) = reads.first() else {
            return Statement::from_sql_and_values(DbBackend::Sqlite, insert, values);
        };
        let sql = format!("{insert}; {}{}", read.select, places(reads.len()));
        let ids = reads.iter().map(|read| read.id.into());
        Statement::from_sql_and_values(DbBackend::Sqlite, sql, values.chain(ids))
    }

    fn outcomes(all: &[&Self], rows: Vec<QueryResult>) -> Result<Vec<Inserted>, DbErr> {
        let mut new = HashSet::new();
        let mut read = HashMap::new();
        for row in rows {
            let id: Uuid = row.try_get("", "id")?;
            // An inserted row tells nothing but its id.
            if row.try_as_sqlite_row().is_some_and(|row| row.len() == 1) {
                new.insert(id);
            } else {
                read.insert(id, Arc::new(row));
            }
        }
        let outcomes = all.iter().map(|one| Inserted {
            // Of several with one id it is the first.
            is_new: new.remove(&one.id),
            read: one
                .read
                .as_ref()
                .and_then(|wanted| read.get(&wanted.id).cloned()),
        });
        Ok(outcomes.collect())
    }
}

/// Places for so many values.
fn places(count: usize) -> String {
    format!("({})", vec!["?"; count].join(", "))
}
