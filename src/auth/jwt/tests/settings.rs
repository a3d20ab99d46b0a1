//! Tests of settings.

use std::sync::Arc;

use serde_json::json;

use super::{
    super::{JwtSettings, JwtVerifier},
    support::{FixedClock, KeyPair, key_file, settings},
    with, without,
};

#[tokio::test]
async fn tokens_need_an_issuer_claim_even_without_a_configured_issuer() {
    let file = key_file(&json!({"keys": [KeyPair::p256().jwk()]}));
    let settings = JwtSettings {
        issuer: None,
        ..settings(file.path())
    };
    let clock = Arc::new(FixedClock::default());
    let verifier = JwtVerifier::open(settings, clock).await.unwrap();
    let any = KeyPair::p256().sign("ES256", &with("iss", json!("https://other.example")));
    assert_eq!(
        verifier.verify(&any).await.unwrap().issuer,
        "https://other.example"
    );
    for claims in [without("iss"), with("iss", json!(""))] {
        let token = KeyPair::p256().sign("ES256", &claims);
        assert!(verifier.verify(&token).await.is_err());
    }
}

async fn open_error(change: impl FnOnce(&mut JwtSettings)) -> String {
    let mut settings = settings("nowhere.json".as_ref());
    change(&mut settings);
    let clock = Arc::new(FixedClock::default());
    let error = JwtVerifier::open(settings, clock).await.unwrap_err();
    error.to_string()
}

#[tokio::test]
async fn errors_of_invalid_settings_say_what_to_set() {
    let without_keys = |settings: &mut JwtSettings| {
        settings.issuer = None;
        settings.jwks = None;
    };
    let relative_issuer = |settings: &mut JwtSettings| {
        settings.jwks = None;
        settings.issuer = Some("issuer.example".to_owned());
    };
    let no_host = Some("https://".to_owned());
    for (error, expected) in [
        (
            open_error(|settings| settings.audience = None).await,
            "--oidc-audience",
        ),
        (
            open_error(|settings| settings.audience = Some(String::new())).await,
            "--oidc-audience",
        ),
        (open_error(without_keys).await, "--oidc-issuer, --jwks"),
        (
            open_error(|settings| settings.scope_claim = String::new()).await,
            "such as `scope`",
        ),
        (open_error(relative_issuer).await, "issuer.example"),
        (
            open_error(|settings| settings.jwks = no_host).await,
            "https://",
        ),
        (open_error(|_| {}).await, "nowhere.json"),
    ] {
        assert!(error.contains(expected), "{error}");
    }
}
