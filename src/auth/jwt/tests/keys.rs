//! Tests of fetching and caching key sets.

use std::{fs, sync::Arc, time::Duration};

use axum::http::StatusCode;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    super::{AuthError, JwtSettings, JwtVerifier, jwks_source::JwksSourceError},
    support::{FixedClock, Issuer, KeyPair, forged, good, key_file, settings},
};

const UNKNOWN: AuthError = AuthError::Invalid("the token's key is unknown");

async fn open(settings: JwtSettings) -> (JwtVerifier, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::default());
    let verifier = JwtVerifier::open(settings, clock.clone()).await.unwrap();
    (verifier, clock)
}

async fn verifier_of_issuer(pairs: &[KeyPair]) -> (Issuer, JwtVerifier, Arc<FixedClock>) {
    let issuer = Issuer::start(pairs).await;
    let (verifier, clock) = open(issuer.settings()).await;
    (issuer, verifier, clock)
}

fn signed_by_p256() -> String {
    KeyPair::p256().sign("ES256", &good())
}

fn with_unknown_kid(kid: usize) -> String {
    let header = json!({"alg": "ES256", "kid": format!("forged {kid}")});
    forged(&header, &good(), &[0; 64])
}

/// Waits for a background task.
async fn eventually(holds: impl AsyncFn() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the condition did not become true in time");
}

