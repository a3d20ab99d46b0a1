//! What makes a token good. The keys under `tests/keys` were made for this by openssl, and
//! `tokens.json` beside them signed with them by Python's `cryptography`.

mod keys;
mod support;

use std::{collections::BTreeMap, sync::Arc};

use chrono::{DateTime, TimeDelta};
use jsonwebtoken::{DecodingKey, decode};
use serde_json::{Value, json};

use self::support::{ISSUER, Pair, START, StoppedClock, forged, good, key_file, settings};
use super::*;

async fn tokens() -> (JwtVerifier, Arc<StoppedClock>) {
    let clock = Arc::new(StoppedClock::default());
    let pairs = [Pair::rsa(), Pair::p256(), Pair::p384(), Pair::ed25519()];
    let file = key_file(&json!({"keys": pairs.each_ref().map(Pair::jwk)}));
    let tokens = JwtVerifier::open(settings(file.path()), clock.clone()).await;
    (tokens.unwrap(), clock)
}

async fn verify(claims: &Value) -> Result<Claims, AuthError> {
    let (tokens, _clock) = tokens().await;
    tokens.verify(&Pair::p256().sign("ES256", claims)).await
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
async fn a_good_token_is_accepted_by_each_algorithm() {
    let (tokens, _clock) = tokens().await;
    let file = include_str!("../../../tests/keys/tokens.json");
    let signed: BTreeMap<String, String> = serde_json::from_str(file).unwrap();
    assert_eq!(signed.len(), 9);
    for (algorithm, token) in signed {
        let claims = tokens.verify(&token).await;
        assert_eq!(claims.expect(&algorithm).subject, "ada");
        // The same with one character of the claims changed.
        let (body, signature) = token.rsplit_once('.').unwrap();
        let mut body = body.to_owned();
        let last = if body.pop() == Some('A') { 'Q' } else { 'A' };
        let changed = format!("{body}{last}.{signature}");
        let refused = tokens.verify(&changed).await;
        let reason = "the token's signature is invalid";
        assert_eq!(refused, Err(AuthError::Invalid(reason)), "{algorithm}");
    }
}

#[tokio::test]
async fn a_good_token_says_who_it_is() {
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
            email: Some("ada@example.org".to_owned()),
            name: Some("Ada".to_owned()),
            scopes: vec!["read".to_owned(), "write".to_owned()],
            expires_at: START + TimeDelta::hours(1),
        }
    );
}

