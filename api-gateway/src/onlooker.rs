//! Somebody who looks on while a request is decided, and changes nothing. Traffic has nobody: what is told to [`Nobody`]
//! compiles to nothing. `explain` writes down what it sees, so that what it says is what the request path did.

use std::net::IpAddr;

use crate::exchange::Exchange;
use crate::identity::Carrier;
use crate::plugin::{Configured, Slot};
use crate::rejection::Rejection;
use crate::router::{RequestFacts, Router};

/// Is told each step as it is taken. Every method may be left out.
pub trait Onlooker {
    /// The request was let in: the standing of its peer, and the client's address.
    fn entered(&mut self, _carrier: &Carrier, _client: Option<IpAddr>) {}

    /// A route is looked for.
    fn routing(&mut self, _router: &Router, _facts: &RequestFacts<'_>) {}

    /// It is a plugin's turn. `None`: it has no configuration for whoever calls.
    fn turn(&mut self, _slot: &Slot, _chosen: Option<&Configured>, _exchange: &Exchange<'_>) {}

    /// The plugin has had its say.
    fn said(
        &mut self,
        _slot: &Slot,
        _chosen: &Configured,
        _exchange: &Exchange<'_>,
        _verdict: &Result<(), Rejection>,
    ) {
    }
}

/// No onlooker.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Onlooker for Nobody {}
