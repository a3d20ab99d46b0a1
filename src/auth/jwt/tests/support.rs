//! Keys that sign, an issuer on this machine, a clock that stands still.

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
        EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
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
/// 2030-01-01, so that the machine's own clock would find nothing to be expired.
pub(super) const START: DateTime<Utc> = DateTime::from_timestamp(1_893_456_000, 0).unwrap();

#[derive(Debug)]
pub(super) struct StoppedClock(Mutex<DateTime<Utc>>);

impl Default for StoppedClock {
    fn default() -> Self {
        Self(Mutex::new(START))
    }
}

impl StoppedClock {
    pub(super) fn set(&self, now: DateTime<Utc>) {
        *self.0.lock().unwrap() = now;
    }

    pub(super) fn pass(&self, seconds: i64) {
        *self.0.lock().unwrap() += TimeDelta::seconds(seconds);
    }
}

impl Clock for StoppedClock {
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

/// Claims that are accepted for an hour from [`START`].
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

enum Private {
    Rsa(Box<RsaKeyPair>),
    Curve(&'static str, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

pub(super) struct Pair {
    kid: String,
    private: Private,
}

impl Pair {
    pub(super) fn rsa() -> Self {
        let der = der(include_str!("../../../../tests/keys/rsa.pem"));
        let pair = RsaKeyPair::from_pkcs8(&der).unwrap();
        Self::named("rsa", Private::Rsa(Box::new(pair)))
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
        Self::named("ed25519", Private::Ed25519(pair))
    }

    /// A key that nobody else has.
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
        Self::named(kid, Private::Curve(name, pair))
    }

    fn named(kid: &str, private: Private) -> Self {
        Self {
            kid: kid.to_owned(),
            private,
        }
    }

    pub(super) fn called(mut self, kid: &str) -> Self {
        kid.clone_into(&mut self.kid);
        self
    }

    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match &self.private {
            Private::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": base64url(public.n), "e": base64url(public.e)})
            }
            Private::Curve(curve, pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
            }
            Private::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key())})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk
    }

    /// The public key as whoever confuses it with a secret might have it.
    pub(super) fn public_forms(&self) -> Vec<Vec<u8>> {
        let jwk = self.jwk();
        let part = jwk["n"].as_str().or(jwk["x"].as_str()).unwrap();
        let decoded = BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
        vec![jwk.to_string().into_bytes(), part.into(), decoded]
    }

    pub(super) fn sign(&self, algorithm: &str, claims: &Value) -> String {
        self.sign_under(&json!({"alg": algorithm, "kid": self.kid}), claims)
    }

    pub(super) fn sign_under(&self, header: &Value, claims: &Value) -> String {
        let unsigned = forged(header, claims, &[]);
        let message = unsigned.trim_end_matches('.').as_bytes();
        let random = SystemRandom::new();
        let signature = match &self.private {
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .unwrap();
                signature
            }
            Private::Curve(_, pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Private::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
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

/// An issuer whose answers can be changed.
#[derive(Clone)]
pub(super) struct Issuer {
    address: SocketAddr,
    answers: Arc<Answers>,
}

#[derive(Default)]
struct Answers {
    status: Mutex<StatusCode>,
    set: Mutex<String>,
    /// What the configuration says other than the truth.
    configuration: Mutex<Option<Value>>,
    delay: Mutex<Duration>,
    fetches: AtomicUsize,
}

impl Issuer {
    pub(super) async fn start(pairs: &[Pair]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = Self {
            address: listener.local_addr().unwrap(),
            answers: Arc::default(),
        };
        issuer.publish(pairs);
        let router = Router::new()
            .route("/keys", get(keys))
            .route("/.well-known/openid-configuration", get(configuration))
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

    pub(super) fn publish(&self, pairs: &[Pair]) {
        let keys: Vec<_> = pairs.iter().map(Pair::jwk).collect();
        self.answer(StatusCode::OK, &json!({"keys": keys}).to_string());
    }

    pub(super) fn answer(&self, status: StatusCode, body: &str) {
        *self.answers.status.lock().unwrap() = status;
        body.clone_into(&mut self.answers.set.lock().unwrap());
    }

    pub(super) fn configure(&self, configuration: Value) {
        *self.answers.configuration.lock().unwrap() = Some(configuration);
    }

    pub(super) fn delay(&self, delay: Duration) {
        *self.answers.delay.lock().unwrap() = delay;
    }

    pub(super) fn fetches(&self) -> usize {
        self.answers.fetches.load(Ordering::SeqCst)
    }
}

async fn keys(State(issuer): State<Issuer>) -> impl IntoResponse {
    issuer.answers.fetches.fetch_add(1, Ordering::SeqCst);
    let delay = *issuer.answers.delay.lock().unwrap();
    tokio::time::sleep(delay).await;
    let status = *issuer.answers.status.lock().unwrap();
    let location = [("location", "/.well-known/openid-configuration")];
    (status, location, issuer.answers.set.lock().unwrap().clone())
}

async fn configuration(State(issuer): State<Issuer>) -> String {
    let keys = format!("{}/keys", issuer.url());
    let truth = json!({"issuer": issuer.url(), "jwks_uri": keys});
    let answer = issuer.answers.configuration.lock().unwrap().clone();
    answer.unwrap_or(truth).to_string()
}
