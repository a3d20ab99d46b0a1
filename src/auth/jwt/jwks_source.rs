//! Where a key set comes from: a file, a URL, or an issuer with OpenID Connect Discovery.

use std::{
    error::Error,
    fmt, fs,
    io::{self, Read},
    path::{Path, PathBuf},
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

/// Maximum size of a key set or discovery document in bytes. Those of large issuers have about ten thousand.
const MAX_BYTES: usize = 1 << 20;
/// How long a request may take, from connecting to the end of the response.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Why a key set cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum JwksSourceError {
    #[error("{0}")]
    File(#[from] io::Error),
    #[error("larger than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("`{0}` is not an absolute http:// or https:// URL")]
    InvalidUrl(String),
    #[error("credentials in URLs are not supported")]
    Credentials,
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
    #[error("no response within {REQUEST_TIMEOUT:?}")]
    Timeout,
    #[error("the request failed")]
    Request(#[from] hyper_util::client::legacy::Error),
    #[error("the response is incomplete or larger than {MAX_BYTES} bytes")]
    Body(#[source] Box<dyn Error + Send + Sync>),
    #[error("the response has status {0}")]
    Status(StatusCode),
    #[error("the discovery document is malformed")]
    Discovery(#[from] serde_json::Error),
    #[error("the discovery document is for another issuer, `{0}`")]
    OtherIssuer(String),
    #[error("an https:// issuer has its key set at the insecure URL `{0}`")]
    Downgrade(Uri),
}

/// Where a key set comes from.
#[derive(Debug)]
pub(super) enum JwksSource {
    File(PathBuf),
    Url(HttpClient, Uri),
    /// The discovery document of an issuer names the URL.
    Issuer {
        client: HttpClient,
        issuer: String,
        discovery: Uri,
    },
}

impl JwksSource {
    /// Returns the source at a file path or URL.
    pub(super) fn from_location(location: &str) -> Result<Self, JwksSourceError> {
        if location.starts_with("http://") || location.starts_with("https://") {
            return Ok(Self::Url(HttpClient::new()?, url(location)?));
        }
        Ok(Self::File(PathBuf::from(location)))
    }

    /// Returns the source that the issuer's discovery document names.
    pub(super) fn from_issuer(issuer: &str) -> Result<Self, JwksSourceError> {
        let base = issuer.trim_end_matches('/');
        Ok(Self::Issuer {
            discovery: url(&format!("{base}/.well-known/openid-configuration"))?,
            client: HttpClient::new()?,
            issuer: issuer.to_owned(),
        })
    }

    pub(super) fn is_file(&self) -> bool {
        matches!(self, Self::File(_))
    }

    /// Returns whether the key set can be replaced in transit.
    pub(super) fn is_insecure(&self) -> bool {
        let (Self::Url(_, url) | Self::Issuer { discovery: url, .. }) = self else {
            return false;
        };
        let loopback = ["localhost", "127.0.0.1", "[::1]"];
        let is_local = url.host().is_some_and(|host| loopback.contains(&host));
        !is_https(url) && !is_local
    }

    /// Reads the current key set.
    pub(super) async fn read(&self) -> Result<Vec<u8>, JwksSourceError> {
        match self {
            Self::File(path) => {
                let path = path.clone();
                let read = task::spawn_blocking(move || read_file(&path));
                read.await.map_err(io::Error::other)?
            }
            Self::Url(client, url) => client.get(url.clone()).await,
            Self::Issuer {
                client,
                issuer,
                discovery,
            } => {
                let document = client.get(discovery.clone()).await?;
                let url = jwks_url(&document, issuer, is_https(discovery))?;
                client.get(url).await
            }
        }
    }
}

impl fmt::Display for JwksSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(_, url) | Self::Issuer { discovery: url, .. } => {
                f.write_str(printable(&url.to_string()))
            }
        }
    }
}

/// Returns the part of a location that contains no secret.
pub(super) fn printable(location: &str) -> &str {
    if location.contains('@') {
        return "a URL with credentials";
    }
    location.split('?').next().unwrap_or_default()
}

fn url(text: &str) -> Result<Uri, JwksSourceError> {
    let url = text.parse::<Uri>().ok();
    let authority = url.as_ref().and_then(Uri::authority);
    if authority.is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(JwksSourceError::Credentials);
    }
    url.filter(|url| matches!(url.scheme_str(), Some("http" | "https")) && url.host().is_some())
        .ok_or_else(|| JwksSourceError::InvalidUrl(printable(text).to_owned()))
}

fn is_https(url: &Uri) -> bool {
    url.scheme_str() == Some("https")
}

fn read_file(path: &Path) -> Result<Vec<u8>, JwksSourceError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    let file = fs::File::open(path)?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_BYTES {
        return Err(JwksSourceError::TooLarge);
    }
    Ok(bytes)
}

/// Returns the URL of the key set in a discovery document of `issuer`.
pub(super) fn jwks_url(
    document: &[u8],
    issuer: &str,
    requires_https: bool,
) -> Result<Uri, JwksSourceError> {
    #[derive(Deserialize)]
    struct Discovery {
        issuer: String,
        jwks_uri: String,
    }
    let discovery: Discovery = serde_json::from_slice(document)?;
    // Otherwise one tenant of a host could provide the keys of another.
    if discovery.issuer != issuer {
        return Err(JwksSourceError::OtherIssuer(discovery.issuer));
    }
    let url = url(&discovery.jwks_uri)?;
    if requires_https && !is_https(&url) {
        return Err(JwksSourceError::Downgrade(url));
    }
    Ok(url)
}

/// HTTP client of key set requests. Redirects and proxies are not used: keys come from exactly the configured
/// location.
///
/// Not reqwest: its feature `rustls` adds aws-lc-rs, a second cryptographic library beside ring, and with
/// `rustls-no-provider` building any client in the process, also in tests, panics until a provider is installed
/// globally.
#[derive(Debug)]
pub(super) struct HttpClient(Client<HttpsConnector<HttpConnector>, Empty<&'static [u8]>>);

impl HttpClient {
    /// Builds a client that trusts the certificate authorities of the system, or Mozilla's where the system
    /// has none, as in a minimal container.
    fn new() -> Result<Self, JwksSourceError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(REQUEST_TIMEOUT));
        let native = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider.clone());
        let builder = match native {
            Ok(builder) => builder,
            Err(_) => HttpsConnectorBuilder::new().with_provider_and_webpki_roots(provider)?,
        };
        let connector = builder.https_or_http().enable_http1().wrap_connector(http);
        Ok(Self(Client::builder(TokioExecutor::new()).build(connector)))
    }

    async fn get(&self, url: Uri) -> Result<Vec<u8>, JwksSourceError> {
        let request = async {
            let response = self.0.get(url).await?;
            if response.status() != StatusCode::OK {
                return Err(JwksSourceError::Status(response.status()));
            }
            let body = Limited::new(response.into_body(), MAX_BYTES);
            let body = body.collect().await.map_err(JwksSourceError::Body)?;
            Ok(body.to_bytes().to_vec())
        };
        time::timeout(REQUEST_TIMEOUT, request)
            .await
            .map_err(|_| JwksSourceError::Timeout)?
    }
}
