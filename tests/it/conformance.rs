//! Random documents, valid and invalid, are answered as graphql-js answers them over the same data.

use std::{path::Path, process::Command};

use crate::{
    clients::{assert_npm_packages, run},
    support::{DatabaseKind, TestServer, apply, on_both_databases},
};

const DOCUMENTS: &str = "2000";
const USERS: [&str; 2] = [
    "0197d2c4-8a3e-7c1b-9f00-0000000000c1",
    "0197d2c4-8a3e-7c1b-9f00-0000000000c2",
];

#[apply(on_both_databases)]
#[tokio::test(flavor = "multi_thread")]
async fn random_documents_are_answered_as_by_graphql_js(database: DatabaseKind) {
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients");
    assert_npm_packages(&clients);
    let server = TestServer::start(database).await;
    let mut compare = Command::new("node");
    compare
        .arg("conformance/compare.mjs")
        .arg(format!("--url={}/graphql", server.url))
        .args(["--count", DOCUMENTS])
        .current_dir(clients);
    for (number, id) in USERS.iter().enumerate() {
        let email = format!("{number}@example.test");
        server.add_user(id, &email, "Zoë").await;
        compare.arg(format!("--user={id}"));
    }
    tokio::task::block_in_place(|| run(&mut compare));
}
