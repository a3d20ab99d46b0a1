//! The places of open connections, and who keeps one when they are scarce.
//!
//! A connection is pending until a request on it comes from a principal with a scope. A client that has not authenticated
//! looks like an attacker, so once all places are taken, a new connection displaces the oldest pending one: it closes
//! connections that are idle, slow, or never authenticate, and leaves a new client the time to authenticate. Connections
//! of principals with a scope are kept, up to the principal's share, and up to that of all who are unauthenticated; those
//! beyond stay pending, as does anything that would let one client keep all places.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Context,
};

use futures_util::task::AtomicWaker;

use super::client_address::ClientAddress;
use crate::{
    auth::{Principal, PrincipalKind},
    keyed_counter::{Counted, KeyedCounter},
};

/// Connections that were displaced and are not closed yet, at most. They need file descriptors.
const MAX_CLOSING: usize = 64;

/// Pending connections that an address may have at least: browsers open several.
const MIN_PENDING: usize = 8;

/// The places of a server. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shares: Shares,
    state: Mutex<State>,
    /// Kept connections of each principal.
    kept: Arc<KeyedCounter<Arc<str>>>,
    /// Kept connections of principals of each kind.
    kept_of_kind: Arc<KeyedCounter<PrincipalKind>>,
}

/// How many places there are, and for whom.
#[derive(Clone, Copy, Debug)]
struct Shares {
    /// Places.
    all: usize,
    /// Above this number they are scarce.
    scarce: usize,
    /// Pending connections of an address while places are scarce.
    pending_of_address: usize,
    /// Kept connections of a principal.
    principal: usize,
    /// Kept connections of all unauthenticated principals. The rest is reserved for those who are authenticated.
    anonymous: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Open connections, without those that were displaced.
    open: usize,
    /// Connections that were displaced and are not closed yet.
    closing: usize,
    last_id: u64,
    /// Pending connections, oldest first.
    pending: BTreeMap<u64, Arc<Place>>,
    pending_of_address: HashMap<ClientAddress, BTreeSet<u64>>,
}

/// The place of one connection.
#[derive(Debug)]
pub(crate) struct Place {
    places: Places,
    id: u64,
    /// The address that it counts for; none for a trusted proxy, whose connections are those of its clients.
    address: OnceLock<ClientAddress>,
    /// Set once it is kept for a principal.
    kept: OnceLock<Kept>,
    is_displaced: AtomicBool,
    /// Wakes the connection when it is displaced.
    waker: AtomicWaker,
}

/// What a kept connection counts for.
type Kept = (Counted<Arc<str>>, Counted<PrincipalKind>);

/// Takes the place of an open connection until it is dropped.
#[derive(Debug)]
pub(crate) struct TakenPlace(Arc<Place>);

/// A place was found.
pub(crate) struct Admitted {
    pub(crate) place: TakenPlace,
    /// Whether places are scarce.
    pub(crate) is_scarce: bool,
    /// Whether another connection was displaced.
    pub(crate) has_displaced: bool,
}

impl Shares {
    fn new(all: usize) -> Self {
        Self {
            all,
            scarce: all / 2,
            pending_of_address: (all / 10).max(MIN_PENDING),
            principal: (all / 2).max(1),
            anonymous: (all / 4 * 3).max(1),
        }
    }
}

impl Inner {
    /// Counts a connection for a principal; returns `None` if the share of the principal, or of its kind, is used up.
    fn keep(&self, principal: &Principal) -> Option<Kept> {
        let shares = &self.shares;
        let of_kind = match principal.kind {
            PrincipalKind::Anonymous => shares.anonymous,
            PrincipalKind::User | PrincipalKind::ApiKey => shares.all,
        };
        let kept = self
            .kept
            .acquire(Arc::clone(&principal.id), shares.principal)?;
        Some((kept, self.kept_of_kind.acquire(principal.kind, of_kind)?))
    }
}

impl Places {
    pub(crate) fn new(all: usize) -> Self {
        Self(Arc::new(Inner {
            shares: Shares::new(all),
            state: Mutex::default(),
            kept: Arc::default(),
            kept_of_kind: Arc::default(),
        }))
    }

