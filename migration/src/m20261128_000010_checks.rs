//! Constraints on values, in new databases (SQLite).
//!
//! SQLite stores any value in any column. These constraints reject what PostgreSQL's column types reject: a count beyond 32
//! bits, a timestamp that is none. Timestamps are accepted in every format that SQLite reads, and triggers convert them.
//!
//! SQLite adds a constraint only to a new table, and a filled table may violate it. So the tables are replaced if they
//! are empty, and stay as they are otherwise.

use sea_orm_migration::prelude::*;
use sea_orm_migration::sea_orm::{DbBackend, Statement};

use crate::exists;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        if manager.get_database_backend() != DbBackend::Sqlite
            || exists(manager, ANY_ROW.into()).await?
        {
            return Ok(());
        }
        let connection = manager.get_connection();
        let select = Statement::from_string(DbBackend::Sqlite, INDEXES_AND_TRIGGERS);
        let rows = connection.query_all_raw(select).await?;
        let statements = rows.iter().map(|row| row.try_get_by_index::<String>(0));
        let statements = statements.collect::<Result<Vec<_>, _>>()?;
        connection.execute_unprepared(&tables()).await?;
        for sql in statements {
            connection.execute_unprepared(&sql).await?;
        }
        Ok(())
    }
}

const ANY_ROW: &str = r#"SELECT 1 FROM "user" UNION ALL SELECT 1 FROM sync_history
    UNION ALL SELECT 1 FROM sync_event UNION ALL SELECT 1 FROM sync_change LIMIT 1"#;

const INDEXES_AND_TRIGGERS: &str = "SELECT sql FROM sqlite_schema
    WHERE type IN ('index', 'trigger') AND tbl_name IN ('user', 'sync_history', 'sync_event')
        AND sql IS NOT NULL ORDER BY rowid";

fn text(column: &str) -> String {
    format!("CHECK (typeof({column}) IN ('text', 'null'))")
}

fn uuid(column: &str) -> String {
    format!("CHECK ({column} IS NULL OR typeof({column}) = 'blob' AND length({column}) = 16)")
}

fn count(column: &str) -> String {
    format!(
        "CHECK ({column} IS NULL
            OR typeof({column}) = 'integer' AND {column} BETWEEN -2147483648 AND 2147483647)"
    )
}

/// SQLite reads 30 February as 2 March, and 24:00 as the next day. The other programs that read the text do not.
fn timestamp(column: &str) -> String {
    format!(
        "CHECK ({column} IS NULL OR typeof({column}) = 'text' AND julianday({column}) IS NOT NULL
            AND date(substr({column}, 1, 10)) IS substr({column}, 1, 10)
            AND substr({column}, 12, 2) < '24')"
    )
}

/// The tables as before, with constraints.
fn tables() -> String {
    format!(
        r#"
DROP TABLE sync_event;
DROP TABLE sync_history;
DROP TABLE "user";

CREATE TABLE "user" (
    id blob NOT NULL PRIMARY KEY {id},
    email text NOT NULL UNIQUE {email},
    full_name text NOT NULL {full_name}
);

CREATE TABLE sync_history (
    id blob NOT NULL PRIMARY KEY {id},
    entity_type text NOT NULL {entity_type},
    source text NOT NULL {source},
    status text NOT NULL {status},
    started_at text NOT NULL {started_at},
    completed_at text {completed_at},
    records_processed integer NOT NULL {records_processed},
    records_created integer NOT NULL {records_created},
    records_updated integer NOT NULL {records_updated},
    records_failed integer NOT NULL {records_failed},
    sync_duration real,
    triggered_by_id blob REFERENCES "user" (id) {triggered_by_id},
    error_message text {error_message},
    details text {details},
    version integer NOT NULL DEFAULT 1 {version},
    updated_at text {updated_at},
    records_expected integer {records_expected},
    creation_digest blob {creation_digest},
    duration_us integer GENERATED ALWAYS AS (max(0,
        (strftime('%s', substr(completed_at, 1, 19)) - strftime('%s', substr(started_at, 1, 19)))
            * 1000000
        + CAST(round(('0' || substr(completed_at, 20, length(completed_at) - 25)) * 1000000)
            AS integer)
        - CAST(round(('0' || substr(started_at, 20, length(started_at) - 25)) * 1000000)
            AS integer)
    )) VIRTUAL
);

CREATE TABLE sync_event (
    seq integer PRIMARY KEY AUTOINCREMENT,
    id blob NOT NULL UNIQUE {id},
    sync_id blob NOT NULL REFERENCES sync_history (id) {sync_id},
    event_type text NOT NULL {event_type},
    "timestamp" text NOT NULL {event_timestamp},
    message text NOT NULL {message},
    details text {details}
);
"#,
        id = uuid("id"),
        email = text("email"),
        full_name = text("full_name"),
        entity_type = text("entity_type"),
        source = text("source"),
        status = text("status"),
        started_at = timestamp("started_at"),
        completed_at = timestamp("completed_at"),
        records_processed = count("records_processed"),
        records_created = count("records_created"),
        records_updated = count("records_updated"),
        records_failed = count("records_failed"),
        triggered_by_id = uuid("triggered_by_id"),
        error_message = text("error_message"),
        details = text("details"),
        version = count("version"),
        updated_at = timestamp("updated_at"),
        records_expected = count("records_expected"),
        creation_digest = uuid("creation_digest"),
        sync_id = uuid("sync_id"),
        event_type = text("event_type"),
        event_timestamp = timestamp("\"timestamp\""),
        message = text("message"),
    )
}
