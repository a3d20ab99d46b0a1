//! The data layers of admin frameworks, with the providers in `examples/`.

use crate::{
    clients::{node, run},
    support::{DatabaseKind, TestServer, apply, on_both_databases},
};

const USERS: [&str; 2] = [
    "0197d2c4-8a3e-7c1b-9f00-0000000000c1",
    "0197d2c4-8a3e-7c1b-9f00-0000000000c2",
];

/// Runs a script with the addresses of a server and the ids of its users.
async fn check(database: DatabaseKind, script: &str) {
    let server = TestServer::start(database).await;
    let mut command = node("examples", script);
    command.arg(&server.url);
    for (number, id) in USERS.iter().enumerate() {
        let email = format!("{number}@example.test");
        server.add_user(id, &email, "Zoë").await;
        command.arg(id);
    }
    tokio::task::block_in_place(|| run(&mut command));
}

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread")]
async fn react_admin_lists_references_and_deletes_runs(database: DatabaseKind) {
    check(database, "tests/react-admin.mjs").await;
}

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread")]
async fn refine_lists_filters_follows_and_deletes_runs(database: DatabaseKind) {
    check(database, "tests/refine.mjs").await;
}
