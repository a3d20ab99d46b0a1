//! Tests of token verification. OpenSSL generated the keys in `tests/keys` for this purpose, and Python's
//! `cryptography` signed `tokens.json` with them.

mod keys;
mod settings;
mod support;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{DecodingKey, decode};
use serde_json::{Value, json};

use self::support::{FixedClock, ISSUER, KeyPair, START, forged, good, key_file, settings};
use super::*;

async fn open_verifier() -> (JwtVerifier, Arc<FixedClock>) {
    let clock = Arc::new(FixedClock::default());
    let pairs = [
        KeyPair::rsa(),
        KeyPair::p256(),
        KeyPair::p384(),
        KeyPair::ed25519(),
    ];
    let file = key_file(&json!({"keys": pairs.each_ref().map(KeyPair::jwk)}));
    let verifier = JwtVerifier::open(settings(file.path()), clock.clone()).await;
    (verifier.unwrap(), clock)
}

async fn verify(claims: &Value) -> Result<Claims, AuthError> {
    let (verifier, _clock) = open_verifier().await;
    verifier
        .verify(&KeyPair::p256().sign("ES256", claims))
        .await
}

fn with(claim: &str, value: Value) -> Value {
    let mut claims = good();
    claims[claim] = value;
    claims
}

fn without(claim: &str) -> Value {
    let mut claims = good();
    claims.as_object_mut().unwrap().remove(claim);
    claims
}

#[tokio::test]
async fn valid_tokens_of_each_algorithm_are_accepted() {
    let (verifier, _clock) = open_verifier().await;
    let file = include_str!("../../../tests/keys/tokens.json");
    let signed: BTreeMap<String, String> = serde_json::from_str(file).unwrap();
    assert_eq!(signed.len(), 9);
    for (algorithm, token) in signed {
        let claims = verifier.verify(&token).await;
        assert_eq!(claims.expect(&algorithm).subject, "ada");
        // One character of the claims is changed.
        let (body, signature) = token.rsplit_once('.').unwrap();
        let mut body = body.to_owned();
        let last = if body.pop() == Some('A') { 'Q' } else { 'A' };
        let changed = format!("{body}{last}.{signature}");
        let rejected = verifier.verify(&changed).await;
        let reason = "the token's signature is invalid";
        assert_eq!(rejected, Err(AuthError::Invalid(reason)), "{algorithm}");
    }
}

#[tokio::test]
async fn claims_are_returned() {
    let mut claims = good();
    claims["email"] = json!("ada@example.org");
    claims["email_verified"] = json!(true);
    claims["name"] = json!("Ada");
    claims["scope"] = json!("read  write");
    let claims = verify(&claims).await.unwrap();
    assert_eq!(
        claims,
        Claims {
            issuer: ISSUER.to_owned(),
            subject: "ada".to_owned(),
            has_email_verified: true,
            email: Some("ada@example.org".to_owned()),
            name: Some("Ada".to_owned()),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            expires_at: START + TimeDelta::hours(1),
        }
    );
}

#[tokio::test]
async fn unverified_email_addresses_are_ignored() {
    for (verified, kept) in [
        (json!(true), true),
        (json!("true"), true),
        (Value::Null, false),
        (json!(false), false),
        (json!("false"), false),
    ] {
        let mut claims = with("email", json!("ada@example.org"));
        claims["email_verified"] = verified.clone();
        let email = verify(&claims).await.unwrap().email;
        assert_eq!(email.is_some(), kept, "{verified}");
    }
}

#[tokio::test]
async fn scopes_are_a_string_or_a_list() {
    for (claim, scopes) in [
        (json!("a b"), Some(vec!["a", "b"])),
        (json!(["a", "b"]), Some(vec!["a", "b"])),
        (json!(""), Some(vec![])),
        (Value::Null, Some(vec![])),
        (json!(["a", 1]), None),
        (json!({"a": true}), None),
    ] {
        let read = verify(&with("scope", claim.clone())).await;
        let read = read.ok().map(|claims| claims.scopes);
        let expected = scopes.map(|scopes| scopes.into_iter().map(str::to_owned).collect());
        assert_eq!(read, expected, "{claim}");
    }
}

