//! An OpenID Connect issuer: discovery document, key set, signed tokens, and sign-in without a question.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    extract::Query,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use sync_history::auth::{AuthSettings, JwtSettings};
use tokio::net::TcpListener;

#[derive(Clone)]
pub(crate) struct OidcIssuer {
    pub(crate) url: String,
    key: Arc<EcdsaKeyPair>,
    /// Code challenges by authorization code.
    challenges: Arc<Mutex<HashMap<String, String>>>,
}

type Parameters = HashMap<String, String>;

impl OidcIssuer {
    pub(crate) async fn start() -> Self {
        let random = SystemRandom::new();
        let curve = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(curve, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(curve, pkcs8.as_ref(), &random).unwrap();
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "one", "use": "sig", "alg": "ES256",
            "x": encode(x), "y": encode(y)});
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let discovery = json!({"issuer": url, "jwks_uri": format!("{url}/keys"),
            "authorization_endpoint": format!("{url}/authorize?tenant=one"),
            "token_endpoint": format!("{url}/token")});
        let keys = json!({"keys": [jwk]});
        let issuer = Self {
            url,
            key: Arc::new(key),
            challenges: Arc::default(),
        };
        let (authorizing, issuing) = (issuer.clone(), issuer.clone());
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || readable_by_pages(Json(discovery.clone()))),
            )
            .route("/keys", get(async move || Json(keys.clone())))
            .route(
                "/authorize",
                get(async move |Query(parameters)| authorizing.authorize(&parameters)),
            )
            .route(
                "/token",
                post(async move |body: String| {
                    let parameters = url::form_urlencoded::parse(body.as_bytes());
                    issuing.exchange(&parameters.into_owned().collect())
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    /// Sends the browser back with a code, as for somebody who has signed in before.
    fn authorize(&self, parameters: &Parameters) -> Redirect {
        let value = |name: &str| parameters[name].as_str();
        assert_eq!(
            value("tenant"),
            "one",
            "the endpoint's own parameter is kept"
        );
        assert_eq!(value("response_type"), "code");
        assert_eq!(value("client_id"), "console");
        assert_eq!(value("code_challenge_method"), "S256");
        assert_eq!(value("audience"), "sync-history");
        assert!(value("scope").contains("openid"));
        let mut challenges = self.challenges.lock().unwrap();
        let code = format!("code-{}", challenges.len());
        challenges.insert(code.clone(), value("code_challenge").to_owned());
        let (to, state) = (value("redirect_uri"), value("state"));
        Redirect::to(&format!("{to}?code={code}&state={state}&iss={}", self.url))
    }

    /// Exchanges a code for a token, once.
    fn exchange(&self, parameters: &Parameters) -> Response {
        let challenge = self.challenges.lock().unwrap().remove(&parameters["code"]);
        let verifier = parameters["code_verifier"].as_bytes();
        let digest = encode(ring::digest::digest(&ring::digest::SHA256, verifier).as_ref());
        if parameters["grant_type"] != "authorization_code" || challenge != Some(digest) {
            return (StatusCode::BAD_REQUEST, "invalid_grant").into_response();
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let token = self.token(
            json!({"sub": "auth0|7", "name": "Ada Lovelace", "scope": "openid read",
            "email": "ada@example.com", "email_verified": true, "exp": now.as_secs() + 3600}),
        );
        readable_by_pages(Json(json!({"access_token": token, "token_type": "Bearer"})))
    }

    /// Settings of a server that accepts tokens of this issuer.
    pub(crate) fn settings(&self) -> AuthSettings {
        let jwt = JwtSettings {
            issuer: Some(self.url.clone()),
            audience: Some("sync-history".to_owned()),
            jwks: None,
            scope_claim: "scope".to_owned(),
        };
        AuthSettings {
            jwt: Some(jwt),
            anonymous_scopes: None,
        }
    }

    /// Signs a token with these claims, `iss` and `aud`.
    pub(crate) fn token(&self, mut claims: Value) -> String {
        claims["iss"] = json!(self.url);
        claims["aud"] = json!("sync-history");
        let header = json!({"alg": "ES256", "kid": "one", "typ": "JWT"});
        let part = |value: &Value| encode(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.key.sign(&SystemRandom::new(), signed.as_bytes());
        format!("{signed}.{}", encode(signature.unwrap().as_ref()))
    }
}

fn readable_by_pages(body: impl IntoResponse) -> Response {
    ([("access-control-allow-origin", "*")], body).into_response()
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
