//! Both doors over real sockets with real clients. Each file holds one promise.

// All of it is test code, functions that only tests call included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod hop_trust;
