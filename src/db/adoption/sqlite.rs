//! Checks of an SQLite file.

use migration::{Migrator, MigratorTrait};
use sea_orm::{ConnectionTrait, DatabaseConnection, DbBackend, DbErr, Statement};

/// The tables that the first migrations create.
const TABLES: &str = "'user', 'sync_history', 'sync_event', 'sync_change', 'sync_feed'";

/// Returns what prevents the migrations, in sentences. A file with these tables is one of this server's, or is left alone:
/// no other program has ever written such a file.
pub(in crate::db) async fn problems(connection: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    let names = async |sql: String| {
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        let rows = connection.query_all_raw(statement).await?;
        let names = rows.iter().map(|row| row.try_get_by_index(0));
        names.collect::<Result<Vec<String>, DbErr>>()
    };
    // Before the log of migrations, which is created before the tables: another server may just be creating both.
    let tables = names(format!(
        "SELECT name FROM sqlite_schema WHERE name IN ({TABLES}) ORDER BY 1"
    ));
    let tables = tables.await?;
    let log = "SELECT name FROM sqlite_schema WHERE name = 'seaql_migrations'";
    if !names(log.to_owned()).await?.is_empty() {
        let applied = names("SELECT version FROM seaql_migrations".to_owned()).await?;
        if applied.is_empty() || applied.contains(&first_migration()) {
            return Ok(Vec::new());
        }
    }
    let problems = tables.into_iter().map(|name| {
        format!("another program has created the table {name} in the file: use another file")
    });
    Ok(problems.collect())
}

fn first_migration() -> String {
    let first = Migrator::migrations().into_iter().next();
    first
        .map(|first| first.name().to_owned())
        .unwrap_or_default()
}
