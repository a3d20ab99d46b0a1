//! API keys.

use crate::{
    authentication::{VIEWER, create_key},
    support::{DatabaseKind, Postgres, Sqlite, TestServer, apply, json, on_both_databases},
};

/// Column, stored value, and whether the key is still accepted.
type Case = (&'static str, &'static str, bool);

const POSTGRES: &[Case] = &[
    ("expires_at", "'infinity'", true),
    ("expires_at", "'12026-01-01'", true),
    ("expires_at", "'-infinity'", false),
    ("revoked_at", "'-infinity'", false),
    ("created_at", "'infinity'", true),
    ("last_used_at", "'infinity'", true),
];

const SQLITE: &[Case] = &[
    ("expires_at", "'infinity'", true),
    ("expires_at", "'tomorrow'", false),
    ("expires_at", "x'ff'", false),
    ("revoked_at", "'yesterday'", false),
    ("created_at", "'long ago'", true),
    ("last_used_at", "'never'", true),
    ("name", "CAST(x'61ff' AS text)", true),
];

/// Such a key neither prevents the use of others, nor is accepted for longer than it says.
#[apply(on_both_databases)]
#[tokio::test]
async fn a_key_with_a_value_that_cannot_be_represented_disturbs_no_other(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let (_, other) = create_key(&server, "read").await;
    let cases = match database {
        Postgres => POSTGRES,
        Sqlite => SQLITE,
    };
    for (column, literal, is_accepted) in cases {
        let (key, secret) = create_key(&server, "read").await;
        let (table, id) = (
            server.table("sync_key"),
            server.id_literal(&key.id.to_string()),
        );
        let sql = format!("UPDATE {table} SET {column} = {literal} WHERE id = {id}");
        server.execute_sql(&sql).await;
        for (secret, is_accepted) in [(&secret, *is_accepted), (&other, true)] {
            let (status, response) = server.execute_as(secret, VIEWER, json!({})).await;
            let expected = if is_accepted { 200 } else { 401 };
            assert_eq!(status, expected, "{column} = {literal}: {response}");
        }
    }
}
