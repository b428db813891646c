//! What the end-to-end tests and the demo are made of: a PKI, an upstream that answers with what it got, clients with
//! and without certificates, both doors in process ([`stack`]) or as real programs ([`program`]).

// A fixture that cannot be set up fails its test: it may panic, as tests may. The demo calls what returns errors.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::return_self_not_must_use
)]

pub mod acme_server;
pub mod answer;
pub mod client;
pub mod document;
pub mod doors;
pub mod echo;
pub mod exhibit;
pub mod explain;
pub mod issuer;
pub mod outside;
pub mod pki;
pub mod program;
pub mod provider;
pub mod responder;
pub mod servers;
pub mod stack;
pub mod template;
pub mod token;
pub mod told_provider;
