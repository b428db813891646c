//! TLS towards upstreams: as whom a service appears there, and whom it believes to be there.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use transport::client_tls::{client_config, platform_authorities};
use transport::finding::Finding;
use transport::pem;
use transport::revocation::crl::RevocationLists;
use transport::server_verifier::{FurtherNames, accept_any_server, verify_server_or};
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation, TrustStore};
use uuid::Uuid;

use super::Compilation;
use super::certificates::{self, Certificates};
use super::trust::{self, Authorities};
use crate::document;
use crate::settings::TrustedCertificates;

/// Makes the configurations of services that speak https.
pub(super) struct UpstreamTlsBuilder<'c, 'a> {
    compilation: &'c Compilation<'a>,
    authorities: &'c Authorities<'a>,
    certificates: &'c Certificates,
    node_identity: Option<Arc<CertifiedKey>>,
    /// Read when the first service rests on it: no platform roots is an error only then.
    node_trust: OnceCell<Option<Vec<CertificateDer<'static>>>>,
    /// Made so far. Most services trust the same, and a platform's bundle takes milliseconds to read.
    stores: RefCell<HashMap<Trusted, Arc<TrustStore>>>,
}

/// What tells one trust store from another.
#[derive(PartialEq, Eq, Hash)]
struct Trusted {
    /// `None`: what the node trusts.
    authorities: Option<Vec<Uuid>>,
    depth: usize,
}

impl<'c, 'a> UpstreamTlsBuilder<'c, 'a> {
    pub(super) fn new(
        compilation: &'c Compilation<'a>,
        authorities: &'c Authorities<'a>,
        certificates: &'c Certificates,
    ) -> Self {
        Self {
            compilation,
            authorities,
            certificates,
            node_identity: node_identity(compilation),
            node_trust: OnceCell::new(),
            stores: RefCell::default(),
        }
    }

    /// Of one service, whose host may be the name of an upstream.
    pub(super) fn config(
        &self,
        service: &document::Service,
        upstream: Option<&document::Upstream>,
    ) -> Option<Arc<ClientConfig>> {
        let identity = match certificate_of(service, upstream) {
            Some((id, path)) => Some(self.certificate(id, path)?),
            None => self.node_identity.clone(),
        };
        let verifier = self.verifier(service)?;
        client_config(identity, verifier)
            .map_err(|error| self.error(service.protocol.place, "services", &error.to_string()))
            .ok()
    }

    /// Always `cert`: `cert_alt` is for clients.
    fn certificate(&self, id: document::Located<Uuid>, path: &str) -> Option<Arc<CertifiedKey>> {
        let mut entities = self.compilation.document.certificates.iter();
        if !entities.any(|entity| entity.id == id.value) {
            let message = format!(
                "invalid reference 'client_certificate: {}' (no such entry in 'certificates')",
                id.value
            );
            self.error(id.place, path, &message);
        }
        self.certificates.first_of(id.value).map(Arc::clone)
    }

    fn verifier(&self, service: &document::Service) -> Option<Arc<dyn ServerCertVerifier>> {
        let verified = service
            .tls_verify
            .map_or(self.compilation.settings().tls_certificate_verify, |verify| {
                verify.value
            });
        if verified {
            let further = self.further_names(service);
            return Some(verify_server_or(self.trust(service)?, further?));
        }
        if let Some(verify) = service.tls_verify {
            let message = "tls_verify: false: whoever answers at this address gets the requests, with their consumers' headers";
            let origin = self.compilation.at(verify.place);
            self.compilation.report(
                Finding::warning("unverified-upstream", origin, "services.tls_verify", message)
                    .with_fix("leave it out, and name the upstream's CA in ca_certificates of the service"),
            );
        }
        Some(accept_any_server())
    }

    /// `tls_sans`: names that the certificate may have instead of the `Host` that is sent.
    fn further_names(&self, service: &document::Service) -> Option<FurtherNames> {
        let mut further = FurtherNames::default();
        let mut complete = true;
        for name in &service.tls_sans.dnsnames {
            if further.add_dns(&name.value).is_err() {
                complete = false;
                let message = format!(
                    "'{}' is no DNS name; an address and a wildcard are none, either",
                    name.value
                );
                self.error(name.place, "services.tls_sans.dnsnames", &message);
            }
        }
        for uri in &service.tls_sans.uris {
            further.add_uri(&uri.value);
        }
        complete.then_some(further)
    }

