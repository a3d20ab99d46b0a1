//! Key pairs, a local issuer and a fixed clock.

use std::{
    io::Write,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::State, http::StatusCode, response::IntoResponse, routing::get};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use chrono::{DateTime, TimeDelta, Utc};
use ring::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
        RsaPublicKeyComponents,
    },
};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::net::TcpListener;
use uuid::Uuid;

use super::super::JwtSettings;
use crate::clock::Clock;

pub(super) const ISSUER: &str = "https://issuer.example";
/// 2030-01-01, so that nothing has expired by the system clock.
pub(super) const START: DateTime<Utc> = DateTime::from_timestamp(1_893_456_000, 0).unwrap();

#[derive(Debug)]
pub(super) struct FixedClock(Mutex<DateTime<Utc>>);

impl Default for FixedClock {
    fn default() -> Self {
        Self(Mutex::new(START))
    }
}

impl FixedClock {
    pub(super) fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().unwrap() = now;
    }

    pub(super) fn advance(&self, seconds: i64) {
        *self.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }

    fn new_id(&self) -> Uuid {
        Uuid::nil()
    }
}

pub(super) fn settings(file: &Path) -> JwtSettings {
    JwtSettings {
        issuer: Some(ISSUER.to_owned()),
        audience: Some("sync-history".to_owned()),
        jwks: Some(file.to_str().unwrap().to_owned()),
        scope_claim: "scope".to_owned(),
    }
}

pub(super) fn key_file(set: &Value) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    write!(file, "{set}").unwrap();
    file
}

/// Claims that are valid for one hour from [`START`].
pub(super) fn good() -> Value {
    json!({"iss": ISSUER, "aud": "sync-history", "sub": "ada", "exp": START.timestamp() + 3600})
}

fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn forged(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let body = format!(
        "{}.{}",
        base64url(header.to_string()),
        base64url(claims.to_string())
    );
    format!("{body}.{}", base64url(signature))
}

enum PrivateKey {
    Rsa(Box<RsaKeyPair>),
    Curve(&'static str, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

pub(super) struct KeyPair {
    kid: String,
    private: PrivateKey,
}

impl KeyPair {
    pub(super) fn rsa() -> Self {
        let der = der(include_str!("../../../../tests/keys/rsa.pem"));
        let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
        Self::named("rsa", PrivateKey::Rsa(Box::new(pair)))
    }

    pub(super) fn p256() -> Self {
        let der = der(include_str!("../../../../tests/keys/p256.pem"));
        Self::curve("p256", "P-256", &ECDSA_P256_SHA256_FIXED_SIGNING, &der)
    }

    pub(super) fn p384() -> Self {
        let der = der(include_str!("../../../../tests/keys/p384.pem"));
        Self::curve("p384", "P-384", &ECDSA_P384_SHA384_FIXED_SIGNING, &der)
    }

    pub(super) fn ed25519() -> Self {
        let der = der(include_str!("../../../../tests/keys/ed25519.pem"));
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).unwrap();
        Self::named("ed25519", PrivateKey::Ed25519(pair))
    }

    /// Generates a key pair that is in no key set.
    pub(super) fn stranger() -> Self {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let der = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        Self::curve("stranger", "P-256", algorithm, der.as_ref())
    }

    fn curve(
        kid: &str,
        name: &'static str,
        by: &'static EcdsaSigningAlgorithm,
        der: &[u8],
    ) -> Self {
        let pair = EcdsaKeyPair::from_pkcs8(by, der, &SystemRandom::new()).unwrap();
        Self::named(kid, PrivateKey::Curve(name, pair))
    }

    fn named(kid: &str, private: PrivateKey) -> Self {
        Self {
            kid: kid.to_owned(),
            private,
        }
    }

    pub(super) fn with_kid(mut self, kid: &str) -> Self {
        kid.clone_into(&mut self.kid);
        self
    }

    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match &self.private {
            PrivateKey::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": base64url(public.n), "e": base64url(public.e)})
            }
            PrivateKey::Curve(curve, pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
            }
            PrivateKey::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key())})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk
    }

    /// Encodings of the public key that a verifier might confuse with a shared secret.
    pub(super) fn public_forms(&self) -> Vec<Vec<u8>> {
        let jwk = self.jwk();
        let part = jwk["n"].as_str().or(jwk["x"].as_str()).unwrap();
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        vec![jwk.to_string().into_bytes(), part.into(), decoded]
    }

    pub(super) fn sign(&self, algorithm: &str, claims: &Value) -> String {
        self.sign_with_header(&json!({"alg": algorithm, "kid": self.kid}), claims)
    }

    pub(super) fn sign_with_header(&self, header: &Value, claims: &Value) -> String {
        let unsigned = forged(header, claims, &[]);
        let message = unsigned.trim_end_matches('.').as_bytes();
        let random = SystemRandom::new();
        let signature = match &self.private {
            PrivateKey::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            PrivateKey::Curve(_, pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            PrivateKey::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
        };
        format!("{unsigned}{}", base64url(signature))
    }

    pub(super) fn sign_with_secret(&self, secret: &[u8], claims: &Value) -> String {
        let unsigned = forged(&json!({"alg": "HS256", "kid": self.kid}), claims, &[]);
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let tag = hmac::sign(&secret, unsigned.trim_end_matches('.').as_bytes());
        format!("{unsigned}{}", base64url(tag))
    }
}

