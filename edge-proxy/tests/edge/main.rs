//! The edge in process, over real sockets: a client before it, a target behind it, a PKI of its own.

#![allow(clippy::unwrap_used)] // helpers of tests, outside of #[test] functions

mod client;
mod stack;
mod target;

mod certificates;
mod check;
mod headers;
mod life;
mod logs;
mod targets;