fn invalid_claims() -> Vec<(Value, &'static str)> {
    vec![
        (without("iss"), "the token has no valid `iss` claim"),
        (without("aud"), "the token has no valid `aud` claim"),
        (without("exp"), "the token has no valid `exp` claim"),
        (without("sub"), "the token has no valid `sub` claim"),
        (
            with("iss", json!("https://other.example")),
            "the token's `iss` claim is not the expected issuer",
        ),
        (
            with("iss", json!(format!("{ISSUER}/"))),
            "the token's `iss` claim is not the expected issuer",
        ),
        (
            with("iss", json!([ISSUER])),
            "the token's `iss` claim is not a non-empty string",
        ),
        (
            with("aud", json!("other")),
            "the token's `aud` claim does not contain the expected audience",
        ),
        (
            with("aud", json!(["other"])),
            "the token's `aud` claim does not contain the expected audience",
        ),
        (
            with("aud", json!([])),
            "the token's `aud` claim does not contain the expected audience",
        ),
        (with("aud", json!(7)), "the token has no valid `aud` claim"),
        (
            with("sub", json!("")),
            "the token's `sub` claim is not a non-empty string",
        ),
        (with("sub", json!(7)), "the token has no valid `sub` claim"),
        (
            with("exp", json!("4102444800")),
            "the token has no valid `exp` claim",
        ),
        (
            with("exp", json!(1e19)),
            "the token's `exp` claim is not a timestamp",
        ),
        (
            with("nbf", json!("0")),
            "the token's `nbf` claim is not a timestamp",
        ),
        (
            with("nbf", json!(-1)),
            "the token's `nbf` claim is not a timestamp",
        ),
    ]
}

#[tokio::test]
async fn errors_name_the_invalid_claim() {
    for (claims, reason) in invalid_claims() {
        let rejected = verify(&claims).await;
        assert_eq!(rejected, Err(AuthError::Invalid(reason)), "{claims}");
    }
}

#[tokio::test]
async fn expiry_is_checked_against_the_injected_clock() {
    let (verifier, clock) = open_verifier().await;
    let mut claims = good();
    claims["nbf"] = json!(START.timestamp());
    let token = KeyPair::rsa().sign("RS256", &claims);
    for (seconds, reason) in [
        (-6, Some("the token is not valid yet")),
        (-5, None),
        (0, None),
        (3604, None),
        (3605, Some("the token has expired")),
    ] {
        clock.set(START + TimeDelta::seconds(seconds));
        let rejected = verifier.verify(&token).await.err();
        assert_eq!(rejected, reason.map(AuthError::Invalid), "{seconds}");
    }
}

#[tokio::test]
async fn the_system_clock_is_not_used() {
    let (verifier, clock) = open_verifier().await;
    for now in [1_000_000_000, 4_102_444_800] {
        clock.set(DateTime::from_timestamp(now, 0).unwrap());
        let mut claims = good();
        claims["nbf"] = json!(now - 60);
        claims["exp"] = json!(now + 60);
        let token = KeyPair::p256().sign("ES256", &claims);
        assert!(verifier.verify(&token).await.is_ok(), "{now}");
    }
}

#[tokio::test]
async fn timestamps_may_be_fractional_and_far_in_the_future() {
    let seconds = START.timestamp();
    let claims = verify(&with(
        "exp",
        json!(format!("{seconds}.5").parse::<f64>().unwrap()),
    ))
    .await;
    assert_eq!(
        claims.unwrap().expires_at,
        START + TimeDelta::milliseconds(500)
    );
    let far = verify(&with("exp", json!(8_210_266_876_799_i64))).await;
    assert!(far.is_ok());
}

#[tokio::test]
async fn unsigned_and_hmac_tokens_are_rejected() {
    let (verifier, _clock) = open_verifier().await;
    let body = good();
    for algorithm in ["none", "None", "nOnE", ""] {
        let unsigned = forged(&json!({"alg": algorithm, "kid": "rsa"}), &body, &[]);
        let rejected = verifier.verify(&unsigned).await;
        assert_eq!(rejected, Err(AuthError::Invalid("not a valid token")));
    }
    // A verifier that uses the public key as a shared secret would accept these.
    for pair in [KeyPair::rsa(), KeyPair::p256()] {
        for secret in pair.public_forms() {
            let confused = pair.sign_with_secret(&secret, &body);
            let rejected = verifier.verify(&confused).await;
            assert_eq!(
                rejected,
                Err(AuthError::Invalid("the token's algorithm is not supported"))
            );
        }
    }
}

