//! The value of a `Host` header, and the name in it.

use http::HeaderValue;
use rustls::pki_types::ServerName;

/// A host without its port; an IPv6 address keeps its brackets.
pub(crate) fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.ends_with(':') => name,
        Some(_) | None => host,
    }
}

/// The name that an https upstream has to have a certificate for: that of the `Host` that is sent to it. An address goes
/// without SNI.
pub(crate) fn server_name(host: &HeaderValue) -> Option<ServerName<'static>> {
    let name = without_port(host.to_str().ok()?);
    ServerName::try_from(name.trim_start_matches('[').trim_end_matches(']').to_owned()).ok()
}
