//! Authentication of users by tokens of an OpenID Connect issuer.

use crate::{
    authentication::{VIEWER, WATCH, error_code},
    support::{
        DatabaseKind, OidcIssuer, Sqlite, TestServer, Value, apply, code, json, on_both_databases,
        socket::Socket,
    },
};

/// A Unix timestamp relative to the server's clock.
fn at(server: &TestServer, seconds: i64) -> i64 {
    use sync_history::clock::Clock;
    server.clock.now().timestamp() + seconds
}

#[apply(on_both_databases)]
#[tokio::test]
async fn users_authenticate_by_token_and_trigger_their_own_runs(database: DatabaseKind) {
    let issuer = OidcIssuer::start().await;
    let server = TestServer::start_with(database, issuer.settings()).await;
    let error = server.error("{ syncRuns { totalCount } }", json!({})).await;
    assert_eq!(code(&error), "UNAUTHENTICATED");

    let token = issuer.token(json!({"sub": "auth0|7", "email": "ada@example.com",
        "email_verified": true, "name": "Ada",
        "scope": "openid read report", "exp": at(&server, 60)}));
    let (_, response) = server.execute_as(&token, VIEWER, json!({})).await;
    assert_eq!(
        response["data"]["viewer"],
        json!({"name": "Ada", "kind": "USER", "scopes": ["read", "report"],
            "user": {"email": "ada@example.com"}})
    );
    let create = "mutation { createSyncRun(input: {entityType: STOCK, source: API}) {
        run { triggeredBy { email fullName } } } }";
    let (_, response) = server.execute_as(&token, create, json!({})).await;
    assert_eq!(
        response["data"]["createSyncRun"]["run"]["triggeredBy"],
        json!({"email": "ada@example.com", "fullName": "Ada"})
    );
    // Another token of the same user.
    let token = issuer.token(json!({"sub": "auth0|7", "email": "ada@example.com",
        "email_verified": true, "scope": "read", "exp": at(&server, 70)}));
    let (_, response) = server.execute_as(&token, VIEWER, json!({})).await;
    assert_eq!(
        response["data"]["viewer"]["user"]["email"],
        "ada@example.com"
    );

    let expired = issuer.token(json!({"sub": "a", "scope": "read", "exp": at(&server, -60)}));
    let (status, response) = server.execute_as(&expired, VIEWER, json!({})).await;
    assert_eq!((status, error_code(&response)), (401, "UNAUTHENTICATED"));
    let other_issuer = OidcIssuer::start().await;
    let forged = other_issuer.token(json!({"sub": "a", "scope": "admin", "exp": at(&server, 60)}));
    assert_eq!(server.execute_as(&forged, VIEWER, json!({})).await.0, 401);
}

#[tokio::test]
async fn a_token_is_matched_to_an_existing_user_on_postgres() {
    let issuer = OidcIssuer::start().await;
    let existing = TestServer::start_on_existing_database().await;
    let server = TestServer::open_with(existing.database_url.clone(), issuer.settings()).await;
    let users = existing
        .data(
            "{ syncRuns(first: 100) { nodes { triggeredBy { id email } } } }",
            json!({}),
        )
        .await;
    let nodes = users["syncRuns"]["nodes"].as_array().unwrap().iter();
    let user = nodes
        .map(|run| &run["triggeredBy"])
        .find(|user| user.is_object());
    let user = user.unwrap();
    for (claim, value) in [("email", &user["email"]), ("sub", &user["id"])] {
        let mut claims = json!({"sub": "some", "scope": "read", "email_verified": true,
            "exp": at(&server, 60)});
        claims[claim] = value.clone();
        let token = issuer.token(claims);
        let (_, response) = server.execute_as(&token, VIEWER, json!({})).await;
        assert_eq!(
            response["data"]["viewer"]["user"]["email"], user["email"],
            "{claim}"
        );
    }
    // An unknown user cannot be added to the predecessor's table, but is authenticated.
    let token = issuer.token(
        json!({"sub": "some", "email": "new@example.com", "email_verified": true, "scope": "read",
        "exp": at(&server, 60)}),
    );
    let (status, response) = server.execute_as(&token, VIEWER, json!({})).await;
    assert_eq!(
        (status, &response["data"]["viewer"]["user"]),
        (200, &Value::Null)
    );
}

#[tokio::test]
async fn a_socket_closes_when_its_token_expires() {
    let issuer = OidcIssuer::start().await;
    let server = TestServer::start_with(Sqlite, issuer.settings()).await;
    let token = issuer.token(json!({"sub": "a", "scope": "read", "exp": at(&server, 1)}));
    let mut socket = Socket::open_with(&server.url, json!({"token": token})).await;
    socket.subscribe(WATCH, json!({})).await;
    assert_eq!(socket.close_code().await, 4401);
}

#[tokio::test]
async fn an_unverified_email_does_not_identify_a_user() {
    let issuer = OidcIssuer::start().await;
    let server = TestServer::start_with(Sqlite, issuer.settings()).await;
    let claims = |sub: &str, verified: Value| {
        json!({"sub": sub, "email": "ada@example.com", "email_verified": verified,
            "scope": "read", "exp": at(&server, 60)})
    };
    let user = async |claims: Value| {
        let (_, mut response) = server
            .execute_as(&issuer.token(claims), VIEWER, json!({}))
            .await;
        response["data"]["viewer"]["user"].take()
    };
    assert_eq!(
        user(claims("ada", json!(true))).await["email"],
        "ada@example.com"
    );
    assert_eq!(user(claims("mallory", json!(false))).await, Value::Null);
    assert_eq!(user(claims("mallory", Value::Null)).await, Value::Null);
    // The same user without an email address.
    let without_email = json!({"sub": "ada", "scope": "read", "exp": at(&server, 60)});
    assert_eq!(user(without_email).await["email"], "ada@example.com");
}
