//! Lists of runs whose error message contains a text: the same with an index as without, in any locale.

mod folding;
mod index;
mod pages;
mod sqlite;

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::support::{Cluster, DatabaseKind, Sqlite, TestServer, wait_until};

/// Databases whose indexes of trigrams know different letters, and fold their case differently.
const LOCALES: [&str; 3] = [
    "LOCALE 'C'",
    "LOCALE 'C.UTF-8'",
    "LOCALE_PROVIDER icu ICU_LOCALE 'tr' LOCALE 'C.UTF-8'",
];

async fn start_in_locale(locale: &str) -> TestServer {
    let url = Cluster::get().empty_database_with(locale).await;
    TestServer::open(url).await
}

/// Numbers that are the same in each run of a test: `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).unwrap()
    }

    fn item<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// Inserts a failed run for each message, one a minute, as another writer does.
async fn insert_failed_runs(server: &TestServer, messages: &[String]) {
    const SOURCES: [&str; 3] = ["as400", "api", "file"];
    let kind = kind(server);
    let rows = messages.iter().enumerate().map(|(n, message)| {
        let hex = message.bytes().map(|byte| format!("{byte:02x}"));
        let hex: String = hex.collect();
        let (id, message) = if kind == Sqlite {
            (format!("x'{n:032x}'"), format!("CAST(x'{hex}' AS text)"))
        } else {
            (
                format!("'{n:032x}'"),
                format!(r"convert_from('\x{hex}', 'UTF8')"),
            )
        };
        let (day, hour, minute) = (n / 1440, n / 60 % 24, n % 60);
        let started = format!("2026-01-{:02}T{hour:02}:{minute:02}:00+00:00", day + 1);
        // Every third run was cancelled, with a reason.
        let status = if n % 3 == 0 { "cancelled" } else { "failed" };
        let source = SOURCES[n / 7 % 3];
        format!(
            "({id}, 'stock', '{source}', '{status}', '{started}', '{started}', {}, 0, 0, 0, {message})",
            n % 11
        )
    });
    let sql = format!(
        "INSERT INTO {} (id, entity_type, source, status, started_at, completed_at, records_processed, \
         records_created, records_updated, records_failed, error_message) VALUES {}",
        server.table("sync_history"),
        rows.collect::<Vec<_>>().join(", ")
    );
    server.execute_sql(&sql).await;
}

/// Waits until the server has indexed all messages, which PostgreSQL does itself.
async fn index_messages(server: &TestServer) {
    if server.is_on_postgres() {
        return;
    }
    let connection = server.external_connection().await;
    wait_until("all messages are indexed", async || {
        let sql = "SELECT 1 FROM sync_text_queue LIMIT 1";
        let statement = Statement::from_string(DbBackend::Sqlite, sql);
        connection.query_one_raw(statement).await.unwrap().is_none()
    })
    .await;
}

fn kind(server: &TestServer) -> DatabaseKind {
    if server.is_on_postgres() {
        DatabaseKind::Postgres
    } else {
        DatabaseKind::Sqlite
    }
}

/// Returns whether statements use the index of texts.
fn use_index(statements: &[String]) -> bool {
    let is_by_index = |sql: &String| sql.contains(" LIKE (SELECT ") || sql.contains("sync_text(");
    statements.iter().any(is_by_index)
}
