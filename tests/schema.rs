//! `schema.graphql` is current.
#![allow(missing_docs)]

#[test]
fn the_committed_schema_is_the_one_the_server_has() {
    let committed = include_str!("../schema.graphql");
    assert!(
        committed == sync_history::graphql::sdl(),
        "schema.graphql is out of date: cargo run -- schema > schema.graphql"
    );
}
