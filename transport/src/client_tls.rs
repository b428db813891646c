//! TLS towards upstreams: the identity we show and the trust we ask for.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use crate::certificate::Certificate;

/// A client configuration: shows `identity`, if there is one, to a server that `verifier` accepts.
///
/// Nothing is resumed: a resumed session would not look at the server's certificate again, and connections are pooled
/// anyhow.
pub fn client_config(
    identity: Option<Arc<CertifiedKey>>,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<Arc<ClientConfig>, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match identity {
        Some(key) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(key))),
        None => builder.with_no_client_auth(),
    };
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The authorities that this machine trusts. A platform's bundle may hold certificates that are no longer CAs by our rules;
/// those vouch for nobody.
pub fn platform_authorities() -> Vec<CertificateDer<'static>> {
    let mut roots = rustls_native_certs::load_native_certs().certs;
    roots.retain(|root| Certificate::parse(root.clone()).is_ok_and(|root| root.is_ca()));
    roots
}
