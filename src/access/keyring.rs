//! The API keys that a running server knows. They are read again every so often, so that a key that
//! another server, or the command line, has made or revoked is known or gone within seconds, and those
//! who came in by it with it.

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
use tracing::warn;
use uuid::Uuid;

use super::{
    Denied, Principal,
    keys::{self, Key},
    secret::{self, Hash},
};
use crate::{clock::Clock, db::Database};

/// How often the keys are read.
const INTERVAL: Duration = Duration::from_secs(2);
/// The least time between two readings for keys that are not known.
const PACE: Duration = Duration::from_millis(500);
/// How long the database may be silent.
const PATIENCE: Duration = Duration::from_secs(5);
/// How old the noted last use of a key may be.
const NOTED: TimeDelta = TimeDelta::minutes(1);

const UNKNOWN: Denied = Denied::Invalid("this key is not known, or was revoked or has expired");

#[derive(Debug)]
pub(super) struct Keyring {
    shared: Arc<Shared>,
    /// Ends with the keyring.
    _task: JoinSet<()>,
}

#[derive(Debug)]
struct Shared {
    database: Database,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
    /// How the keys were read last; held while they are.
    last: tokio::sync::Mutex<Attempt>,
    /// Cancelled once there has been a key.
    there_is_a_key: CancellationToken,
}

/// An attempt to read the keys.
#[derive(Clone, Copy, Debug)]
struct Attempt {
    /// When it began.
    at: time::Instant,
    has_succeeded: bool,
}

#[derive(Debug, Default)]
struct Known {
    /// The keys that hold, by the first bytes of their hash: which they are may be told by how long it
    /// takes to find them, but not the rest.
    holders: HashMap<[u8; 8], Holder>,
}

#[derive(Clone, Debug)]
struct Holder {
    id: Uuid,
    hash: Hash,
    allows: Allowed,
    principal: Arc<Principal>,
    /// When it was used last, and what of that is noted.
    used_at: Option<DateTime<Utc>>,
    noted: Option<DateTime<Utc>>,
}

impl Keyring {
    pub(super) async fn open(database: Database, clock: Arc<dyn Clock>) -> Result<Self, DbErr> {
        let shared = Arc::new(Shared {
            database,
            clock,
            known: Mutex::default(),
            last: tokio::sync::Mutex::new(Attempt {
                at: time::Instant::now(),
                has_succeeded: true,
            }),
            there_is_a_key: CancellationToken::new(),
        });
        shared.read().await?;
        let mut task = JoinSet::new();
        task.spawn(keep_up(Arc::clone(&shared)));
        task.spawn(keep_noting(Arc::clone(&shared)));
        Ok(Self {
            shared,
            _task: task,
        })
    }

    /// Whether this server has never seen a key.
    pub(super) fn is_empty(&self) -> bool {
        !self.shared.there_is_a_key.is_cancelled()
    }

    /// What is cancelled once there is a key; none if there is one.
    pub(super) fn until_there_is_a_key(&self) -> Option<CancellationToken> {
        self.is_empty().then(|| self.shared.there_is_a_key.clone())
    }

    /// The holder of a key.
    pub(super) async fn admit(&self, key: &str) -> Result<Arc<Principal>, Denied> {
        let mistyped = Denied::Invalid("this key is not written as it was given out");
        let hash = secret::hash(key).ok_or(mistyped)?;
        if let Some(principal) = self.shared.find(&hash) {
            return Ok(principal);
        }
        self.shared.read_soon().await?;
        self.shared.find(&hash).ok_or(UNKNOWN)
    }
}

async fn keep_up(shared: Arc<Shared>) {
    loop {
        time::sleep(INTERVAL).await;
        let mut last = shared.last.lock().await;
        // An error has been logged; the keys known go on holding.
        let _ = shared.attempt(&mut last).await;
    }
}

async fn keep_noting(shared: Arc<Shared>) {
    loop {
        time::sleep(INTERVAL).await;
        if let Err(error) = shared.note_use().await {
            warn!(%error, "the use of API keys cannot be noted");
        }
    }
}

