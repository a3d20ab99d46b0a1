//! Where key sets come from: a file, an address, or an issuer who says at which address.

use std::{
    error::Error,
    fmt, fs,
    io::{self, Read},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use http::{StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::Deserialize;
use tokio::{task, time};

/// Of a key set, in bytes. Those of large issuers have some ten thousand.
const MAX_BYTES: usize = 1 << 20;
/// For a connection, and for an answer with everything before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum JwksSourceError {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error(
        "`{0}` is not the address of a key set: it must be a whole one with http:// or https://"
    )]
    Address(String),
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
    #[error("no answer within {PATIENCE:?}")]
    Slow,
    #[error("no answer")]
    Connection(#[from] hyper_util::client::legacy::Error),
    #[error("the answer broke off or is larger than {MAX_BYTES} bytes")]
    Body(#[source] Box<dyn Error + Send + Sync>),
    #[error("the answer was {0}")]
    Status(StatusCode),
    #[error("the issuer's configuration cannot be read")]
    Configuration(#[from] serde_json::Error),
    #[error("the configuration found there is of another issuer, `{0}`")]
    OtherIssuer(String),
    #[error("an issuer at https:// has its keys at `{0}`")]
    Downgrade(Uri),
}

/// Where a key set comes from.
#[derive(Debug)]
pub(super) enum JwksSource {
    File(PathBuf),
    Address(Http, Uri),
    Issuer(Http, String, Uri),
}

impl JwksSource {
    /// A file, or what begins like an address.
    pub(super) fn from_location(place: &str) -> Result<Self, JwksSourceError> {
        if place.starts_with("http://") || place.starts_with("https://") {
            return Ok(Self::Address(Http::new()?, address(place)?));
        }
        Ok(Self::File(PathBuf::from(place)))
    }

    /// Wherever the issuer says, by `OpenID` Connect Discovery.
    pub(super) fn from_issuer(issuer: &str) -> Result<Self, JwksSourceError> {
        let base = issuer.trim_end_matches('/');
        let place = address(&format!("{base}/.well-known/openid-configuration"))?;
        Ok(Self::Issuer(Http::new()?, issuer.to_owned(), place))
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Whether somebody on the way could put in keys of their own.
    pub(super) fn is_insecure(&self) -> bool {
        let (Self::Address(_, place) | Self::Issuer(_, _, place)) = self else {
            return false;
        };
        let near = ["localhost", "127.0.0.1", "[::1]"];
        !is_https(place) && !place.host().is_some_and(|host| near.contains(&host))
    }

    /// Reads the set as it is now.
    pub(super) async fn read(&self) -> Result<Vec<u8>, JwksSourceError> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                let read = task::spawn_blocking(move || read_file(&path));
                read.await.map_err(io::Error::other)?
            }
            Self::Address(http, place) => http.get(place.clone()).await,
            Self::Issuer(http, issuer, place) => {
                let configuration = http.get(place.clone()).await?;
                http.get(place_of_keys(&configuration, issuer, is_https(place))?)
                    .await
            }
        }
    }
}

impl fmt::Display for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Address(_, place) | Self::Issuer(_, _, place) => place.fmt(f),
        }
    }
}

fn address(text: &str) -> Result<Uri, JwksSourceError> {
    text.parse::<Uri>()
        .ok()
        .filter(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
        .ok_or_else(|| JwksSourceError::Address(text.to_owned()))
}

fn is_https(place: &Uri) -> bool {
    place.scheme_str() == Some("https")
}

fn read_file(path: &PathBuf) -> Result<Vec<u8>, JwksSourceError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let file = fs::File::open(path)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BYTES {
        return Err(JwksSourceError::TooLarge);
    }
    Ok(bytes)
}

pub(super) fn place_of_keys(
    configuration: &[u8],
    issuer: &str,
    https: bool,
) -> Result<Uri, JwksSourceError> {
    #[derive(Deserialize)]
    struct Configuration {
        issuer: String,
        jwks_uri: String,
    }
    let found: Configuration = serde_json::from_slice(configuration)?;
    // Else one tenant of a host could answer for another.
    if found.issuer != issuer {
        return Err(JwksSourceError::OtherIssuer(found.issuer));
    }
    let place = address(&found.jwks_uri)?;
    if https && !is_https(&place) {
        return Err(JwksSourceError::Downgrade(place));
    }
    Ok(place)
}

/// HTTP as far as key sets need it. Redirects are not followed: the keys are where they were said
/// to be.
#[derive(Debug)]
pub(super) struct Http(Client<HttpsConnector<HttpConnector>, Empty<&'static [u8]>>);

impl Http {
    /// Trusts the authorities of the system, which may know the company's own, or, where it has
    /// none, as in an empty container, those of the web.
    fn new() -> Result<Self, JwksSourceError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(PATIENCE));
        let system = HttpsConnectorBuilder::new();
        let builder = match system.with_provider_and_native_roots(provider.clone()) {
            Ok(builder) => builder,
            Err(_) => HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider)?,
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(http);
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    async fn get(&self, place: Uri) -> Result<Vec<u8>, JwksSourceError> {
        time::timeout(PATIENCE, self.get_patiently(place))
            .await
            .map_err(|_| JwksSourceError::Slow)?
    }

    async fn get_patiently(&self, place: Uri) -> Result<Vec<u8>, JwksSourceError> {
        let response = self.0.get(place).await?;
        if response.status() != StatusCode::OK {
            return Err(JwksSourceError::Status(response.status()));
        }
        let body = Limited::new(response.into_body(), MAX_BYTES);
        let body = body.collect().await.map_err(JwksSourceError::Body)?;
        Ok(body.to_bytes().to_vec())
    }
}
