//! Lists of users: by name, searched by name or e-mail address.

use crate::support::{DatabaseKind, TestServer, Value, apply, code, json, on_both_databases};

const PAGE: &str = "query($search: String, $first: Int, $after: String, $last: Int, $before: String) {
    users(search: $search, first: $first, after: $after, last: $last, before: $before) { totalCount nodes { id email fullName }
    edges { cursor node { id email fullName } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }";

/// Names in order, and e-mail addresses.
const USERS: [(&str, &str); 9] = [
    ("Adele Amber", "aa@example.test"),
    ("Berta Brown", "bb@example.test"),
    ("Berta Brown", "bb2@example.test"),
    ("Berta Brown", "BB3@example.test"),
    ("Carl M\u{dc}LLER", "cm@example.test"),
    ("Dora 100%", "d_d@example.test"),
    ("Emil", "Emil@other.test"),
    ("Fred", "fred@example.test"),
    ("Gerda", "gerda@example.test"),
];

fn id(number: usize) -> String {
    format!("0197d2c4-8a3e-7c1b-9f00-{number:012}")
}

async fn seed(database: DatabaseKind) -> TestServer {
    let server = TestServer::start(database).await;
    // In another order.
    for number in [7, 2, 5, 0, 8, 1, 3, 6, 4] {
        let (name, email) = USERS[number];
        server.add_user(&id(number), email, name).await;
    }
    server
}

fn ids(list: &Value) -> Vec<String> {
    let nodes = list["nodes"].as_array().unwrap().iter();
    nodes
        .map(|node| node["id"].as_str().unwrap().to_owned())
        .collect()
}

#[apply(on_both_databases)]
#[tokio::test]
async fn users_are_listed_by_name_in_pages_from_both_ends(database: DatabaseKind) {
    let server = seed(database).await;
    let all: Vec<_> = (0..USERS.len()).map(id).collect();
    let list = async |variables: Value| server.data(PAGE, variables).await["users"].take();
    let whole = list(json!({})).await;
    assert_eq!(ids(&whole), all);
    assert_eq!(whole["totalCount"], USERS.len());
    let first = json!({"id": id(0), "email": USERS[0].1, "fullName": USERS[0].0});
    assert_eq!(whole["nodes"][0], first);
    assert_eq!(whole["edges"][0]["node"], first);
    for size in 1..=4 {
        for (name, cursor, end, more) in [
            ("first", "after", "endCursor", "hasNextPage"),
            ("last", "before", "startCursor", "hasPreviousPage"),
        ] {
            let (mut found, mut variables) = (Vec::new(), json!({name: size}));
            loop {
                let page = list(variables.clone()).await;
                found = if name == "first" {
                    [found, ids(&page)].concat()
                } else {
                    [ids(&page), found].concat()
                };
                variables[cursor] = page["pageInfo"][end].clone();
                if page["pageInfo"][more] == false {
                    break;
                }
            }
            assert_eq!(found, all, "{name} {size}");
        }
    }
    let cursor = |number: usize| whole["edges"][number]["cursor"].clone();
    let between = list(json!({"after": cursor(1), "before": cursor(4)})).await;
    assert_eq!(ids(&between), all[2..4]);
    let none = list(json!({"first": 0})).await;
    assert_eq!(
        (ids(&none).len(), &none["totalCount"]),
        (0, &json!(USERS.len()))
    );
}

#[apply(on_both_databases)]
#[tokio::test]
async fn users_are_found_by_a_part_of_their_name_or_address(database: DatabaseKind) {
    let server = seed(database).await;
    for (search, expected) in [
        (json!(null), (0..9).collect::<Vec<_>>()),
        (json!(""), (0..9).collect()),
        (json!("bErTa"), vec![1, 2, 3]),
        (json!("bb3@EXAMPLE"), vec![3]),
        (json!("m\u{fc}ller"), vec![4]),
        (json!("0%"), vec![5]),
        (json!("_"), vec![5]),
        (json!("OTHER"), vec![6]),
        (json!("er"), vec![0, 1, 2, 3, 4, 6, 8]),
        (json!(".*"), vec![]),
        (json!("nobody"), vec![]),
    ] {
        let list = server.data(PAGE, json!({"search": search})).await["users"].take();
        let expected: Vec<_> = expected.into_iter().map(id).collect();
        assert_eq!(ids(&list), expected, "{search}");
        assert_eq!(list["totalCount"], expected.len(), "{search}");
    }
    for (variables, expected) in [
        (json!({"search": "x".repeat(501)}), "BAD_INPUT"),
        (json!({"search": "a\u{0}"}), "BAD_INPUT"),
        (json!({"first": 101}), "BAD_INPUT"),
        (json!({"after": "nope"}), "BAD_CURSOR"),
    ] {
        let error = server.error(PAGE, variables.clone()).await;
        assert_eq!(code(&error), expected, "{variables}");
    }
    let run = server.create_stock_run().await;
    let runs = server
        .data("{ syncRuns { edges { cursor } } }", json!({}))
        .await;
    let cursor = &runs["syncRuns"]["edges"][0]["cursor"];
    let error = server.error(PAGE, json!({"after": cursor})).await;
    assert_eq!(code(&error), "BAD_CURSOR", "{run}");
}

#[tokio::test]
async fn users_of_an_adopted_database_are_listed_on_postgres() {
    let server = TestServer::start_on_existing_database().await;
    let whole = server.data(PAGE, json!({})).await["users"].take();
    assert_eq!(whole["totalCount"], 3);
    // Other applications may have users without a name, and equal names.
    server
        .execute_sql(
            "ALTER TABLE \"user\".\"user\" ALTER COLUMN full_name DROP NOT NULL;
            UPDATE \"user\".\"user\" SET full_name = NULL WHERE id <> (SELECT min(id::text)::uuid FROM \"user\".\"user\")",
        )
        .await;
    let mut found = Vec::new();
    let mut after = Value::Null;
    for _ in 0..3 {
        let variables = json!({"first": 1, "after": after});
        let page = server.data(PAGE, variables).await["users"].take();
        found.extend(ids(&page));
        after = page["pageInfo"]["endCursor"].clone();
    }
    found.sort_unstable();
    let mut all = ids(&whole);
    all.sort_unstable();
    assert_eq!(found, all);
}
