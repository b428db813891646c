//! What the end-to-end tests and the demo are made of: a PKI, an upstream that answers with what it got, clients with
//! and without certificates, both doors in process ([`stack`]) or as real programs ([`program`]).

pub mod answer;
pub mod client;
pub mod echo;
pub mod pki;
pub mod program;
pub mod stack;
pub mod template;