    /// Takes a place for a connection from an address, of a trusted proxy or not. Returns `None` if all are taken by
    /// connections that are kept.
    pub(crate) fn take(&self, address: IpAddr, is_trusted_proxy: bool) -> Option<Admitted> {
        let shares = &self.0.shares;
        let address = (!is_trusted_proxy).then(|| ClientAddress::from(address));
        let mut state = self.state();
        let is_scarce = state.open >= shares.scarce;
        let mut has_displaced =
            is_scarce && address.is_some_and(|address| state.limit_address(address, shares));
        if state.open >= shares.all {
            has_displaced = state.displace_oldest();
            if !has_displaced {
                return None;
            }
        }
        state.open += 1;
        state.last_id += 1;
        let place = Arc::new(Place {
            places: self.clone(),
            id: state.last_id,
            address: address.map_or_else(OnceLock::new, OnceLock::from),
            kept: OnceLock::new(),
            is_displaced: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        });
        state.add_pending(Arc::clone(&place));
        Some(Admitted {
            place: TakenPlace(place),
            is_scarce,
            has_displaced,
        })
    }

    /// Returns whether as many displaced connections are not closed yet as may be.
    pub(crate) fn is_closing_many(&self) -> bool {
        self.state().closing >= MAX_CLOSING
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add_pending(&mut self, place: Arc<Place>) {
        if let Some(address) = place.address.get() {
            self.pending_of_address
                .entry(*address)
                .or_default()
                .insert(place.id);
        }
        self.pending.insert(place.id, place);
    }

    /// Removes a connection from those that are pending; returns `None` if it is not.
    fn remove_pending(&mut self, id: u64) -> Option<Arc<Place>> {
        let place = self.pending.remove(&id)?;
        if let Some(address) = place.address.get()
            && let Some(ids) = self.pending_of_address.get_mut(address)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.pending_of_address.remove(address);
            }
        }
        Some(place)
    }

    /// Displaces the oldest pending connection of an address that has its share of them.
    fn limit_address(&mut self, address: ClientAddress, shares: &Shares) -> bool {
        let ids = self.pending_of_address.get(&address);
        let oldest = ids.filter(|ids| ids.len() >= shares.pending_of_address);
        let oldest = oldest.and_then(BTreeSet::first).copied();
        oldest.is_some_and(|id| self.displace(id))
    }

    fn displace_oldest(&mut self) -> bool {
        let oldest = self.pending.keys().next().copied();
        oldest.is_some_and(|id| self.displace(id))
    }

    fn displace(&mut self, id: u64) -> bool {
        let Some(place) = self.remove_pending(id) else {
            return false;
        };
        self.open -= 1;
        self.closing += 1;
        place.is_displaced.store(true, Ordering::Release);
        place.waker.wake();
        true
    }
}

impl Place {
    /// Keeps the connection for a principal with a scope, unless the principal has its share of connections.
    pub(super) fn keep_for(&self, principal: &Principal) {
        if self.kept.get().is_some() || principal.scopes.is_empty() {
            return;
        }
        let mut state = self.places.state();
        if let Some(kept) = self.places.0.keep(principal)
            && state.remove_pending(self.id).is_some()
        {
            // It is not pending any more, so that this happens once.
            let _ = self.kept.set(kept);
        }
    }

    /// Counts the connection for the client that has upgraded it through a trusted proxy: it serves no other.
    pub(super) fn upgrade(&self, client: ClientAddress) {
        if self.address.get().is_some() {
            return;
        }
        let mut state = self.places.state();
        if let Some(place) = state.remove_pending(self.id) {
            let shares = &self.places.0.shares;
            if state.open >= shares.scarce {
                state.limit_address(client, shares);
            }
            let _ = place.address.set(client);
            state.add_pending(place);
        }
    }

    /// Fails once the connection is displaced; the task is woken then.
    pub(crate) fn check(&self, cx: &Context<'_>) -> io::Result<()> {
        if self.kept.get().is_some() {
            return Ok(());
        }
        self.waker.register(cx.waker());
        if self.is_displaced.load(Ordering::Acquire) {
            let message = "displaced by a new connection";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, message));
        }
        Ok(())
    }

    fn release(&self) {
        let mut state = self.places.state();
        state.remove_pending(self.id);
        if self.is_displaced.load(Ordering::Acquire) {
            state.closing -= 1;
        } else {
            state.open -= 1;
        }
    }
}

