//! The keys that tokens may be signed by: read from a key set, kept, and read again when needed.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;

use super::{
    Refused, TokensError,
    source::{Source, SourceError},
    unreadable,
};
use crate::clock::Clock;

/// How many keys a set may have. Issuers publish two or three.
const MAX_KEYS: usize = 100;
/// How long after one reading the next may begin, whatever tokens ask for.
const PAUSE: TimeDelta = TimeDelta::seconds(10);
/// After this long a set is read again though it has every key asked for: one may have been taken
/// out of it.
const FRESH: TimeDelta = TimeDelta::hours(1);

/// Why a key set is not used.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeySetError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error("it is not a key set: {0}")]
    Shape(#[from] serde_json::Error),
    #[error("it has {0} keys; at most {MAX_KEYS} are read")]
    TooMany(usize),
    #[error("none of its keys can check a signature")]
    NoneUsable,
}

/// A public key, and what it may be used for.
#[derive(Debug)]
pub(super) struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    pub(super) decoding: DecodingKey,
}

impl Key {
    /// `None` for a key that is not for checking the signatures of tokens: sets hold others too.
    fn read(jwk: &Jwk) -> Option<Self> {
        let common = &jwk.common;
        let signs = common.public_key_use.as_ref();
        let verifies = common.key_operations.as_ref();
        if signs.is_some_and(|purpose| *purpose != PublicKeyUse::Signature)
            || verifies.is_some_and(|operations| !operations.contains(&KeyOperations::Verify))
        {
            return None;
        }
        let mut algorithms = fitting(&jwk.algorithm).to_vec();
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

/// The algorithms of a type of key. A shared secret has none: whoever reads the set could sign.
fn fitting(parameters: &AlgorithmParameters) -> &'static [Algorithm] {
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
struct KeySet(Vec<Arc<Key>>);

enum Found {
    Key(Arc<Key>),
    /// The set has the key, and no other will do.
    Unfit(&'static str),
    /// A newer set may have it.
    Missing,
}

impl KeySet {
    fn read(json: &[u8]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<serde_json::Value>,
        }
        let Set { keys } = serde_json::from_slice(json)?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(keys.len()));
        }
        // A key that this server cannot read spoils none of the others.
        let usable: Vec<_> = keys
            .iter()
            .filter_map(|key| Key::read(&Jwk::deserialize(key).ok()?))
            .map(Arc::new)
            .collect();
        if usable.is_empty() {
            return Err(KeySetError::NoneUsable);
        }
        Ok(Self(usable))
    }

    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        let mut named = self
            .0
            .iter()
            .filter(|key| id.is_none() || key.id.as_deref() == id)
            .peekable();
        let known = named.peek().is_some() && id.is_some();
        let mut fitting = named.filter(|key| key.algorithms.contains(&algorithm));
        match (fitting.next(), fitting.next()) {
            // Trying them all would let a forged token cost as many checks as there are keys.
            (Some(_), Some(_)) if id.is_none() => {
                Found::Unfit("it does not say which key it is by")
            }
            (Some(key), _) => Found::Key(key.clone()),
            (None, _) if known => Found::Unfit("its algorithm does not fit its key"),
            (None, _) => Found::Missing,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    set: Option<Arc<KeySet>>,
    read_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
}

/// The keys as last read.
#[derive(Debug)]
pub(super) struct Keys {
    source: Source,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    reading: tokio::sync::Mutex<()>,
}

impl Keys {
    pub(super) fn new(source: Source, clock: Arc<dyn Clock>) -> Self {
        Self {
            source,
            clock,
            state: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// The key by which a token says it is signed. A key that is not in the set may be newer than
    /// it, so the set is read again, but no more often than [`PAUSE`] allows: anybody can write a
    /// token with an unknown key.
    pub(super) async fn find(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<Key>, Refused> {
        let mut found = self.look_up(id, algorithm);
        if matches!(found, None | Some(Found::Missing)) {
            if self.may_read() {
                // A task of its own, so that a client who hangs up does not end it for the others.
                tokio::spawn(self.clone().read_unless_just_read())
                    .await
                    .ok();
            } else {
                // What others wait for will do for this one.
                drop(self.reading.lock().await);
            }
            found = self.look_up(id, algorithm);
        } else if self.is_old() && self.may_read() {
            tokio::spawn(self.clone().read_unless_just_read());
        }
        match found {
            Some(Found::Key(key)) => Ok(key),
            Some(Found::Unfit(reason)) => Err(Refused::Invalid(reason)),
            Some(Found::Missing) => Err(Refused::Invalid("its key is not known")),
            None => Err(Refused::Unavailable),
        }
    }

    /// Reads the set; the one before is kept if that fails.
    async fn read(&self) -> Result<(), KeySetError> {
        // Also before, so that it holds if this is abandoned half-way.
        self.state().tried_at = Some(self.clock.now());
        let set = match self.source.read().await {
            Ok(json) => KeySet::read(&json),
            Err(error) => Err(error.into()),
        };
        let now = self.clock.now();
        let mut state = self.state();
        state.tried_at = Some(now);
        let set = set?;
        let keys = set.0.len();
        state.set = Some(Arc::new(set));
        state.read_at = Some(now);
        drop(state);
        tracing::info!(source = %self.source, keys, "keys of tokens read");
        Ok(())
    }

    async fn read_unless_just_read(self: Arc<Self>) {
        let _one_at_a_time = self.reading.lock().await;
        if self.may_read()
            && let Err(error) = self.read().await
        {
            self.report(&error);
        }
    }

    /// Reads the set at the start: a file must be readable, an issuer may come later.
    pub(super) async fn read_first(&self) -> Result<(), TokensError> {
        match self.read().await {
            Err(error) if self.source.is_file() => Err(unreadable(self.source.to_string(), error)),
            Err(error) => {
                self.report(&error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    fn report(&self, error: &KeySetError) {
        let error = error as &dyn std::error::Error;
        tracing::warn!(error, source = %self.source, "cannot read the keys of tokens");
    }

    fn look_up(&self, id: Option<&str>, algorithm: Algorithm) -> Option<Found> {
        let set = self.state().set.clone()?;
        Some(set.find(id, algorithm))
    }

    fn may_read(&self) -> bool {
        self.is_past(self.state().tried_at, PAUSE)
    }

    fn is_old(&self) -> bool {
        self.is_past(self.state().read_at, FRESH)
    }

    /// A clock that was set back must not stop all reading until it has caught up.
    fn is_past(&self, instant: Option<DateTime<Utc>>, age: TimeDelta) -> bool {
        instant.is_none_or(|instant| (self.clock.now() - instant).abs() >= age)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