#[test]
fn the_crypto_provider_does_not_support_hmac() {
    signature::install();
    let token = KeyPair::rsa().sign_with_secret(b"secret", &good());
    let validation = validation(None, "sync-history".to_owned());
    let key = DecodingKey::from_secret(b"secret");
    let rejected = decode::<Value>(&token, &key, &validation).unwrap_err();
    assert!(matches!(rejected.kind(), ErrorKind::InvalidAlgorithm));
}

#[tokio::test]
async fn the_algorithm_must_match_the_key() {
    let (verifier, _clock) = open_verifier().await;
    let unfit = Err(AuthError::Invalid(
        "the token's algorithm does not match its key",
    ));
    for (kid, algorithm) in [
        ("rsa", "ES256"),
        ("p256", "RS256"),
        ("p256", "ES384"),
        ("p384", "ES256"),
        ("ed25519", "ES256"),
    ] {
        let header = json!({"alg": algorithm, "kid": kid});
        let token = forged(&header, &good(), &[0; 64]);
        assert_eq!(verifier.verify(&token).await, unfit, "{header}");
    }
    // A signature by one scheme, declared as the other scheme of the same key.
    let token = KeyPair::rsa().sign("RS256", &good());
    let signature = token.rsplit_once('.').unwrap().1;
    let other = forged(&json!({"alg": "PS256", "kid": "rsa"}), &good(), &[]);
    let rejected = verifier.verify(&format!("{other}{signature}")).await;
    assert_eq!(
        rejected,
        Err(AuthError::Invalid("the token's signature is invalid"))
    );
}

#[tokio::test]
async fn critical_extensions_and_embedded_keys_are_rejected() {
    let (verifier, _clock) = open_verifier().await;
    let critical = json!({"alg": "ES256", "kid": "p256", "crit": ["b64"], "b64": false});
    let rejected = verifier.verify(&forged(&critical, &good(), &[0; 64])).await;
    assert_eq!(
        rejected,
        Err(AuthError::Invalid(
            "the token requires an unsupported extension"
        ))
    );
    // A key embedded in the header.
    let stranger = KeyPair::stranger();
    let header = json!({"alg": "ES256", "kid": "p256", "jwk": stranger.jwk()});
    let rejected = verifier
        .verify(&stranger.sign_with_header(&header, &good()))
        .await;
    assert_eq!(
        rejected,
        Err(AuthError::Invalid("the token's signature is invalid"))
    );
}

#[tokio::test]
async fn malformed_tokens_are_rejected() {
    let (verifier, _clock) = open_verifier().await;
    let good = KeyPair::p256().sign("ES256", &good());
    let mut texts = [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "\u{1f511}.\0.=",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.push(format!("{good}.{good}"));
    texts.push(format!("{good}="));
    texts.push(format!(" {good}"));
    texts.extend((0..good.len()).step_by(7).map(|end| good[..end].to_owned()));
    for text in texts {
        let rejected = verifier.verify(&text).await;
        assert!(matches!(rejected, Err(AuthError::Invalid(_))), "{text:?}");
    }
}

#[tokio::test]
async fn tokens_over_16_kib_are_rejected() {
    let token = |filler: usize| {
        let claims = with("filler", json!("x".repeat(filler)));
        KeyPair::p256().sign("ES256", &claims)
    };
    let (verifier, _clock) = open_verifier().await;
    let (least, more) = (token(11_000), token(13_000));
    assert!(least.len() < MAX_TOKEN && more.len() > MAX_TOKEN);
    assert!(verifier.verify(&least).await.is_ok());
    let rejected = verifier.verify(&more).await;
    assert_eq!(rejected, Err(AuthError::Invalid("the token is too long")));
}