#[tokio::test]
async fn rotated_keys_are_fetched_on_first_use() {
    let (issuer, verifier, clock) = verifier_of_issuer(&[KeyPair::p256()]).await;
    let stranger = KeyPair::stranger();
    let signed_by_new = stranger.sign("ES256", &good());
    clock.advance(10);
    assert_eq!(verifier.verify(&signed_by_new).await, Err(UNKNOWN));

    issuer.publish(&[stranger]);
    clock.advance(9);
    assert_eq!(verifier.verify(&signed_by_new).await, Err(UNKNOWN));
    clock.advance(1);
    assert!(verifier.verify(&signed_by_new).await.is_ok());
    // The previous key is gone.
    assert_eq!(verifier.verify(&signed_by_p256()).await, Err(UNKNOWN));
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn unknown_key_ids_cause_at_most_one_fetch_per_ten_seconds() {
    let (issuer, verifier, clock) = verifier_of_issuer(&[KeyPair::p256()]).await;
    for round in 0..3 {
        clock.advance(10);
        let forged: Vec<_> = (0..50).map(with_unknown_kid).collect();
        let concurrent = join_all(forged.iter().map(|token| verifier.verify(token))).await;
        assert!(
            concurrent
                .into_iter()
                .all(|rejected| rejected == Err(UNKNOWN))
        );
        for token in &forged {
            assert_eq!(verifier.verify(token).await, Err(UNKNOWN));
        }
        assert_eq!(issuer.fetches(), 2 + round);
    }
}

#[tokio::test]
async fn concurrent_requests_share_one_fetch() {
    let (issuer, verifier, clock) = verifier_of_issuer(&[KeyPair::p256()]).await;
    clock.advance(10);
    issuer.set_delay(Duration::from_millis(200));
    let stranger = KeyPair::stranger();
    let signed_by_new = stranger.sign("ES256", &good());
    issuer.publish(&[KeyPair::p256(), stranger]);
    let all = join_all((0..20).map(|_| verifier.verify(&signed_by_new))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_fetch_survives_the_disconnect_of_its_client() {
    let (issuer, verifier, clock) = verifier_of_issuer(&[KeyPair::p256()]).await;
    clock.advance(10);
    issuer.set_delay(Duration::from_millis(200));
    let stranger = KeyPair::stranger();
    let signed_by_new = stranger.sign("ES256", &good());
    issuer.publish(&[stranger]);
    let disconnected =
        tokio::time::timeout(Duration::from_millis(50), verifier.verify(&signed_by_new)).await;
    assert!(disconnected.is_err());
    assert!(verifier.verify(&signed_by_new).await.is_ok());
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn the_cached_key_set_is_kept_when_a_fetch_fails() {
    let (issuer, verifier, clock) = verifier_of_issuer(&[KeyPair::p256()]).await;
    // Each of these would remove the good key if it were accepted.
    let many: Vec<_> = (0..101).map(|_| KeyPair::rsa().jwk()).collect();
    let large = format!(
        "{}{}",
        " ".repeat(1 << 20),
        json!({"keys": [KeyPair::rsa().jwk()]})
    );
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        (
            StatusCode::FOUND,
            json!({"keys": [KeyPair::rsa().jwk()]}).to_string(),
        ),
        (StatusCode::OK, "rubbish".to_owned()),
        (StatusCode::OK, json!({"keys": []}).to_string()),
        (StatusCode::OK, json!({"keys": many}).to_string()),
        (StatusCode::OK, large),
    ] {
        clock.advance(10);
        issuer.respond(status, &body);
        let before = issuer.fetches();
        assert_eq!(verifier.verify(&with_unknown_kid(0)).await, Err(UNKNOWN));
        assert_eq!(issuer.fetches(), before + 1);
        assert!(verifier.verify(&signed_by_p256()).await.is_ok(), "{status}");
    }
}

#[tokio::test]
async fn an_issuer_may_be_unavailable_at_start_up() {
    let issuer = Issuer::start(&[KeyPair::p256()]).await;
    issuer.respond(StatusCode::BAD_GATEWAY, "");
    let (verifier, clock) = open(issuer.settings()).await;
    assert_eq!(
        verifier.verify(&signed_by_p256()).await,
        Err(AuthError::Unavailable)
    );
    issuer.publish(&[KeyPair::p256()]);
    assert_eq!(
        verifier.verify(&signed_by_p256()).await,
        Err(AuthError::Unavailable)
    );
    clock.advance(10);
    assert!(verifier.verify(&signed_by_p256()).await.is_ok());

    let unreachable = JwtSettings {
        jwks: Some("http://127.0.0.1:1/keys".to_owned()),
        ..settings("".as_ref())
    };
    let (verifier, _clock) = open(unreachable).await;
    assert_eq!(
        verifier.verify(&signed_by_p256()).await,
        Err(AuthError::Unavailable)
    );
}

#[tokio::test]
async fn stale_key_sets_are_refreshed_in_the_background() {
    let (issuer, verifier, clock) = verifier_of_issuer(&[KeyPair::p256()]).await;
    issuer.publish(&[KeyPair::stranger()]);
    let mut claims = good();
    claims["exp"] = json!(4_102_444_800_u32);
    let token = KeyPair::p256().sign("ES256", &claims);
    clock.advance(3599);
    assert!(verifier.verify(&token).await.is_ok());
    assert_eq!(issuer.fetches(), 1);
    clock.advance(1);
    // This call does not wait for the refresh that removes the key.
    assert!(verifier.verify(&token).await.is_ok());
    eventually(async || verifier.verify(&token).await == Err(UNKNOWN)).await;
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_clock_set_back_does_not_block_refreshes() {
    let (issuer, verifier, clock) = verifier_of_issuer(&[KeyPair::p256()]).await;
    clock.advance(-86_400);
    assert_eq!(verifier.verify(&with_unknown_kid(0)).await, Err(UNKNOWN));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_key_file_is_read_again_for_an_unknown_key() {
    let stranger = KeyPair::stranger();
    let signed_by_new = stranger.sign("ES256", &good());
    let file = key_file(&json!({"keys": [KeyPair::p256().jwk()]}));
    let (verifier, clock) = open(settings(file.path())).await;
    assert_eq!(verifier.verify(&signed_by_new).await, Err(UNKNOWN));
    fs::write(file.path(), json!({"keys": [stranger.jwk()]}).to_string()).unwrap();
    clock.advance(10);
    assert!(verifier.verify(&signed_by_new).await.is_ok());
    file.close().unwrap();
    clock.advance(10);
    assert_eq!(verifier.verify(&with_unknown_kid(0)).await, Err(UNKNOWN));
    assert!(verifier.verify(&signed_by_new).await.is_ok());
}

#[tokio::test]
async fn the_key_set_url_is_discovered() {
    let issuer = Issuer::start(&[KeyPair::p256()]).await;
    let settings = JwtSettings {
        issuer: Some(issuer.url()),
        jwks: None,
        ..settings("".as_ref())
    };
    let mut claims = good();
    claims["iss"] = json!(issuer.url());
    let token = KeyPair::p256().sign("ES256", &claims);
    let (verifier, _clock) = open(settings.clone()).await;
    assert!(verifier.verify(&token).await.is_ok());
    // A discovery document of another tenant at the same host.
    issuer.set_discovery(
        json!({"issuer": "https://other.example", "jwks_uri": format!("{}/keys", issuer.url())}),
    );
    let (verifier, _clock) = open(settings).await;
    assert_eq!(verifier.verify(&token).await, Err(AuthError::Unavailable));
}

#[test]
fn an_https_issuer_must_have_an_https_key_set() {
    let place = |keys: &str| {
        let configuration = json!({"issuer": "https://a.example", "jwks_uri": keys}).to_string();
        super::jwks_source::jwks_url(configuration.as_bytes(), "https://a.example", true)
    };
    assert!(place("https://keys.example/set").is_ok());
    assert!(matches!(
        place("http://a.example/set"),
        Err(JwksSourceError::Downgrade(_))
    ));
    assert!(matches!(
        place("file:///etc/keys"),
        Err(JwksSourceError::InvalidUrl(_))
    ));
    assert!(matches!(place("/set"), Err(JwksSourceError::InvalidUrl(_))));
}

async fn rejection(jwk: Value, token: &str) -> Option<AuthError> {
    // Another key keeps the set from being empty.
    let file = key_file(&json!({"keys": [KeyPair::stranger().jwk(), {"kty": "new"}, 7, jwk]}));
    let (verifier, _clock) = open(settings(file.path())).await;
    verifier.verify(token).await.err()
}

#[tokio::test]
async fn keys_are_used_only_as_they_declare() {
    let jwk = |member: &str, value: Value| {
        let mut jwk = KeyPair::rsa().jwk();
        jwk[member] = value;
        jwk
    };
    let token = KeyPair::rsa().sign("RS256", &good());
    let unfit = Some(AuthError::Invalid(
        "the token's algorithm does not match its key",
    ));
    assert_eq!(rejection(jwk("use", json!("sig")), &token).await, None);
    assert_eq!(rejection(jwk("alg", json!("RS256")), &token).await, None);
    assert_eq!(
        rejection(jwk("key_ops", json!(["verify"])), &token).await,
        None
    );
    assert_eq!(
        rejection(jwk("use", json!("enc")), &token).await,
        Some(UNKNOWN)
    );
    assert_eq!(
        rejection(jwk("key_ops", json!(["encrypt"])), &token).await,
        Some(UNKNOWN)
    );
    assert_eq!(rejection(jwk("alg", json!("RS512")), &token).await, unfit);
    assert_eq!(
        rejection(jwk("alg", json!("HS256")), &token).await,
        Some(UNKNOWN)
    );
    assert_eq!(
        rejection(jwk("alg", json!("RSA-OAEP")), &token).await,
        Some(UNKNOWN)
    );
    let secret = json!({"kty": "oct", "kid": "rsa", "k": "c2VjcmV0"});
    let signed_by_secret = KeyPair::rsa().sign_with_secret(b"secret", &good());
    let rejected = AuthError::Invalid("the token's algorithm is not supported");
    assert_eq!(rejection(secret, &signed_by_secret).await, Some(rejected));
}

#[tokio::test]
async fn both_keys_with_one_id_are_tried() {
    let stranger = KeyPair::stranger().with_kid("p256");
    let signed_by_stranger = stranger.sign("ES256", &good());
    let (known, other) = (KeyPair::p256().with_kid("p256"), stranger);
    for keys in [
        json!([known.jwk(), other.jwk()]),
        json!([other.jwk(), known.jwk()]),
    ] {
        let file = key_file(&json!({"keys": keys}));
        let (verifier, _) = open(settings(file.path())).await;
        for token in [&known.sign("ES256", &good()), &signed_by_stranger] {
            assert!(verifier.verify(token).await.is_ok());
        }
        // The reason is that of the key that fits.
        let mut wrong = good();
        wrong["aud"] = json!("another");
        let rejected = verifier.verify(&known.sign("ES256", &wrong)).await;
        let reason = "the token's `aud` claim does not contain the expected audience";
        assert_eq!(rejected, Err(AuthError::Invalid(reason)));
        let forged = forged(&json!({"alg": "ES256", "kid": "p256"}), &good(), &[1; 64]);
        let reason = "the token's signature is invalid";
        assert_eq!(
            verifier.verify(&forged).await,
            Err(AuthError::Invalid(reason))
        );
    }
}

#[tokio::test]
async fn a_token_without_kid_needs_a_unique_matching_key() {
    let header = json!({"alg": "ES256"});
    let token = KeyPair::p256().sign_with_header(&header, &good());
    let sets = [
        (json!([KeyPair::rsa().jwk(), KeyPair::p256().jwk()]), None),
        (
            json!([KeyPair::p256().jwk(), KeyPair::p256().with_kid("b").jwk()]),
            Some(AuthError::Invalid(
                "the token has no `kid`, and several keys match its algorithm",
            )),
        ),
        (json!([KeyPair::rsa().jwk()]), Some(UNKNOWN)),
    ];
    for (keys, rejected) in sets {
        let file = key_file(&json!({"keys": keys}));
        let (verifier, _clock) = open(settings(file.path())).await;
        assert_eq!(verifier.verify(&token).await.err(), rejected);
    }
}
