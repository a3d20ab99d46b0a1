//! `schema.graphql` matches the server.
#![allow(missing_docs)]

#[test]
fn the_committed_schema_matches_the_server() {
    let committed = include_str!("../schema.graphql");
    assert!(
        committed == sync_history::graphql::sdl(),
        "schema.graphql is out of date: cargo run -- schema > schema.graphql"
    );
}
