//! The outer door: terminates TLS as an AWS ALB does and originates it again, with mutual TLS, to the gateway.
//!
//! ```text
//! client ──TLS──▶ door ─▶ connection ─▶ forward: admission ─▶ strip ─▶ stamp ─▶ targets ──mTLS──▶ gateway
//! ```
//!
//! | step | module |
//! |---|---|
//! | what may be written in the node file, and what `check` can say of it | [`settings`], [`rules`] |
//! | files read, TLS built, every problem told | [`mod@compile`], `plan` |
//! | bind, run, stop, reload | [`edge`], `door`, `admin`, `metrics` |
//! | a connection: handshake, certificate, end | `connection`, `client_certificate`, `standing`, `connection_log`, `negotiation`, `handshake_failure` |
//! | a request | `forward`, `admission`, `owned_headers`, `host`, `forwarded_for`, `trace_id`, `targets`, `rejection`, `access_log` |
//! | bytes passed through | `tcp` |
//!
//! What keeps a client from speaking for somebody else: header lines about certificates are made from the connection
//! alone ([`mod@compile`] decides how), and whatever a client sends under such a name, in any spelling, on any listener, is
//! removed before they are written.

pub mod compile;
pub mod edge;
pub mod rules;
pub mod settings;

mod access_log;
mod admin;
mod admission;
mod client_certificate;
mod connection;
mod connection_log;
mod door;
mod forward;
mod forwarded_for;
mod handshake_failure;
mod host;
mod metrics;
mod negotiation;
mod owned_headers;
mod plan;
mod rejection;
mod standing;
mod targets;
mod tcp;
mod trace_id;

pub use compile::compile;
pub use edge::Edge;
pub use plan::Plan;
