//! The API keys in memory.
//!
//! The cache is refreshed periodically and when an unknown key arrives, so that a key which another
//! replica or the command line has created or revoked takes effect within seconds. Revoking a key also
//! closes the connections that were opened with it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::DbErr;
use subtle::ConstantTimeEq;
use tokio::{task::JoinSet, time};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use uuid::Uuid;

use super::{
    key::{self, KeyHash},
    store::{self, ApiKey},
};
use crate::{
    auth::{error::AuthError, principal::Principal},
    clock::Clock,
    db::Database,
    outage::Outage,
};

/// Time between two periodic refreshes, and between two updates of `last_used_at`.
const REFRESH_INTERVAL: Duration = Duration::from_secs(2);
/// Least time between two refreshes caused by unknown keys.
const MIN_REFRESH_INTERVAL: Duration = Duration::from_millis(500);
/// How long a refresh may take.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(5);
/// Precision of the stored `last_used_at`.
const LAST_USED_PRECISION: TimeDelta = TimeDelta::minutes(1);

const MALFORMED: AuthError = AuthError::Invalid("the API key is malformed");
const UNKNOWN: AuthError = AuthError::Invalid("the API key is unknown, expired or revoked");

/// Authenticates API keys from memory.
#[derive(Debug)]
pub(in crate::auth) struct ApiKeyCache {
    shared: Arc<Shared>,
    /// Background tasks, aborted when the cache is dropped.
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    clock: Arc<dyn Clock>,
    /// The active keys, by the first bytes of their hash. The duration of a lookup may reveal these bytes;
    /// the rest is compared in constant time.
    keys: Mutex<HashMap<[u8; 8], CachedKey>>,
    /// The version of the keys that have been read; `None` before that, and if the version cannot be read.
    version: Mutex<Option<Uuid>>,
    /// The last refresh; locked while one runs.
    last_refresh: tokio::sync::Mutex<Refresh>,
    /// Cancelled once a key has been seen.
    first_key: CancellationToken,
    outage: Outage,
}

#[derive(Clone, Copy, Debug)]
struct Refresh {
    started_at: time::Instant,
    has_succeeded: bool,
}

#[derive(Clone, Debug)]
struct CachedKey {
    id: Uuid,
    hash: KeyHash,
    permissions: Permissions,
    principal: Arc<Principal>,
    last_used_at: Option<DateTime<Utc>>,
    /// The value of `last_used_at` in the database.
    stored_last_used_at: Option<DateTime<Utc>>,
}

/// What may change about a key: scopes, sources and expiry.
type Permissions = (String, Option<String>, Option<DateTime<Utc>>);

impl ApiKeyCache {
    pub(in crate::auth) async fn open(
        database: Database,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DbErr> {
        let shared = Arc::new(Shared {
            database,
            clock,
            keys: Mutex::default(),
            version: Mutex::default(),
            last_refresh: tokio::sync::Mutex::new(Refresh {
                started_at: time::Instant::now(),
                has_succeeded: true,
            }),
            first_key: CancellationToken::new(),
            outage: Outage::new("cannot read the API keys"),
        });
        shared.load(true).await?;
        let mut tasks = JoinSet::new();
        tasks.spawn(refresh_periodically(Arc::clone(&shared)));
        tasks.spawn(store_usage_periodically(Arc::clone(&shared)));
        Ok(Self {
            shared,
            _tasks: tasks,
        })
    }

    /// Returns the number of active keys.
    pub(in crate::auth) fn len(&self) -> usize {
        self.shared.keys().len()
    }

    /// Returns whether no key has ever been seen.
    pub(in crate::auth) fn is_empty(&self) -> bool {
        !self.shared.first_key.is_cancelled()
    }

    /// Returns a token that is cancelled once the first key exists, or `None` if a key has been seen.
    pub(in crate::auth) fn until_first_key(&self) -> Option<CancellationToken> {
        self.is_empty().then(|| self.shared.first_key.clone())
    }

    /// Returns the principal of a key in memory.
    pub(in crate::auth) fn find(&self, key: &str) -> Option<Arc<Principal>> {
        self.shared.find(&key::hash(key)?)
    }

    /// Authenticates a key.
    pub(in crate::auth) async fn authenticate(
        &self,
        key: &str,
    ) -> Result<Arc<Principal>, AuthError> {
        let hash = key::hash(key).ok_or(MALFORMED)?;
        if let Some(principal) = self.shared.find(&hash) {
            return Ok(principal);
        }
        self.shared.refresh_for_unknown_key().await?;
        self.shared.find(&hash).ok_or(UNKNOWN)
    }
}

async fn refresh_periodically(shared: Arc<Shared>) {
    loop {
        time::sleep(REFRESH_INTERVAL).await;
        let mut last_refresh = shared.last_refresh.lock().await;
        // Failures are logged; the cached keys stay valid.
        let _ = shared.refresh(&mut last_refresh).await;
    }
}

async fn store_usage_periodically(shared: Arc<Shared>) {
    let outage = Outage::new("cannot store when API keys were last used");
    loop {
        time::sleep(REFRESH_INTERVAL).await;
        match shared.store_usage().await {
            Ok(()) => outage.ended(),
            Err(error) => outage.failed_on_database(&error),
        }
    }
}

impl Shared {
    fn keys(&self) -> MutexGuard<'_, HashMap<[u8; 8], CachedKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn version(&self) -> MutexGuard<'_, Option<Uuid>> {
        self.version.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, hash: &KeyHash) -> Option<Arc<Principal>> {
        let now = self.clock.now();
        let mut keys = self.keys();
        let key = keys.get_mut(&index(hash))?;
        let is_valid = key.principal.expires_at.is_none_or(|at| at > now);
        if !is_valid || !bool::from(key.hash.ct_eq(hash)) {
            return None;
        }
        key.last_used_at = Some(now);
        Some(Arc::clone(&key.principal))
    }

