//! Both doors over real sockets with real clients. Each file holds one promise.

// All of it is test code, functions that only tests call included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod alb_headers;
mod bad_input;
mod behind_an_alb;
mod carried_headers;
mod consumer_matching;
mod curl_and_openssl;
mod directory_names;
mod documentation;
mod double_acl;
mod drain;
mod handshakes;
mod hop_trust;
mod kong_answers;
mod kong_headers;
mod load;
mod pair;
mod plugin_order;
mod plugin_scopes;
mod possession;
mod recovery;
mod revocation;
mod streams;
mod traffic_plugins;
mod two_gateways;
mod upstream_identity;
mod upstream_pools;
mod upstream_targets;
mod upstream_tls;
mod upstream_trust;
