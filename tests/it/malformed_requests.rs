//! Requests that are too large, invalid or not allowed to have effects.

use crate::support::{
    DatabaseKind, Sqlite, TestServer, Value, apply, code, json, on_both_databases,
};

/// These documents are small, but would overflow the stack or take seconds to validate.
#[tokio::test]
async fn oversized_documents_and_variables_are_rejected() {
    let server = TestServer::start(Sqlite).await;
    let deep = |open: &str, close: &str, n: usize| open.repeat(n) + &close.repeat(n);
    let literal = |n| format!("{{ __typename @skip(if: {}) }}", deep("[", "]", n));
    let filter = |n| {
        format!(
            "{{ syncRuns(filter: {}) {{ totalCount }} }}",
            deep("{anyOf: [{not: ", "}]}", n)
        )
    };
    let selection = |n| deep("{ a ", "}", n);
    let fragment = |n: usize| format!("fragment f{n} on Query {{ ...f{0} ...f{0} }} ", n + 1);
    let bomb: String = (0..31).map(fragment).collect();
    let bomb = format!("{{ ...f0 }} {bomb} fragment f31 on Query {{ __typename }}");
    let chained: String = (0..5000).map(fragment).collect();
    let nothing = bomb.replace("__typename", "...nothing");
    let deep_list = "[".repeat(50_000);
    let in_comment = format!("{{ a # \r a(b: {deep_list}");
    let in_string = format!(r#"{{ a(b: """ \\""" """ c: {deep_list}"#);
    let unterminated = format!(r#"{{ a(b: [""" x " {deep_list}"#);
    let cycle = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }".to_owned();
    let many = format!("{{ {} }}", "a: __typename ".repeat(3000));
    for (query, expected) in [
        (literal(100), "QUERY_TOO_COMPLEX"),
        (literal(100_000), "QUERY_TOO_COMPLEX"),
        (filter(20_000), "QUERY_TOO_COMPLEX"),
        (selection(100_000), "QUERY_TOO_COMPLEX"),
        (bomb, "QUERY_TOO_COMPLEX"),
        (nothing, "QUERY_TOO_COMPLEX"),
        (in_comment, "QUERY_TOO_COMPLEX"),
        (in_string, "QUERY_TOO_COMPLEX"),
        (unterminated, "BAD_INPUT"),
        (format!("{{ ...f0 }} {chained}"), "QUERY_TOO_COMPLEX"),
        (many, "QUERY_TOO_COMPLEX"),
        (cycle, "BAD_INPUT"),
    ] {
        let error = server.error(&query, json!({})).await;
        assert_eq!(code(&error), expected, "{error}");
    }
    let list = "query($filter: SyncRunFilter) { syncRuns(filter: $filter) { totalCount } }";
    let wide = json!({"anyOf": vec![json!({"recordsFailed": {"gte": 1}}); 1000]});
    let nested = (0..40).fold(json!({}), |inner, _| json!({"anyOf": [{"not": inner}]}));
    let error = server.error(list, json!({"filter": wide})).await;
    assert!(
        error["message"].as_str().unwrap().contains("100 filters"),
        "{error}"
    );
    let request = json!({"query": list, "variables": {"filter": nested}});
    let response = server.post("application/json", request.to_string()).await;
    assert_eq!(response.status(), 400);
    let response: Value = response.json().await.unwrap();
    assert!(
        response["errors"][0]["message"]
            .as_str()
            .unwrap()
            .contains("levels deep")
    );
    // Within the limits.
    let ninety = json!({"anyOf": vec![json!({"not": {"recordsFailed": {"gte": 1}}}); 49]});
    server.data(list, json!({"filter": ninety})).await;
    server
        .data(
            &format!("{{ syncRuns {{ {} }} }}", "__typename ".repeat(1999)),
            json!({}),
        )
        .await;
}

/// A parsed value takes much more memory and time than its bytes.
#[tokio::test]
async fn variables_with_too_many_values_are_rejected_before_parsing() {
    let server = TestServer::start(Sqlite).await;
    let query = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }";
    let names = (0..60_000)
        .map(|n| (n.to_string(), json!(1)))
        .collect::<serde_json::Map<_, _>>();
    for ids in [
        json!(vec!["a"; 200_000]),
        json!(vec![json!({}); 200_000]),
        json!(names),
        json!(vec![["\\\"", ","]; 30_001]),
    ] {
        let body = json!({"query": query, "variables": {"ids": ids}}).to_string();
        let response = server.post("application/json", body.clone()).await;
        assert_eq!(response.status(), 413, "{body:.100}");
        let response: Value = response.json().await.unwrap();
        let message = response["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("60000 values"), "{message}");
    }
    // A string that looks like many values.
    let text = ",".repeat(500_000);
    let body = json!({"query": "{ __typename }", "extensions": {"a": text}});
    let response = server.post("application/json", body.to_string()).await;
    assert_eq!(response.status(), 200);
}

/// Details that can be stored can be read again.
#[apply(on_both_databases)]
#[tokio::test]
async fn details_nested_too_deeply_are_rejected(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let run = server.create_stock_run().await;
    let add = |levels: usize| {
        let details = format!("{{a: {}{}}}", "[".repeat(levels), "]".repeat(levels));
        format!(
            "mutation {{ addSyncEvent(input: {{runId: \"{run}\", event: {{eventType: \"x\",
                message: \"x\", details: {details}}}}}) {{ replayed }} }}"
        )
    };
    assert!(
        server
            .execute(&add(40), json!({}))
            .await
            .get("errors")
            .is_none()
    );
    assert_eq!(
        code(&server.error(&add(63), json!({})).await),
        "QUERY_TOO_COMPLEX"
    );
    let data = server
        .data("{ syncEvents { nodes { details } } }", json!({}))
        .await;
    assert_eq!(data["syncEvents"]["nodes"].as_array().unwrap().len(), 1);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn an_invalid_request_executes_nothing(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let two = "mutation($a: CreateSyncRunInput!, $b: CreateSyncRunInput!) {
        a: createSyncRun(input: $a) { replayed } b: createSyncRun(input: $b) { replayed } }";
    let good = json!({"entityType": "STOCK", "source": "AS400"});
    for bad in [
        Value::Null,
        json!(1),
        json!({"entityType": "STOCK"}),
        json!({"entityType": "STOCK", "source": "AS400", "startedAt": "today"}),
        json!({"entityType": "STOCK", "source": "AS400", "recordsExpected": 3_000_000_000_u32}),
    ] {
        let response = server.execute(two, json!({"a": good, "b": bad})).await;
        assert_eq!(code(&response["errors"][0]), "BAD_INPUT");
        assert!(response.get("data").is_none(), "{response}");
    }
    assert_eq!(server.count_runs().await, 0);
}

#[apply(on_both_databases)]
#[tokio::test]
async fn timestamps_outside_years_0000_to_9999_are_rejected(database: DatabaseKind) {
    let server = TestServer::start(database).await;
    let create = "mutation($input: CreateSyncRunInput!) {
        createSyncRun(input: $input) { run { startedAt } } }";
    for timestamp in [
        "9999-12-31T23:59:59-23:59",
        "0000-01-01T00:00:00+23:59",
        "+12026-01-01T00:00:00Z",
    ] {
        let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": timestamp});
        let error = server.error(create, json!({"input": input})).await;
        assert_eq!(code(&error), "BAD_INPUT", "{timestamp}");
    }
    for (timestamp, expected) in [
        (
            "2025-12-31T23:59:59.9999999Z",
            "2025-12-31T23:59:59.999999Z",
        ),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000000Z"),
    ] {
        let input = json!({"entityType": "STOCK", "source": "AS400", "startedAt": timestamp});
        let data = server.data(create, json!({"input": input})).await;
        assert_eq!(data["createSyncRun"]["run"]["startedAt"], expected);
    }
    let pages = "{ syncRuns(first: 1) { pageInfo { endCursor } } }";
    let after = server.data(pages, json!({})).await["syncRuns"]["pageInfo"]["endCursor"].take();
    let remaining = "query($after: String) { syncRuns(after: $after) { nodes { startedAt } } }";
    let remaining = server.data(remaining, json!({"after": after})).await;
    assert_eq!(remaining["syncRuns"]["nodes"].as_array().unwrap().len(), 1);
}

