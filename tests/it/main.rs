//! Both doors over real sockets with real clients. Each file holds one promise.

// All of it is test code, functions that only tests call included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod acl;
mod acl_scopes;
mod alb_headers;
mod answer_forms;
mod asked_for_a_certificate;
mod attacks;
mod bad_input;
mod carried_headers;
mod certificate_hints;
mod curl_and_openssl;
mod double_acl;
mod double_acl_combinations;
mod drain;
mod forwarded_headers;
mod handshakes;
mod hop_trust;
mod http2_attacks;
mod kong_answers;
mod kong_headers;
mod load;
mod misdirected;
mod other_doors;
mod pair;
mod possession;
mod recovery;
mod revocation;
mod route_priority;
mod routed_answers;
mod routed_paths;
mod routing;
mod smuggling;
mod streams;
mod upstream_tls;
