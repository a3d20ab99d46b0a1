//! An OpenID Connect issuer: discovery document, key set and signed tokens.

use axum::{Json, Router, routing::get};
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Value, json};
use sync_history::auth::{AuthSettings, JwtSettings};
use tokio::net::TcpListener;

pub(crate) struct OidcIssuer {
    pub(crate) url: String,
    key: EcdsaKeyPair,
}

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
        let discovery = json!({"issuer": url, "jwks_uri": format!("{url}/keys")});
        let keys = json!({"keys": [jwk]});
        let router = Router::new()
            .route(
                "/.well-known/openid-configuration",
                get(async move || Json(discovery.clone())),
            )
            .route("/keys", get(async move || Json(keys.clone())));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, key }
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

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
