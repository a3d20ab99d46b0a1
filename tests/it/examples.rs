//! The front ends in `examples/`: type-checked, and in a browser against a live server.

use crate::clients::{assert_browser, node, npm, run};

#[test]
fn the_examples_are_type_checked_against_the_schema() {
    run(npm("examples").args(["run", "check"]));
}

#[test]
fn the_examples_list_follow_and_recover_in_a_browser() {
    assert_browser();
    let mut command = node("examples", "tests/browser.mjs");
    run(command.arg(env!("CARGO_BIN_EXE_sync-history")));
}
