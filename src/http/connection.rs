//! The connection that a request comes through.

use std::{net::SocketAddr, sync::Arc};

use axum::http::Request;
use tracing::{Span, error_span};

use super::{
    client_address::{ClientAddress, client_address},
    limits::HttpLimits,
    places::Place,
};

/// An open connection.
#[derive(Clone, Debug)]
pub(crate) struct ClientConnection {
    peer: SocketAddr,
    place: Arc<Place>,
    limits: Arc<HttpLimits>,
}

/// The client that sent a request, which the request carries as an extension.
#[derive(Clone, Debug)]
pub(super) struct Client {
    /// Its address, which differs from that of the connection behind a trusted proxy.
    pub(super) address: ClientAddress,
    /// The place of its connection.
    pub(super) place: Arc<Place>,
}

impl ClientConnection {
    pub(crate) fn new(peer: SocketAddr, place: Arc<Place>, limits: Arc<HttpLimits>) -> Self {
        Self {
            peer,
            place,
            limits,
        }
    }

    /// Attaches the client to a request. Returns the span of the request if a proxy has forwarded it, so that the log
    /// names the client too.
    pub(crate) fn identify<B>(&self, request: &mut Request<B>) -> Option<Span> {
        let peer = self.peer.ip();
        let address = client_address(peer, request.headers(), &self.limits.trusted_proxies);
        request.extensions_mut().insert(Client {
            address: address.into(),
            place: Arc::clone(&self.place),
        });
        // At the level `error`, so that the span is enabled whatever is logged.
        (address != peer).then(|| error_span!("request", peer = %self.peer, client = %address))
    }
}
