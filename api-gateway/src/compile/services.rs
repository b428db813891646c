//! Services: where requests go. TLS on the way there is made in `upstream_tls`.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use rustls::ClientConfig;
use transport::finding::Finding;
use transport::upstream::{Address, PoolLimits, Timeouts, Upstream, UpstreamTls};
use uuid::Uuid;

use super::Compilation;
use super::certificates::Certificates;
use super::trust::Authorities;
use super::upstream_tls::UpstreamTlsBuilder;
use crate::balancer::{Balancer, Target};
use crate::document::{self, Located, ServiceProtocol};
use crate::host;
use crate::snapshot::Service;

pub(super) fn compile(
    compilation: &Compilation<'_>,
    authorities: &Authorities<'_>,
    certificates: &Certificates,
) -> HashMap<Uuid, Arc<Service>> {
    let builder = Builder {
        compilation,
        tls: UpstreamTlsBuilder::new(compilation, authorities, certificates),
        upstreams: upstreams(compilation.document),
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

/// Upstreams by name, with their targets.
fn upstreams(document: &document::Document) -> HashMap<&str, Behind<'_>> {
    let mut targets: HashMap<Uuid, Vec<&document::Target>> = HashMap::new();
    for target in &document.targets {
        targets.entry(target.upstream).or_default().push(target);
    }
    let mut behind = |upstream: &document::Upstream| targets.remove(&upstream.id).unwrap_or_default();
    let upstreams = document.upstreams.iter();
    upstreams
        .map(|upstream| {
            (
                upstream.name.as_str(),
                Behind {
                    upstream,
                    targets: behind(upstream),
                },
            )
        })
        .collect()
}

/// What is behind a name.
struct Behind<'d> {
    upstream: &'d document::Upstream,
    targets: Vec<&'d document::Target>,
}

/// Where one server of a service is.
struct Destination<'d> {
    host: &'d Located<String>,
    port: u16,
    weight: u16,
}

/// What the servers of a service have in common.
struct Way<'d> {
    service: &'d document::Service,
    host_header: Option<&'d Located<String>>,
    config: Option<Arc<ClientConfig>>,
}

struct Builder<'c, 'a> {
    compilation: &'c Compilation<'a>,
    tls: UpstreamTlsBuilder<'c, 'a>,
    upstreams: HashMap<&'a str, Behind<'a>>,
}

impl Builder<'_, '_> {
    fn service(&self, service: &document::Service) -> Option<Service> {
        let behind = self.upstreams.get(service.host.value.as_str());
        let upstream = behind.map(|behind| behind.upstream);
        let is_tls = match service.protocol.value {
            ServiceProtocol::Http => false,
            ServiceProtocol::Https => true,
        };
        self.check_names(service);
        let way = Way {
            service,
            host_header: upstream.and_then(|upstream| upstream.host_header.as_ref()),
            config: if is_tls {
                Some(self.tls.config(service, upstream)?)
            } else {
                None
            },
        };
        let destinations = match behind {
            Some(behind) => self.targets(service, behind),
            None => vec![Destination {
                host: &service.host,
                port: service.port,
                weight: 1,
            }],
        };
        let targets: Option<Vec<_>> = destinations
            .iter()
            .map(|destination| Some((self.target(&way, destination)?, destination.weight)))
            .collect();
        Some(Service {
            name: service
                .name
                .clone()
                .unwrap_or_else(|| service.id.to_string())
                .into(),
            path: service.path.as_deref().map(Into::into),
            balancer: Balancer::new(targets?, service.retries, service.read_timeout),
            is_tls,
        })
    }

    fn targets<'d>(&self, service: &document::Service, behind: &Behind<'d>) -> Vec<Destination<'d>> {
        if behind.targets.iter().all(|target| target.weight == 0) {
            let message = format!(
                "upstream '{}' has no target that takes requests: every one is answered with 503",
                behind.upstream.name
            );
            let origin = self.compilation.at(service.host.place);
            self.compilation
                .report(Finding::warning("no-target", origin, "services.host", message));
        }
        let destination = |target: &&'d document::Target| Destination {
            host: &target.host,
            port: target.port,
            weight: target.weight,
        };
        behind.targets.iter().map(destination).collect()
    }

    /// One server, with a pool of its own: services never share connections, whatever they have in common.
    fn target(&self, way: &Way<'_>, destination: &Destination<'_>) -> Option<Target> {
        let service = way.service;
        let address = Address {
            host: unbracketed(&destination.host.value).into(),
            port: destination.port,
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
        let (host, place) = self.host(way, destination)?;
        let tls = match &way.config {
            Some(config) => {
                let server_name = host::server_name(&host);
                if server_name.is_none() {
                    self.error(place, "this host can be no name in a certificate");
                }
                Some(UpstreamTls {
                    config: Arc::clone(config),
                    server_name: server_name?,
                })
            }
            None => None,
        };
        Some(Target {
            upstream: Upstream::new(address, tls, timeouts, limits),
            host,
        })
    }

    /// `Host`: that of the upstream, else the server's own, with the port where it is not the scheme's (§3.4).
    fn host(&self, way: &Way<'_>, destination: &Destination<'_>) -> Option<(HeaderValue, document::Place)> {
        let (text, place) = match way.host_header {
            Some(host_header) => (host_header.value.clone(), host_header.place),
            None => {
                let host = &destination.host.value;
                let default_port = if way.config.is_some() { 443 } else { 80 };
                let bracketed = if host.contains(':') && !host.starts_with('[') {
                    format!("[{host}]")
                } else {
                    host.clone()
                };
                let text = if destination.port == default_port {
                    bracketed
                } else {
                    format!("{bracketed}:{}", destination.port)
                };
                (text, destination.host.place)
            }
        };
        let value = HeaderValue::try_from(text)
            .map_err(|_| self.error(place, "this host cannot be sent in a header"))
            .ok()?;
        Some((value, place))
    }

    /// `tls_sans` where no name is looked at.
    fn check_names(&self, service: &document::Service) {
        let names = service.tls_sans.dnsnames.first();
        let Some(name) = names.or(service.tls_sans.uris.first()) else {
            return;
        };
        let why = match (service.protocol.value, service.tls_verify) {
            (ServiceProtocol::Http, _) => "http has no certificates",
            (ServiceProtocol::Https, Some(verify)) if !verify.value => "tls_verify: false accepts every name",
            (ServiceProtocol::Https, _) => return,
        };
        let message = format!("tls_sans does nothing: {why}");
        let origin = self.compilation.at(name.place);
        self.compilation.report(Finding::warning(
            "no-effect",
            origin,
            "services.tls_sans",
            message,
        ));
    }

    fn error(&self, place: document::Place, message: &str) {
        self.compilation.error_at(place, "services.host", message);
    }
}

fn unbracketed(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}