impl TakenPlace {
    pub(crate) fn place(&self) -> &Arc<Place> {
        &self.0
    }
}

impl Drop for TakenPlace {
    fn drop(&mut self) {
        self.0.release();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::task::noop_waker_ref;

    use super::*;
    use crate::auth::Scopes;

    const SCOPED: fn() -> Scopes = Scopes::all;

    fn take(places: &Places, address: &str) -> Option<TakenPlace> {
        let admitted = places.take(address.parse().unwrap(), false);
        admitted.map(|admitted| admitted.place)
    }

    fn is_displaced(place: &TakenPlace) -> bool {
        let cx = Context::from_waker(noop_waker_ref());
        place.place().check(&cx).is_err()
    }

    fn anonymous(address: &str) -> Principal {
        Principal::anonymous(SCOPED(), &address)
    }

    fn key(id: &str) -> Principal {
        let mut principal = anonymous(id);
        principal.kind = PrincipalKind::ApiKey;
        principal
    }

    #[test]
    fn new_connections_displace_the_oldest_pending_one() {
        let places = Places::new(3);
        let [first, second, third] = [0; 3].map(|_| take(&places, "::1").unwrap());
        first.place().keep_for(&key("a"));
        second
            .place()
            .keep_for(&Principal::anonymous(Scopes::default(), &"::1"));
        let fourth = take(&places, "2001:db8::1").unwrap();
        assert!(!is_displaced(&first) && is_displaced(&second) && !is_displaced(&third));
        // A connection that was displaced is not kept any more, whoever uses it.
        second.place().keep_for(&key("b"));
        assert!(is_displaced(&second));
        fourth.place().keep_for(&key("c"));
        third.place().keep_for(&key("d"));
        assert!(take(&places, "::1").is_none());
        drop(third);
        assert!(take(&places, "::1").is_some());
        drop((first, second, fourth));
        let state = places.state();
        assert_eq!((state.open, state.closing), (0, 0));
        assert!(state.pending.is_empty() && state.pending_of_address.is_empty());
    }

    #[test]
    fn an_address_does_not_fill_all_places() {
        let places = Places::new(100);
        let idle: Vec<_> = (0..1000)
            .map(|_| take(&places, "192.0.2.1").unwrap())
            .collect();
        let open = idle.iter().filter(|place| !is_displaced(place)).count();
        assert_eq!(open, 50);
        // Proxies are exempt, until a connection is upgraded for one of their clients.
        let proxied = |_| {
            places
                .take("192.0.2.2".parse().unwrap(), true)
                .unwrap()
                .place
        };
        let proxied: Vec<_> = (0..50).map(proxied).collect();
        assert!(!proxied.iter().any(is_displaced));
        for place in &proxied {
            place
                .place()
                .upgrade("192.0.2.3".parse::<IpAddr>().unwrap().into());
        }
        let open = proxied.iter().filter(|place| !is_displaced(place)).count();
        assert_eq!(open, 10);
    }

    #[test]
    fn kept_connections_are_bounded_per_principal_and_for_the_unauthenticated() {
        let places = Places::new(100);
        let fill = |principal: &Principal, count: u32| -> Vec<_> {
            let place = (0..count).map(|_| take(&places, "192.0.2.1").unwrap());
            let place = place.inspect(|place| place.place().keep_for(principal));
            place.collect()
        };
        let is_kept = |place: &&TakenPlace| place.0.kept.get().is_some();
        let one = fill(&anonymous("a"), 60);
        assert_eq!(one.iter().filter(is_kept).count(), 50);
        let other = fill(&anonymous("b"), 40);
        assert_eq!(other.iter().filter(is_kept).count(), 25);
        let authenticated = fill(&key("c"), 25);
        assert_eq!(authenticated.iter().filter(is_kept).count(), 25);
        assert!(take(&places, "192.0.2.2").is_none());
    }
}