impl Shared {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, hash: &Hash) -> Option<Arc<Principal>> {
        let now = self.clock.now();
        let mut known = self.known();
        let holder = known.holders.get_mut(&place(hash))?;
        let holds = holder.principal.expires_at.is_none_or(|at| at > now);
        if !holds || !bool::from(holder.hash.ct_eq(hash)) {
            return None;
        }
        holder.used_at = Some(now);
        Some(Arc::clone(&holder.principal))
    }

    /// Makes sure that the keys have been read since now.
    async fn read_soon(&self) -> Result<(), Denied> {
        let asked_at = time::Instant::now();
        let mut last = self.last.lock().await;
        // What others who waited have begun since counts, for better or worse.
        if last.at < asked_at {
            time::sleep_until(last.at + PACE).await;
            return self.attempt(&mut last).await;
        }
        last.has_succeeded.then_some(()).ok_or(Denied::Unavailable)
    }

    async fn attempt(&self, last: &mut Attempt) -> Result<(), Denied> {
        // Until it has succeeded it has failed, also if whoever began it goes away.
        *last = Attempt {
            at: time::Instant::now(),
            has_succeeded: false,
        };
        let silent = || DbErr::Custom("the database is silent".into());
        let read = time::timeout(PATIENCE, self.read()).await;
        if let Err(error) = read.unwrap_or_else(|_| Err(silent())) {
            warn!(%error, "the API keys cannot be read");
            return Err(Denied::Unavailable);
        }
        last.has_succeeded = true;
        Ok(())
    }

    /// Reads which keys hold.
    async fn read(&self) -> Result<(), DbErr> {
        let keys = keys::list(&self.database).await?;
        let now = self.clock.now();
        let mut known = self.known();
        if !keys.is_empty() {
            self.there_is_a_key.cancel();
        }
        let mut before = std::mem::take(&mut known.holders);
        for key in keys {
            let holds = key.revoked_at.is_none() && key.expires_at.is_none_or(|at| at > now);
            let Some(hash) = holds.then(|| key.hash.as_slice().try_into().ok()).flatten() else {
                continue;
            };
            let same = |holder: &Holder| holder.allows == Holder::allowed_by(&key);
            let holder = if before.get(&place(&hash)).is_some_and(same) {
                before.remove(&place(&hash))
            } else {
                Holder::of(&key, hash)
            };
            if let Some(holder) = holder {
                known.holders.insert(place(&hash), holder);
            }
        }
        // Those who came in by what no longer holds are asked to leave.
        for revoked in before.into_values() {
            if let Some(revoked) = &revoked.principal.revoked {
                revoked.cancel();
            }
        }
        Ok(())
    }

    async fn note_use(&self) -> Result<(), DbErr> {
        let used: Vec<_> = self
            .known()
            .holders
            .values()
            .filter_map(|holder| Some((holder.id, holder.unnoted_use()?)))
            .collect();
        keys::note_use(&self.database, &used).await?;
        for holder in self.known().holders.values_mut() {
            if let Some((_, at)) = used.iter().find(|(id, _)| *id == holder.id) {
                holder.noted = Some(*at);
            }
        }
        Ok(())
    }
}

/// What a key allows: scopes, sources, and until when.
type Allowed = (String, Option<String>, Option<DateTime<Utc>>);

impl Holder {
    fn allowed_by(key: &Key) -> Allowed {
        (key.scopes.clone(), key.sources.clone(), key.expires_at)
    }

    fn of(key: &Key, hash: Hash) -> Option<Self> {
        let principal = Principal::holder(key, CancellationToken::new());
        if principal.is_none() {
            warn!(key = %key.id, "a key allows what this server does not know, and is not let in");
        }
        Some(Self {
            id: key.id,
            hash,
            allows: Self::allowed_by(key),
            principal: Arc::new(principal?),
            used_at: None,
            noted: key.last_used_at,
        })
    }

    fn unnoted_use(&self) -> Option<DateTime<Utc>> {
        let used_at = self.used_at?;
        let is_noted = self.noted.is_some_and(|noted| used_at < noted + NOTED);
        (!is_noted).then_some(used_at)
    }
}

fn place(hash: &Hash) -> [u8; 8] {
    let mut place = [0; 8];
    place.copy_from_slice(&hash[..8]);
    place
}
