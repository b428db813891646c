//! Services: where requests go, as whom we appear there, and whom we believe to be there.

use std::cell::{OnceCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::sign::CertifiedKey;
use transport::client_tls::client_config;
use transport::finding::Finding;
use transport::pem;
use transport::revocation::crl::RevocationLists;
use transport::server_verifier::{accept_any_server, verify_server};
use transport::upstream::{Address, PoolLimits, Timeouts, Upstream, UpstreamTls};
use transport::verify::{Expiry, KeyPolicy, PartialChain, Policy, Purpose, Revocation, TrustStore};
use uuid::Uuid;

use super::Compilation;
use super::trust::{self, Authorities};
use crate::document::{self, ServiceProtocol};
use crate::settings::TrustedCertificates;
use crate::snapshot::Service;

pub(super) fn compile(
    compilation: &Compilation<'_>,
    authorities: &Authorities<'_>,
) -> HashMap<Uuid, Arc<Service>> {
    let builder = Builder {
        compilation,
        authorities,
        node_identity: node_identity(compilation),
        node_trust: OnceCell::new(),
        stores: RefCell::default(),
    };
    let services = compilation
        .document
        .services
        .iter()
        .filter(|service| service.enabled);
    services
        .filter_map(|service| Some((service.id, Arc::new(builder.service(service)?))))
        .collect()
}

/// `client_ssl`: shown to every https upstream whose service has no certificate of its own.
fn node_identity(compilation: &Compilation<'_>) -> Option<Arc<CertifiedKey>> {
    let files = compilation.settings().client_ssl.as_ref()?;
    let read = || {
        let chain = pem::certificates(&files.certificate)?;
        let key = pem::private_key(&files.private_key)?;
        pem::certified_key(chain, key, &files.certificate.display().to_string())
    };
    read()
        .map_err(|error| compilation.node_error("unreadable-file", "client_ssl_cert", error.to_string()))
        .ok()
}

struct Builder<'c, 'a> {
    compilation: &'c Compilation<'a>,
    authorities: &'c Authorities<'a>,
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

impl Builder<'_, '_> {
    fn service(&self, service: &document::Service) -> Option<Service> {
        let is_tls = match service.protocol.value {
            ServiceProtocol::Http => false,
            ServiceProtocol::Https => true,
        };
        let tls = if is_tls { Some(self.tls(service)?) } else { None };
        let host = service.host.value.trim_start_matches('[').trim_end_matches(']');
        let address = Address {
            host: host.into(),
            port: service.port,
        };
        let timeouts = Timeouts {
            connect: service.connect_timeout,
            write: service.write_timeout,
            read: service.read_timeout,
        };
        let settings = self.compilation.settings();
        let limits = PoolLimits {
            size: settings.upstream_keepalive_pool_size,
            requests: u32::try_from(settings.upstream_keepalive_max_requests).unwrap_or(u32::MAX),
            idle: settings.upstream_keepalive_idle_timeout.unwrap_or(Duration::MAX),
        };
        Some(Service {
            name: service
                .name
                .clone()
                .unwrap_or_else(|| service.id.to_string())
                .into(),
            path: service.path.as_deref().map(Into::into),
            host_header: self.host_header(service, is_tls)?,
            upstream: Upstream::new(address, tls, timeouts, u32::from(service.retries), limits),
            is_tls,
        })
    }

    fn host_header(&self, service: &document::Service, is_tls: bool) -> Option<HeaderValue> {
        let host = &service.host.value;
        let default_port = if is_tls { 443 } else { 80 };
        let bracketed = if host.contains(':') && !host.starts_with('[') {
            format!("[{host}]")
        } else {
            host.clone()
        };
        let text = if service.port == default_port {
            bracketed
        } else {
            format!("{bracketed}:{}", service.port)
        };
        HeaderValue::try_from(text)
            .map_err(|_| {
                self.error(
                    service.host.place,
                    "services.host",
                    "this host cannot be sent in a header",
                );
            })
            .ok()
    }

    fn tls(&self, service: &document::Service) -> Option<UpstreamTls> {
        let further_names = service
            .tls_sans
            .dnsnames
            .first()
            .or(service.tls_sans.uris.first());
        if let Some(name) = further_names {
            let message = "tls_sans is not built yet: only the name that is connected to is accepted in the upstream's certificate";
            let origin = self.compilation.at(name.place);
            self.compilation
                .report(Finding::error("not-yet", origin, "services.tls_sans", message));
        }
        let identity = match &service.client_certificate {
            Some(id) => {
                let entity = self
                    .compilation
                    .document
                    .certificates
                    .iter()
                    .find(|entity| entity.id == id.value);
                if entity.is_none() {
                    let message = format!(
                        "invalid reference 'client_certificate: {}' (no such entry in 'certificates')",
                        id.value
                    );
                    self.error(id.place, "services.client_certificate", &message);
                }
                Some(Arc::clone(&entity?.pair.certified))
            }
            None => self.node_identity.clone(),
        };
        let verified = service
            .tls_verify
            .map_or(self.compilation.settings().tls_certificate_verify, |verify| {
                verify.value
            });
        let verifier = if verified {
            verify_server(self.trust(service)?)
        } else {
            if let Some(place) = service
                .tls_verify
                .filter(|verify| !verify.value)
                .map(|verify| verify.place)
            {
                let message = "tls_verify: false: whoever answers at this address gets the requests, with their consumers' headers";
                let origin = self.compilation.at(place);
                self.compilation.report(Finding::warning(
                    "unverified-upstream",
                    origin,
                    "services.tls_verify",
                    message,
                ));
            }
            accept_any_server()
        };
        let config = client_config(identity, verifier)
            .map_err(|error| self.error(service.protocol.place, "services", &error.to_string()))
            .ok()?;
        let host = service
            .host
            .value
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let server_name = ServerName::try_from(host)
            .map_err(|_| {
                self.error(
                    service.host.place,
                    "services.host",
                    "this host can be no name in a certificate",
                );
            })
            .ok()?;
        Some(UpstreamTls { config, server_name })
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
        self.compilation.report(Finding::error(
            "bad-value",
            self.compilation.at(place),
            path,
            message,
        ));
    }
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
                // A platform's bundle may hold certificates that are no longer CAs by our rules; those vouch for nobody.
                let roots = rustls_native_certs::load_native_certs().certs;
                anchors.extend(roots.into_iter().filter(|root| {
                    transport::certificate::Certificate::parse(root.clone()).is_ok_and(|root| root.is_ca())
                }));
            }
        }
    }
    if anchors.is_empty() {
        let message = "an https service is verified by the platform's roots, and this machine has none";
        compilation.report(
            Finding::error("trust-store", compilation.node.origin(key), key, message).with_fix(
                "install ca-certificates, or name a PEM file, or set ca_certificates on the service",
            ),
        );
        return None;
    }
    Some(anchors)
}