fn der(pem: &str) -> Vec<u8> {
    let lines = pem.lines().skip_while(|line| !line.starts_with("-----"));
    let base64: String = lines.filter(|line| !line.starts_with('-')).collect();
    BASE64_STANDARD.decode(base64).unwrap()
}

/// An issuer whose responses can be changed.
#[derive(Clone)]
pub(super) struct Issuer {
    address: SocketAddr,
    responses: Arc<Responses>,
}

#[derive(Default)]
struct Responses {
    status: Mutex<StatusCode>,
    set: Mutex<String>,
    /// Replaces the correct discovery document.
    discovery: Mutex<Option<Value>>,
    delay: Mutex<Duration>,
    fetches: AtomicUsize,
}

impl Issuer {
    pub(super) async fn start(pairs: &[KeyPair]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self {
            address: listener.local_addr().unwrap(),
            responses: Arc::default(),
        };
        issuer.publish(pairs);
        let router = Router::new()
            .route("/keys", get(keys))
            .route("/.well-known/openid-configuration", get(discovery))
            .with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn settings(&self) -> JwtSettings {
        JwtSettings {
            jwks: Some(format!("{}/keys", self.url())),
            ..settings("".as_ref())
        }
    }

    pub(super) fn publish(&self, pairs: &[KeyPair]) {
        let keys: Vec<_> = pairs.iter().map(KeyPair::jwk).collect();
        self.respond(StatusCode::OK, &json!({"keys": keys}).to_string());
    }

    pub(super) fn respond(&self, status: StatusCode, body: &str) {
        *self.responses.status.lock().unwrap() = status;
        body.clone_into(&mut self.responses.set.lock().unwrap());
    }

    pub(super) fn set_discovery(&self, document: Value) {
        *self.responses.discovery.lock().unwrap() = Some(document);
    }

    pub(super) fn set_delay(&self, delay: Duration) {
        *self.responses.delay.lock().unwrap() = delay;
    }

    pub(super) fn fetches(&self) -> usize {
        self.responses.fetches.load(Ordering::SeqCst)
    }
}

async fn keys(State(issuer): State<Issuer>) -> impl IntoResponse {
    issuer.responses.fetches.fetch_add(1, Ordering::SeqCst);
    let delay = *issuer.responses.delay.lock().unwrap();
    tokio::time::sleep(delay).await;
    let status = *issuer.responses.status.lock().unwrap();
    let location = [("location", "/.well-known/openid-configuration")];
    (
        status,
        location,
        issuer.responses.set.lock().unwrap().clone(),
    )
}

async fn discovery(State(issuer): State<Issuer>) -> String {
    let keys = format!("{}/keys", issuer.url());
    let correct = json!({"issuer": issuer.url(), "jwks_uri": keys});
    let replaced = issuer.responses.discovery.lock().unwrap().clone();
    replaced.unwrap_or(correct).to_string()
}
