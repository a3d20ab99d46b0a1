//! When keys are read, and what is kept.

use std::{fs, sync::Arc, time::Duration};

use axum::http::StatusCode;
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    super::{AuthError, JwtSettings, JwtVerifier, jwks_source::JwksSourceError},
    support::{Issuer, Pair, StoppedClock, forged, good, key_file, settings},
};

const UNKNOWN: AuthError = AuthError::Invalid("the token's key is unknown");

async fn open(settings: JwtSettings) -> (JwtVerifier, Arc<StoppedClock>) {
    let clock = Arc::new(StoppedClock::default());
    let tokens = JwtVerifier::open(settings, clock.clone()).await.unwrap();
    (tokens, clock)
}

async fn open_issuer(pairs: &[Pair]) -> (Issuer, JwtVerifier, Arc<StoppedClock>) {
    let issuer = Issuer::start(pairs).await;
    let (tokens, clock) = open(issuer.settings()).await;
    (issuer, tokens, clock)
}

fn by_p256() -> String {
    Pair::p256().sign("ES256", &good())
}

fn by_unknown(kid: usize) -> String {
    let header = json!({"alg": "ES256", "kid": format!("forged {kid}")});
    forged(&header, &good(), &[0; 64])
}

/// Waits for what goes on in the background.
async fn eventually(holds: impl AsyncFn() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to hold");
}

#[tokio::test]
async fn a_new_key_is_found_when_the_first_token_by_it_comes() {
    let (issuer, tokens, clock) = open_issuer(&[Pair::p256()]).await;
    let stranger = Pair::stranger();
    let by_new = stranger.sign("ES256", &good());
    clock.pass(10);
    assert_eq!(tokens.verify(&by_new).await, Err(UNKNOWN));

    issuer.publish(&[stranger]);
    clock.pass(9);
    assert_eq!(tokens.verify(&by_new).await, Err(UNKNOWN));
    clock.pass(1);
    assert!(tokens.verify(&by_new).await.is_ok());
    // The one before is gone.
    assert_eq!(tokens.verify(&by_p256()).await, Err(UNKNOWN));
    assert_eq!(issuer.fetches(), 3);
}

#[tokio::test]
async fn forged_key_names_cause_one_fetch_in_ten_seconds() {
    let (issuer, tokens, clock) = open_issuer(&[Pair::p256()]).await;
    for round in 0..3 {
        clock.pass(10);
        let forged: Vec<_> = (0..50).map(by_unknown).collect();
        let at_once = join_all(forged.iter().map(|token| tokens.verify(token))).await;
        assert!(at_once.into_iter().all(|refused| refused == Err(UNKNOWN)));
        for token in &forged {
            assert_eq!(tokens.verify(token).await, Err(UNKNOWN));
        }
        assert_eq!(issuer.fetches(), 2 + round);
    }
}