/// Browsers send these requests across origins without a preflight.
#[tokio::test]
async fn only_json_posts_execute_mutations() {
    let server = TestServer::start(Sqlite).await;
    let mutation =
        "mutation { createSyncRun(input: {entityType: STOCK, source: AS400}) { replayed } }";
    let body = json!({"query": mutation}).to_string();
    let client = reqwest::Client::new();
    let url = format!("{}/graphql", server.url);
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
    ] {
        let post = client
            .post(&url)
            .header("content-type", content_type)
            .body(body.clone());
        let response = post.send().await.unwrap();
        assert_eq!(response.status(), 415, "{content_type}");
        let response: Value = response.json().await.unwrap();
        assert_eq!(code(&response["errors"][0]), "BAD_INPUT");
    }
    let zipped = client.post(&url).header("content-type", "application/json");
    let zipped = zipped.header("content-encoding", "gzip").body(body.clone());
    assert_eq!(zipped.send().await.unwrap().status(), 415);
    assert_eq!(
        client.put(&url).body(body).send().await.unwrap().status(),
        405
    );
    let mut by_get = reqwest::Url::parse(&url).unwrap();
    by_get.query_pairs_mut().append_pair("query", mutation);
    let by_get = client.get(by_get).send().await.unwrap();
    assert_eq!(
        (by_get.status().as_u16(), &by_get.headers()["allow"]),
        (405, &"POST".parse().unwrap())
    );
    assert_eq!(server.count_runs().await, 0);
}

