//! Pieces of the gateway's document, for tests that write theirs themselves.

/// The clients' authorities, for documents that a test writes itself.
pub const AUTHORITIES: &str = r#"
ca_certificates:
  - id: c1a00000-0000-4000-8000-000000000001
    cert: "@ca/clients-root.pem"
  - id: c1a00000-0000-4000-8000-000000000002
    cert: "@ca/clients-intermediate.pem"
"#;

/// Their ids.
const TRUSTED: &str =
    "ca_certificates: [c1a00000-0000-4000-8000-000000000001, c1a00000-0000-4000-8000-000000000002]";

/// A `header-cert-auth` with more config.
pub fn by_header(more: &str) -> String {
    format!(
        "{{name: header-cert-auth, config: {{{TRUSTED}, certificate_header_name: X-Amzn-Mtls-Clientcert, \
         certificate_header_format: url_encoded{more}}}}}"
    )
}

/// An `mtls-auth` with more config.
pub fn by_socket(more: &str) -> String {
    format!("{{name: mtls-auth, config: {{{TRUSTED}{more}}}}}")
}