    /// Waits for a refresh that starts after this call. Concurrent calls share one.
    async fn refresh_for_unknown_key(&self) -> Result<(), AuthError> {
        let called_at = time::Instant::now();
        let mut last_refresh = self.last_refresh.lock().await;
        if last_refresh.started_at < called_at {
            time::sleep_until(last_refresh.started_at + MIN_REFRESH_INTERVAL).await;
            return self.refresh(&mut last_refresh).await;
        }
        last_refresh
            .has_succeeded
            .then_some(())
            .ok_or(AuthError::Unavailable)
    }

    async fn refresh(&self, last_refresh: &mut Refresh) -> Result<(), AuthError> {
        // Counts as failed until it succeeds, also if the caller drops this future.
        *last_refresh = Refresh {
            started_at: time::Instant::now(),
            has_succeeded: false,
        };
        let timed_out = || DbErr::Custom("the database did not respond in time".into());
        let loaded = time::timeout(REFRESH_TIMEOUT, self.load(false)).await;
        if let Err(error) = loaded.unwrap_or_else(|_| Err(timed_out())) {
            self.outage.failed_on_database(&error);
            return Err(AuthError::Unavailable);
        }
        self.outage.ended();
        last_refresh.has_succeeded = true;
        Ok(())
    }

    /// Replaces the cached keys by those in the database, and invalidates the principals of keys that are
    /// gone, revoked or changed. Does nothing if no key has changed. Logs what has, unless this `is_first`.
    async fn load(&self, is_first: bool) -> Result<(), DbErr> {
        // A role with rights on the keys only can do without. Read before the keys, which may change meanwhile.
        let version = store::version(&self.database).await.ok();
        if version.is_some() && version == *self.version() {
            return Ok(());
        }
        let rows = store::list(&self.database).await?;
        let now = self.clock.now();
        let mut keys = self.keys();
        if !rows.is_empty() {
            self.first_key.cancel();
        }
        let mut added = 0;
        let mut previous = std::mem::take(&mut *keys);
        for row in rows {
            let is_active = row.revoked_at.is_none() && row.expires_at.is_none_or(|at| at > now);
            let hash = row.hash.as_slice().try_into().ok();
            let Some(hash) = hash.filter(|_| is_active) else {
                continue;
            };
            let is_unchanged = |key: &CachedKey| key.permissions == CachedKey::permissions(&row);
            let key = if previous.get(&index(&hash)).is_some_and(is_unchanged) {
                previous.remove(&index(&hash))
            } else {
                added += 1;
                CachedKey::new(&row, hash)
            };
            if let Some(key) = key {
                keys.insert(index(&hash), key);
            }
        }
        let removed = previous.len();
        for removed in previous.into_values() {
            if let Some(revoked) = &removed.principal.revoked {
                revoked.cancel();
            }
        }
        if !is_first && added + removed > 0 {
            info!(
                keys = keys.len(),
                added, removed, "the API keys have changed"
            );
        }
        *self.version() = version;
        Ok(())
    }

    async fn store_usage(&self) -> Result<(), DbErr> {
        let used: Vec<_> = self
            .keys()
            .values()
            .filter_map(|key| Some((key.id, key.unstored_usage()?)))
            .collect();
        store::update_last_used(&self.database, &used).await?;
        for key in self.keys().values_mut() {
            if let Some((_, at)) = used.iter().find(|(id, _)| *id == key.id) {
                key.stored_last_used_at = Some(*at);
            }
        }
        Ok(())
    }
}

impl CachedKey {
    /// Returns `None` if the key has permissions that this version does not know.
    fn new(row: &ApiKey, hash: KeyHash) -> Option<Self> {
        let principal = Principal::api_key(row, CancellationToken::new());
        if principal.is_none() {
            warn!(key = %row.id, "rejecting an API key with unknown scopes or sources");
        }
        Some(Self {
            id: row.id,
            hash,
            permissions: Self::permissions(row),
            principal: Arc::new(principal?),
            last_used_at: None,
            stored_last_used_at: row.last_used_at,
        })
    }

    fn permissions(row: &ApiKey) -> Permissions {
        (row.scopes.clone(), row.sources.clone(), row.expires_at)
    }

    /// Returns when the key was last used, unless the stored value is recent enough.
    fn unstored_usage(&self) -> Option<DateTime<Utc>> {
        let used_at = self.last_used_at?;
        let stored = self.stored_last_used_at;
        let is_stored = stored.is_some_and(|stored| used_at < stored + LAST_USED_PRECISION);
        (!is_stored).then_some(used_at)
    }
}

fn index(hash: &KeyHash) -> [u8; 8] {
    let mut index = [0; 8];
    index.copy_from_slice(&hash[..8]);
    index
}