#[tokio::test]
async fn an_email_that_is_not_verified_is_left_out() {
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
async fn scopes_are_words_or_a_list() {
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

#[tokio::test]
async fn a_claim_that_is_missing_or_wrong_is_named() {
    for (claims, reason) in [
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
    ] {
        let refused = verify(&claims).await;
        assert_eq!(refused, Err(AuthError::Invalid(reason)), "{claims}");
    }
}

#[tokio::test]
async fn the_injected_clock_decides_about_time() {
    let (tokens, clock) = tokens().await;
    let mut claims = good();
    claims["nbf"] = json!(START.timestamp());
    let token = Pair::rsa().sign("RS256", &claims);
    for (seconds, reason) in [
        (-6, Some("the token is not valid yet")),
        (-5, None),
        (0, None),
        (3604, None),
        (3605, Some("the token has expired")),
    ] {
        clock.set(START + TimeDelta::seconds(seconds));
        let refused = tokens.verify(&token).await.err();
        assert_eq!(refused, reason.map(AuthError::Invalid), "{seconds}");
    }
}

#[tokio::test]
async fn the_clock_of_the_machine_has_no_say() {
    let (tokens, clock) = tokens().await;
    for now in [1_000_000_000, 4_102_444_800] {
        clock.set(DateTime::from_timestamp(now, 0).unwrap());
        let mut claims = good();
        claims["nbf"] = json!(now - 60);
        claims["exp"] = json!(now + 60);
        let token = Pair::p256().sign("ES256", &claims);
        assert!(tokens.verify(&token).await.is_ok(), "{now}");
    }
}

#[tokio::test]
async fn a_time_may_have_a_fraction_and_be_far_away() {
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
async fn no_signature_and_shared_secrets_are_refused() {
    let (tokens, _clock) = tokens().await;
    let body = good();
    for algorithm in ["none", "None", "nOnE", ""] {
        let unsigned = forged(&json!({"alg": algorithm, "kid": "rsa"}), &body, &[]);
        let refused = tokens.verify(&unsigned).await;
        assert_eq!(refused, Err(AuthError::Invalid("not a valid token")));
    }
    // Whoever takes the public key for a secret would accept these.
    for pair in [Pair::rsa(), Pair::p256()] {
        for secret in pair.public_forms() {
            let confused = pair.sign_with_secret(&secret, &body);
            let refused = tokens.verify(&confused).await;
            assert_eq!(
                refused,
                Err(AuthError::Invalid("the token's algorithm is not supported"))
            );
        }
    }
}

#[test]
fn the_library_alone_would_not_accept_a_shared_secret() {
    signature::install();
    let token = Pair::rsa().sign_with_secret(b"secret", &good());
    let validation = validation(None, "sync-history".to_owned());
    let key = DecodingKey::from_secret(b"secret");
    let refused = decode::<Value>(&token, &key, &validation).unwrap_err();
    assert!(matches!(refused.kind(), ErrorKind::InvalidAlgorithm));
}

#[tokio::test]
async fn the_algorithm_must_fit_the_key() {
    let (tokens, _clock) = tokens().await;
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
        assert_eq!(tokens.verify(&token).await, unfit, "{header}");
    }
    // A signature by one scheme, said to be by the other of the same key.
    let token = Pair::rsa().sign("RS256", &good());
    let signature = token.rsplit_once('.').unwrap().1;
    let other = forged(&json!({"alg": "PS256", "kid": "rsa"}), &good(), &[]);
    let refused = tokens.verify(&format!("{other}{signature}")).await;
    assert_eq!(
        refused,
        Err(AuthError::Invalid("the token's signature is invalid"))
    );
}

#[tokio::test]
async fn what_the_header_demands_or_brings_along_is_not_followed() {
    let (tokens, _clock) = tokens().await;
    let critical = json!({"alg": "ES256", "kid": "p256", "crit": ["b64"], "b64": false});
    let refused = tokens.verify(&forged(&critical, &good(), &[0; 64])).await;
    assert_eq!(
        refused,
        Err(AuthError::Invalid(
            "the token requires an unsupported extension"
        ))
    );
    // A key of the sender's own, brought along.
    let stranger = Pair::stranger();
    let header = json!({"alg": "ES256", "kid": "p256", "jwk": stranger.jwk()});
    let refused = tokens.verify(&stranger.sign_under(&header, &good())).await;
    assert_eq!(
        refused,
        Err(AuthError::Invalid("the token's signature is invalid"))
    );
}

#[tokio::test]
async fn garbage_is_refused() {
    let (tokens, _clock) = tokens().await;
    let good = Pair::p256().sign("ES256", &good());
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
        let refused = tokens.verify(&text).await;
        assert!(matches!(refused, Err(AuthError::Invalid(_))), "{text:?}");
    }
}

#[tokio::test]
async fn a_token_beyond_16_kib_is_refused_unread() {
    let token = |filler: usize| {
        let claims = with("filler", json!("x".repeat(filler)));
        Pair::p256().sign("ES256", &claims)
    };
    let (tokens, _clock) = tokens().await;
    let (least, more) = (token(11_000), token(13_000));
    assert!(least.len() < MAX_TOKEN && more.len() > MAX_TOKEN);
    assert!(tokens.verify(&least).await.is_ok());
    let refused = tokens.verify(&more).await;
    assert_eq!(refused, Err(AuthError::Invalid("the token is too long")));
}

#[tokio::test]
async fn without_an_issuer_a_token_must_still_name_one() {
    let file = key_file(&json!({"keys": [Pair::p256().jwk()]}));
    let settings = JwtSettings {
        issuer: None,
        ..settings(file.path())
    };
    let clock = Arc::new(StoppedClock::default());
    let tokens = JwtVerifier::open(settings, clock).await.unwrap();
    let any = Pair::p256().sign("ES256", &with("iss", json!("https://other.example")));
    assert_eq!(
        tokens.verify(&any).await.unwrap().issuer,
        "https://other.example"
    );
    for claims in [without("iss"), with("iss", json!(""))] {
        let token = Pair::p256().sign("ES256", &claims);
        assert!(tokens.verify(&token).await.is_err());
    }
}

#[tokio::test]
async fn settings_that_lack_something_say_what_to_do() {
    let complete = settings("nowhere.json".as_ref());
    let lacking = [
        (
            JwtSettings {
                audience: None,
                ..complete.clone()
            },
            "--oidc-audience",
        ),
        (
            JwtSettings {
                audience: Some(String::new()),
                ..complete.clone()
            },
            "--oidc-audience",
        ),
        (
            JwtSettings {
                issuer: None,
                jwks: None,
                ..complete.clone()
            },
            "--oidc-issuer, or --jwks",
        ),
        (
            JwtSettings {
                scope_claim: String::new(),
                ..complete.clone()
            },
            "such as `scope`",
        ),
        (
            JwtSettings {
                jwks: None,
                issuer: Some("issuer.example".to_owned()),
                ..complete.clone()
            },
            "issuer.example",
        ),
        (
            JwtSettings {
                jwks: Some("https://".to_owned()),
                ..complete.clone()
            },
            "https://",
        ),
        (complete, "nowhere.json"),
    ];
    for (settings, says) in lacking {
        let clock = Arc::new(StoppedClock::default());
        let error = JwtVerifier::open(settings, clock)
            .await
            .unwrap_err()
            .to_string();
        assert!(error.contains(says), "{error}");
    }
}