    fn trust(&self, service: &document::Service) -> Option<Arc<TrustStore>> {
        const PATH: &str = "services.ca_certificates";
        let (_, node_depth) = self.compilation.settings().upstream_trust();
        let depth = service
            .tls_verify_depth
            .map_or(node_depth, |depth| usize::from(depth.value));
        let listed = service.ca_certificates.as_ref();
        let key = Trusted {
            authorities: listed.map(|ids| ids.iter().map(|id| id.value).collect()),
            depth,
        };
        if let Some(known) = self.stores.borrow().get(&key) {
            return Some(Arc::clone(known));
        }
        let (anchors, place) = match &service.ca_certificates {
            Some(ids) => {
                let named = self.authorities.named(self.compilation, PATH, ids);
                if named.len() != ids.len() {
                    return None;
                }
                (named, ids.first().map_or(service.place, |first| first.place))
            }
            None => (self.node_trust()?, service.protocol.place),
        };
        let policy = Policy {
            purpose: Purpose::Server,
            keys: KeyPolicy::Gateway,
            max_depth: depth + 1,
            partial_chain: PartialChain::Refused,
            expiry: Expiry::Enforced,
            revocation: Revocation::Skip,
        };
        let lists = RevocationLists::none();
        let store = Arc::new(trust::store(
            self.compilation,
            (self.compilation.at(place), PATH),
            anchors,
            policy,
            &lists,
        )?);
        self.stores.borrow_mut().insert(key, Arc::clone(&store));
        Some(store)
    }

    fn node_trust(&self) -> Option<Vec<CertificateDer<'static>>> {
        self.node_trust
            .get_or_init(|| read_node_trust(self.compilation))
            .clone()
    }

    fn error(&self, place: document::Place, path: &str, message: &str) {
        self.compilation.error_at(place, path, message);
    }
}

/// What is shown: the service's own certificate, else that of its upstream; `None`: the node's, if it has one.
fn certificate_of(
    service: &document::Service,
    upstream: Option<&document::Upstream>,
) -> Option<(document::Located<Uuid>, &'static str)> {
    let of_service = service
        .client_certificate
        .map(|id| (id, "services.client_certificate"));
    of_service.or_else(|| Some((upstream?.client_certificate?, "upstreams.client_certificate")))
}

/// `client_ssl`: shown to every https upstream whose service has no certificate of its own.
fn node_identity(compilation: &Compilation<'_>) -> Option<Arc<CertifiedKey>> {
    let files = compilation.settings().client_ssl.as_ref()?;
    certificates::of_node(compilation, files, ("client_ssl_cert", "client_ssl_cert_key"))
}

fn read_node_trust(compilation: &Compilation<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let (sources, _) = compilation.settings().upstream_trust();
    let key = if compilation
        .settings()
        .nginx_proxy_proxy_ssl_trusted_certificate
        .is_empty()
    {
        "lua_ssl_trusted_certificate"
    } else {
        "nginx_proxy_proxy_ssl_trusted_certificate"
    };
    trusted(compilation, (sources, key), "an https service")
}

/// The authorities that a key of the node names; `whose` server is verified by them.
pub(super) fn trusted(
    compilation: &Compilation<'_>,
    (sources, key): (&[TrustedCertificates], &'static str),
    whose: &str,
) -> Option<Vec<CertificateDer<'static>>> {
    let mut anchors = Vec::new();
    for source in sources {
        match source {
            TrustedCertificates::File(path) => match pem::certificates(path) {
                Ok(found) => anchors.extend(found),
                Err(error) => {
                    compilation.node_error("unreadable-file", key, error.to_string());
                    return None;
                }
            },
            TrustedCertificates::System => {
                anchors.extend(platform_authorities());
            }
        }
    }
    if anchors.is_empty() {
        let message = format!("{whose} is verified by the platform's roots, and this machine has none");
        compilation.report(
            Finding::error("trust-store", compilation.node.origin(key), key, message).with_fix(
                "install ca-certificates, or name a PEM file, or set ca_certificates on the service",
            ),
        );
        return None;
    }
    Some(anchors)
}