#[tokio::test]
async fn queries_are_accepted_in_the_url() {
    let server = TestServer::start(Sqlite).await;
    let response = server.get("/graphql?query=query($a:Int!)%7BsyncRuns(first:$a)%7BtotalCount%7D%7D&variables=%7B%22a%22:1%7D&operationName=").await;
    assert_eq!(response.status(), 200);
    let response: Value = response.json().await.unwrap();
    assert_eq!(response, json!({"data": {"syncRuns": {"totalCount": 0}}}));
}

#[tokio::test]
async fn malformed_request_bodies_are_rejected() {
    let server = TestServer::start(Sqlite).await;
    let graphql = "application/graphql-response+json";
    let mut invalid_utf8 = br#"{"query": "{ syncRuns { totalCount } }", "x": ""#.to_vec();
    invalid_utf8.extend([0xff, b'"', b'}']);
    let mut huge = br#"{"query": "{ syncRuns { totalCount } }", "variables": {"x": ""#.to_vec();
    huge.extend(vec![b'x'; 1024 * 1024]);
    huge.extend(b"\"}}");
    let cases: [(Vec<u8>, u16, &str); 8] = [
        (b"{".to_vec(), 400, "not valid JSON"),
        (b"\"text\"".to_vec(), 400, "JSON object"),
        (
            b"[{\"query\": \"{ __typename }\"}]".to_vec(),
            400,
            "batching is not supported",
        ),
        (b"{}".to_vec(), 400, "`query`"),
        (br#"{"query": 5}"#.to_vec(), 400, "`query`"),
        (
            br#"{"query": "{ __typename }", "variables": [1]}"#.to_vec(),
            400,
            "`variables`",
        ),
        (invalid_utf8, 400, "not UTF-8"),
        (huge, 413, "1048576 bytes"),
    ];
    for (body, status, expected_message) in cases {
        let response = server.post(graphql, body).await;
        assert_eq!(response.status(), status, "{expected_message}");
        let response: Value = response.json().await.unwrap();
        assert!(response.get("data").is_none());
        assert_eq!(code(&response["errors"][0]), "BAD_INPUT");
        assert!(
            response["errors"][0]["message"]
                .as_str()
                .unwrap()
                .contains(expected_message),
            "{response}"
        );
    }
}
