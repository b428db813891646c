//! The inner door: a certificate becomes a consumer, ACLs judge it, and the request goes to its upstream by mTLS.
//!
//! | part | modules |
//! |---|---|
//! | as written | [`settings`] (the node), [`document`] (Kong's entities) |
//! | from there to what runs | [`load`], [`compile`], [`snapshot`] |
//! | one request | [`gateway`] accepts, [`proxy`] looks, [`router`] matches, [`plugin`] judges, [`rejection`] refuses, [`balancer`] sends |
//! | who it is | [`identity`] (of a connection, of a certificate), [`credential`] (of keys and passwords), [`token`], [`consumer`], [`exchange`], [`form`] |
//! | for operators | [`status`], [`rules`], [`explain`] by way of [`onlooker`] |

pub mod acme;
pub mod balancer;
pub mod compile;
pub mod consumer;
pub mod credential;
pub mod document;
pub mod error_body;
pub mod exchange;
pub mod explain;
pub mod form;
pub mod gateway;
pub mod handshake;
mod host;
pub mod identity;
pub mod load;
pub mod networks;
pub mod onlooker;
pub mod plan;
pub mod plugin;
pub mod proxy;
pub mod query;
pub mod rejection;
pub mod router;
pub mod rules;
pub mod secret;
mod self_signed;
pub mod settings;
pub mod snapshot;
pub mod status;
pub mod token;