#[tokio::test]
async fn who_comes_while_the_keys_are_read_waits_for_them() {
    let (issuer, tokens, clock) = open_issuer(&[Pair::p256()]).await;
    clock.pass(10);
    issuer.delay(Duration::from_millis(200));
    let stranger = Pair::stranger();
    let by_new = stranger.sign("ES256", &good());
    issuer.publish(&[Pair::p256(), stranger]);
    let all = join_all((0..20).map(|_| tokens.verify(&by_new))).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_client_that_hangs_up_does_not_end_the_reading() {
    let (issuer, tokens, clock) = open_issuer(&[Pair::p256()]).await;
    clock.pass(10);
    issuer.delay(Duration::from_millis(200));
    let stranger = Pair::stranger();
    let by_new = stranger.sign("ES256", &good());
    issuer.publish(&[stranger]);
    let hasty = tokio::time::timeout(Duration::from_millis(50), tokens.verify(&by_new)).await;
    assert!(hasty.is_err());
    assert!(tokens.verify(&by_new).await.is_ok());
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn the_last_good_keys_are_kept_when_the_issuer_fails() {
    let (issuer, tokens, clock) = open_issuer(&[Pair::p256()]).await;
    // Each would take the good key away if it were believed.
    let many: Vec<_> = (0..101).map(|_| Pair::rsa().jwk()).collect();
    let large = format!(
        "{}{}",
        " ".repeat(1 << 20),
        json!({"keys": [Pair::rsa().jwk()]})
    );
    for (status, body) in [
        (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
        (
            StatusCode::FOUND,
            json!({"keys": [Pair::rsa().jwk()]}).to_string(),
        ),
        (StatusCode::OK, "rubbish".to_owned()),
        (StatusCode::OK, json!({"keys": []}).to_string()),
        (StatusCode::OK, json!({"keys": many}).to_string()),
        (StatusCode::OK, large),
    ] {
        clock.pass(10);
        issuer.answer(status, &body);
        let before = issuer.fetches();
        assert_eq!(tokens.verify(&by_unknown(0)).await, Err(UNKNOWN));
        assert_eq!(issuer.fetches(), before + 1);
        assert!(tokens.verify(&by_p256()).await.is_ok(), "{status}");
    }
}

#[tokio::test]
async fn an_issuer_who_is_away_at_the_start_may_come_later() {
    let issuer = Issuer::start(&[Pair::p256()]).await;
    issuer.answer(StatusCode::BAD_GATEWAY, "");
    let (tokens, clock) = open(issuer.settings()).await;
    assert_eq!(tokens.verify(&by_p256()).await, Err(AuthError::Unavailable));
    issuer.publish(&[Pair::p256()]);
    assert_eq!(tokens.verify(&by_p256()).await, Err(AuthError::Unavailable));
    clock.pass(10);
    assert!(tokens.verify(&by_p256()).await.is_ok());

    let nobody = JwtSettings {
        jwks: Some("http://127.0.0.1:1/keys".to_owned()),
        ..settings("".as_ref())
    };
    let (tokens, _clock) = open(nobody).await;
    assert_eq!(tokens.verify(&by_p256()).await, Err(AuthError::Unavailable));
}

#[tokio::test]
async fn old_keys_are_read_again_in_the_background() {
    let (issuer, tokens, clock) = open_issuer(&[Pair::p256()]).await;
    issuer.publish(&[Pair::stranger()]);
    let mut claims = good();
    claims["exp"] = json!(4_102_444_800_u32);
    let token = Pair::p256().sign("ES256", &claims);
    clock.pass(3599);
    assert!(tokens.verify(&token).await.is_ok());
    assert_eq!(issuer.fetches(), 1);
    clock.pass(1);
    // This one does not wait; the key was taken back all the same.
    assert!(tokens.verify(&token).await.is_ok());
    eventually(async || tokens.verify(&token).await == Err(UNKNOWN)).await;
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_clock_set_back_does_not_stop_the_reading() {
    let (issuer, tokens, clock) = open_issuer(&[Pair::p256()]).await;
    clock.pass(-86_400);
    assert_eq!(tokens.verify(&by_unknown(0)).await, Err(UNKNOWN));
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_file_is_read_again_for_an_unknown_key() {
    let stranger = Pair::stranger();
    let by_new = stranger.sign("ES256", &good());
    let file = key_file(&json!({"keys": [Pair::p256().jwk()]}));
    let (tokens, clock) = open(settings(file.path())).await;
    assert_eq!(tokens.verify(&by_new).await, Err(UNKNOWN));
    fs::write(file.path(), json!({"keys": [stranger.jwk()]}).to_string()).unwrap();
    clock.pass(10);
    assert!(tokens.verify(&by_new).await.is_ok());
    file.close().unwrap();
    clock.pass(10);
    assert_eq!(tokens.verify(&by_unknown(0)).await, Err(UNKNOWN));
    assert!(tokens.verify(&by_new).await.is_ok());
}

#[tokio::test]
async fn the_issuer_says_where_its_keys_are() {
    let issuer = Issuer::start(&[Pair::p256()]).await;
    let settings = JwtSettings {
        issuer: Some(issuer.url()),
        jwks: None,
        ..settings("".as_ref())
    };
    let mut claims = good();
    claims["iss"] = json!(issuer.url());
    let token = Pair::p256().sign("ES256", &claims);
    let (tokens, _clock) = open(settings.clone()).await;
    assert!(tokens.verify(&token).await.is_ok());
    // Of another tenant at the same host.
    issuer.configure(
        json!({"issuer": "https://other.example", "jwks_uri": format!("{}/keys", issuer.url())}),
    );
    let (tokens, _clock) = open(settings).await;
    assert_eq!(tokens.verify(&token).await, Err(AuthError::Unavailable));
}

#[test]
fn an_issuer_at_https_must_keep_its_keys_there() {
    let place = |keys: &str| {
        let configuration = json!({"issuer": "https://a.example", "jwks_uri": keys}).to_string();
        super::jwks_source::place_of_keys(configuration.as_bytes(), "https://a.example", true)
    };
    assert!(place("https://keys.example/set").is_ok());
    assert!(matches!(
        place("http://a.example/set"),
        Err(JwksSourceError::Downgrade(_))
    ));
    assert!(matches!(
        place("file:///etc/keys"),
        Err(JwksSourceError::Address(_))
    ));
    assert!(matches!(place("/set"), Err(JwksSourceError::Address(_))));
}

async fn accepts(jwk: Value, token: &str) -> Option<AuthError> {
    // The stranger keeps the set from being empty.
    let file = key_file(&json!({"keys": [Pair::stranger().jwk(), {"kty": "new"}, 7, jwk]}));
    let (tokens, _clock) = open(settings(file.path())).await;
    tokens.verify(token).await.err()
}

#[tokio::test]
async fn a_key_is_used_only_for_what_it_says() {
    let jwk = |member: &str, value: Value| {
        let mut jwk = Pair::rsa().jwk();
        jwk[member] = value;
        jwk
    };
    let token = Pair::rsa().sign("RS256", &good());
    let unfit = Some(AuthError::Invalid(
        "the token's algorithm does not match its key",
    ));
    assert_eq!(accepts(jwk("use", json!("sig")), &token).await, None);
    assert_eq!(accepts(jwk("alg", json!("RS256")), &token).await, None);
    assert_eq!(
        accepts(jwk("key_ops", json!(["verify"])), &token).await,
        None
    );
    assert_eq!(
        accepts(jwk("use", json!("enc")), &token).await,
        Some(UNKNOWN)
    );
    assert_eq!(
        accepts(jwk("key_ops", json!(["encrypt"])), &token).await,
        Some(UNKNOWN)
    );
    assert_eq!(accepts(jwk("alg", json!("RS512")), &token).await, unfit);
    assert_eq!(
        accepts(jwk("alg", json!("HS256")), &token).await,
        Some(UNKNOWN)
    );
    assert_eq!(
        accepts(jwk("alg", json!("RSA-OAEP")), &token).await,
        Some(UNKNOWN)
    );
    let secret = json!({"kty": "oct", "kid": "rsa", "k": "c2VjcmV0"});
    let by_secret = Pair::rsa().sign_with_secret(b"secret", &good());
    let refused = AuthError::Invalid("the token's algorithm is not supported");
    assert_eq!(accepts(secret, &by_secret).await, Some(refused));
}

#[tokio::test]
async fn a_token_that_names_no_key_needs_the_only_one_that_fits() {
    let header = json!({"alg": "ES256"});
    let token = Pair::p256().sign_under(&header, &good());
    let sets = [
        (json!([Pair::rsa().jwk(), Pair::p256().jwk()]), None),
        (
            json!([Pair::p256().jwk(), Pair::p256().called("b").jwk()]),
            Some(AuthError::Invalid(
                "the token has no `kid`, and several keys match its algorithm",
            )),
        ),
        (json!([Pair::rsa().jwk()]), Some(UNKNOWN)),
    ];
    for (keys, refused) in sets {
        let file = key_file(&json!({"keys": keys}));
        let (tokens, _clock) = open(settings(file.path())).await;
        assert_eq!(tokens.verify(&token).await.err(), refused);
    }
}
