//! Both doors over real sockets with real clients. Each file holds one promise.

// All of it is test code, functions that only tests call included.
#![allow(clippy::unwrap_used, clippy::expect_used)]

/// An array whose rows stay on their lines, however long they are.
macro_rules! table {
    ($($row:expr;)*) => {
        [$($row),*]
    };
}

mod acl;
mod acl_scopes;
mod acme;
mod alb_headers;
mod answer_forms;
mod asked_for_a_certificate;
mod attacks;
mod bad_input;
mod basic_auth;
mod bearer_tokens;
mod behind_an_alb;
mod carried_headers;
mod certificate_auth_fields;
mod certificate_header_fields;
mod certificate_hints;
mod certificate_names;
mod certificate_plugin_checks;
mod certificate_requests;
mod check_codes;
mod check_formats;
mod checks_page;
mod client_alerts;
mod consumer_matching;
mod curl_and_openssl;
mod directory_names;
mod doctor_command;
mod documentation;
mod double_acl;
mod double_acl_combinations;
mod drain;
mod expiry_checks;
mod explain_command;
mod explained;
mod explained_as_answered;
mod forwarded_headers;
mod handshake_failures;
mod handshakes;
mod hop_trust;
mod hostile_certificates;
mod http2_attacks;
mod jose_attacks;
mod jwt;
mod jwt_algorithms;
mod jwt_attacks;
mod jwt_places;
mod key_auth;
mod keys_elsewhere;
mod kong_answers;
mod kong_headers;
mod last_word;
mod load;
mod misdirected;
mod must_staple;
mod names_to_consumers;
mod oauth_provider;
mod other_doors;
mod own_authorities;
mod pair;
mod plan_command;
mod plugin_order;
mod plugin_scopes;
mod possession;
mod principals;
mod principals_checks;
mod recovery;
mod refusing_clients;
mod resumption;
mod revocation;
mod route_priority;
mod routed_answers;
mod routed_paths;
mod routing;
mod scanners;
mod server_names;
mod shown_certificates;
mod silent_addresses;
mod smuggling;
mod stapling;
mod stapling_fetched;
mod stapling_responders;
mod streams;
mod tls_parameters;
mod token_attacks;
mod token_binding;
mod token_claims;
mod token_keys;
mod token_memory;
mod token_streams;
mod traffic_plugins;
mod two_certificates;
mod two_gateways;
mod two_layers;
mod unprovable_certificates;
mod untold_credentials;
mod upstream_checks;
mod upstream_handshake_failures;
mod upstream_identity;
mod upstream_pools;
mod upstream_targets;
mod upstream_tls;
mod upstream_trust;
mod ways_in;
mod without_a_consumer;
