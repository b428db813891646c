//! Both doors over real sockets with real clients. Each file holds one promise.

// All of it is test code, functions that only tests call included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

/// An array whose rows stay on their lines, however long they are.
macro_rules! table {
    ($($row:expr;)*) => {
        [$($row),*]
    };
}

mod alb_headers;
mod bad_input;
mod behind_an_alb;
mod carried_headers;
mod certificate_auth_fields;
mod certificate_header_fields;
mod certificate_names;
mod certificate_plugin_checks;
mod certificate_requests;
mod consumer_matching;
mod curl_and_openssl;
mod directory_names;
mod documentation;
mod double_acl;
mod drain;
mod handshakes;
mod hop_trust;
mod hostile_certificates;
mod kong_answers;
mod kong_headers;
mod load;
mod names_to_consumers;
mod own_authorities;
mod pair;
mod plugin_order;
mod plugin_scopes;
mod possession;
mod recovery;
mod resumption;
mod revocation;
mod scanners;
mod server_names;
mod shown_certificates;
mod stapling;
mod streams;
mod tls_parameters;
mod traffic_plugins;
mod two_certificates;
mod unprovable_certificates;
mod upstream_tls;
mod without_a_consumer;
