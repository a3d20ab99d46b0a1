//! The key set that verifies tokens: cached, and refreshed when needed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;

use super::{
    jwks_source::{JwksSource, JwksSourceError},
    settings::JwtSettingsError,
};
use crate::{auth::error::AuthError, clock::Clock, error_chain, outage::Outage};

/// Maximum number of keys in a set. Issuers publish two or three.
const MAX_KEYS: usize = 100;
/// Maximum number of keys that are tried for a token: an issuer may use an id for two keys while it replaces one by the
/// other.
const MAX_CANDIDATES: usize = 4;
/// Least time between two refreshes: anyone can send tokens with unknown key ids.
const MIN_REFRESH_INTERVAL: TimeDelta = TimeDelta::seconds(10);
/// Age at which a set is refreshed although it has the requested key, which may have been withdrawn.
const MAX_AGE: TimeDelta = TimeDelta::hours(1);

/// Why a key set is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum JwksError {
    #[error(transparent)]
    Source(#[from] JwksSourceError),
    #[error("not a key set: {0}")]
    Malformed(#[from] serde_json::Error),
    #[error("the key set has {0} keys; the maximum is {MAX_KEYS}")]
    TooManyKeys(usize),
    #[error("the key set has no key for verifying signatures")]
    NoUsableKey,
}

/// A public key and the algorithms it may be used with.
#[derive(Debug)]
pub(super) struct JwksKey {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
}

impl JwksKey {
    /// Returns `None` if the key is not for verifying signatures.
    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let usage = common.public_key_use.as_ref();
        let operations = common.key_operations.as_ref();
        if usage.is_some_and(|usage| *usage != PublicKeyUse::Signature)
            || operations.is_some_and(|operations| !operations.contains(&KeyOperations::Verify))
        {
            return None;
        }
        let mut algorithms = algorithms(&jwk.algorithm).to_vec();
        if let Some(only) = common.key_algorithm {
            let only = Algorithm::try_from(only).ok()?;
            algorithms.retain(|algorithm| *algorithm == only);
        }
        let decoding = DecodingKey::from_jwk(jwk).ok()?;
        (!algorithms.is_empty()).then(|| Self {
            id: common.key_id.clone(),
            algorithms,
            decoding,
        })
    }
}

/// Returns the algorithms for a type of key: none for a shared secret, with which everyone who can read the
/// set could sign.
fn algorithms(parameters: &AlgorithmParameters) -> &'static [Algorithm] {
    match parameters {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => &[],
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        _ => &[],
    }
}

#[derive(Debug)]
struct KeySet(Vec<Arc<JwksKey>>);

/// The result of a lookup in a key set.
enum Lookup {
    /// The keys with the id, at least one.
    Found(Vec<Arc<JwksKey>>),
    /// The set has the key, and it cannot verify the token.
    Rejected(&'static str),
    /// The set does not have the key; a newer one may.
    Missing,
}

impl KeySet {
    fn parse(json: &[u8]) -> Result<Self, JwksError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let Set { keys } = serde_json::from_slice(json)?;
        if keys.len() > MAX_KEYS {
            return Err(JwksError::TooManyKeys(keys.len()));
        }
        // RFC 7517, 5: unsupported keys are ignored.
        let usable: Vec<_> = keys
            .iter()
            .filter_map(|key| JwksKey::from_jwk(&Jwk::deserialize(key).ok()?))
            .map(Arc::new)
            .collect();
        if usable.is_empty() {
            return Err(JwksError::NoUsableKey);
        }
        Ok(Self(usable))
    }

    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Lookup {
        let mut candidates = self
            .0
            .iter()
            .filter(|key| id.is_none() || key.id.as_deref() == id)
            .peekable();
        let is_known = candidates.peek().is_some() && id.is_some();
        let usable = candidates.filter(|key| key.algorithms.contains(&algorithm));
        let usable: Vec<_> = usable.take(MAX_CANDIDATES).cloned().collect();
        match usable.len() {
            0 if is_known => Lookup::Rejected("the token's algorithm does not match its key"),
            0 => Lookup::Missing,
            // Trying each would make a forged token cost one verification per key.
            2.. if id.is_none() => {
                Lookup::Rejected("the token has no `kid`, and several keys match its algorithm")
            }
            _ => Lookup::Found(usable),
        }
    }
}

