//! The edge in process, over real sockets: a client before it, a target behind it, a PKI of its own.

mod client;
mod stack;
mod target;

mod certificates;
mod headers;
mod life;
mod logs;
mod targets;