#[derive(Debug, Default)]
struct Cached {
    set: Option<Arc<KeySet>>,
    read_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
}

/// The cached key set of a source.
#[derive(Debug)]
pub(super) struct Jwks {
    source: JwksSource,
    clock: Arc<dyn Clock>,
    cached: Mutex<Cached>,
    /// Locked during a refresh.
    refreshing: tokio::sync::Mutex<()>,
    outage: Outage,
}

impl Jwks {
    pub(super) fn new(source: JwksSource, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            cached: Mutex::default(),
            refreshing: tokio::sync::Mutex::default(),
            outage: Outage::new("cannot read the key set"),
        }
    }

    /// Finds the keys of a token, at least one. If the set does not have it, the set is refreshed, at most once per
    /// [`MIN_REFRESH_INTERVAL`].
    pub(super) async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Vec<Arc<JwksKey>>, AuthError> {
        let mut lookup = self.look_up(id, algorithm);
        if matches!(lookup, None | Some(Lookup::Missing)) {
            if self.may_refresh() {
                // In a task, so that a client that disconnects does not cancel it for the others.
                tokio::spawn(self.clone().refresh()).await.ok();
            } else {
                // Wait for a refresh in progress.
                drop(self.refreshing.lock().await);
            }
            lookup = self.look_up(id, algorithm);
        } else if self.is_stale() && self.may_refresh() {
            tokio::spawn(self.clone().refresh());
        }
        match lookup {
            Some(Lookup::Found(keys)) => Ok(keys),
            Some(Lookup::Rejected(reason)) => Err(AuthError::Invalid(reason)),
            Some(Lookup::Missing) => Err(AuthError::Invalid("the token's key is unknown")),
            None => Err(AuthError::Unavailable),
        }
    }

    /// Reads the set at start-up. A file must be readable; an issuer may become available later.
    pub(super) async fn load(&self) -> Result<(), JwtSettingsError> {
        match self.read().await {
            Err(error) if self.source.is_file() => {
                Err(JwtSettingsError::key_set(self.source.to_string(), error))
            }
            Err(error) => {
                self.log(&error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Refreshes the set unless another task has just done so.
    async fn refresh(self: Arc<Self>) {
        let _guard = self.refreshing.lock().await;
        if self.may_refresh()
            && let Err(error) = self.read().await
        {
            self.log(&error);
        }
    }

    /// Reads the set. On failure the previous one is kept.
    async fn read(&self) -> Result<(), JwksError> {
        // Also set before reading, so that it holds if this future is dropped.
        self.cached().tried_at = Some(self.clock.now());
        let set = match self.source.read().await {
            Ok(json) => KeySet::parse(&json),
            Err(error) => Err(error.into()),
        };
        let now = self.clock.now();
        let mut cached = self.cached();
        cached.tried_at = Some(now);
        let set = set?;
        let keys = set.0.len();
        cached.set = Some(Arc::new(set));
        cached.read_at = Some(now);
        drop(cached);
        self.outage.ended();
        tracing::info!(source = %self.source, keys, "read the key set");
        Ok(())
    }

    fn log(&self, error: &JwksError) {
        self.outage.failed(&format_args!(
            "{}: {}",
            self.source,
            error_chain::messages(error)
        ));
    }

    fn look_up(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Lookup> {
        let set = self.cached().set.clone()?;
        Some(set.find(id, algorithm))
    }

    fn may_refresh(&self) -> bool {
        self.is_older(self.cached().tried_at, MIN_REFRESH_INTERVAL)
    }

    fn is_stale(&self) -> bool {
        self.is_older(self.cached().read_at, MAX_AGE)
    }

    /// Compares the absolute age: a clock that was set back must not block refreshes.
    fn is_older(&self, instant: Option<DateTime<Utc>>, age: TimeDelta) -> bool {
        instant.is_none_or(|instant| (self.clock.now() - instant).abs() >= age)
    }

    fn cached(&self) -> MutexGuard<'_, Cached> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
