//! From settings to a plan: files are read, TLS is built, and every problem is a finding at the key that names the
//! file. Nothing is skipped: with one error there is no plan.
//!
//! | code | says |
//! |---|---|
//! | `certificate-unusable` | a certificate or a key cannot be read, or they are no pair |
//! | `certificate-expired` (warning) | a certificate that we show or trust is past its `notAfter`, or before its `notBefore` |
//! | `expires-soon` (warning) | one of them, or a list, has less than 30 days left |
//! | `certificate-nameless` | an additional certificate has no DNS name that SNI could pick it by |
//! | `stapling-file-unusable` | an OCSP response cannot be read |
//! | `not-stapled` (warning) | an OCSP response is stale, wrong, or about no certificate that is shown |
//! | `trust-store-unusable` | a trust store cannot be read, holds no authority, or one that is none |
//! | `name-constraints` (warning) | an authority has name constraints that refuse whoever has such a name |
//! | `revocation-list-unusable` | a list cannot be read, or is not of an authority of the trust store |
//! | `revocation-list-stale` (warning) | a list is past its `nextUpdate`: whom it covers is refused |
//! | `server-name-unusable` | `server_name` is neither a DNS name nor an address |
//! | `tls-unusable` | rustls refuses the configuration |

mod listener_tls;
mod target_group;
mod trust;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::sign::CertifiedKey;
use transport::certificate::Certificate;
use transport::expiry::{Batch, Role};
use transport::finding::Finding;
use transport::layers::Loaded;
use transport::lines::Destination;
use transport::pem;
use transport::serve::ConnectionLimits;

use self::target_group::Group;
use crate::owned_headers::StripList;
use crate::plan::{HttpService, Listener, Plan, Scheme, Service, Stop, TcpService};
use crate::settings::{self, CertificateFiles, ListenerProtocol, LogTarget, Settings};
use crate::targets::Turn;

/// Makes a plan. The findings may hold warnings beside it; without a plan they hold an error.
pub fn compile(loaded: &Loaded<Settings>) -> (Option<Plan>, Vec<Finding>) {
    let mut compiler = Compiler {
        loaded,
        now: UnixTime::now(),
        findings: Vec::new(),
    };
    let plan = compiler.plan();
    (plan, compiler.findings)
}

/// Collects findings on the way. What cannot be built is None, and a finding says why.
struct Compiler<'a> {
    loaded: &'a Loaded<Settings>,
    now: UnixTime,
    findings: Vec<Finding>,
}

impl Compiler<'_> {
    fn plan(&mut self) -> Option<Plan> {
        let Settings {
            drain_timeout,
            shutdown_delay,
            listeners,
            target_groups,
            admin,
        } = &self.loaded.settings;
        let groups: BTreeMap<&str, Option<Group>> = target_groups
            .iter()
            .map(|(name, group)| (name.as_str(), self.group(name, group)))
            .collect();
        let listeners: Vec<Option<Listener>> = listeners
            .iter()
            .map(|(name, listener)| {
                let group = groups
                    .get(listener.target_group.as_str())
                    .and_then(Option::as_ref);
                self.listener(name, listener, group)
            })
            .collect();
        Some(Plan {
            listeners: listeners.into_iter().collect::<Option<_>>()?,
            admin: admin.address,
            connection_log: destination(&admin.connection_log),
            access_log: destination(&admin.access_log),
            stop: Stop {
                delay: *shutdown_delay,
                drain: *drain_timeout,
            },
        })
    }

    fn listener(
        &mut self,
        name: &str,
        listener: &settings::Listener,
        group: Option<&Group>,
    ) -> Option<Listener> {
        let settings::Listener {
            address,
            protocol,
            target_group: _,
            strip_headers,
            attributes,
        } = listener;
        let scheme = match protocol {
            ListenerProtocol::Https {
                tls,
                mutual_authentication,
            } => Some(self.listener_tls(name, tls, mutual_authentication)?),
            ListenerProtocol::Http => Some(Scheme::Http),
            ListenerProtocol::Tcp => None,
        };
        let service = match (scheme, group?) {
            (Some(scheme), group) => Service::Http(Box::new(HttpService {
                scheme,
                limits: ConnectionLimits {
                    idle: attributes.idle_timeout,
                    lifetime: attributes.client_keep_alive,
                },
                attributes: *attributes,
                strip: StripList::new(strip_headers),
                targets: group.targets(attributes.idle_timeout),
            })),
            (None, group) => Service::Tcp(TcpService {
                targets: group.addresses(),
                turn: Turn::default(),
                preface: group.preface(),
            }),
        };
        Some(Listener {
            name: name.into(),
            address: *address,
            service,
        })
    }

    /// Reads a certificate and its key; `path` is the table that has both keys.
    fn certified_key(&mut self, path: &str, files: &CertificateFiles) -> Option<Arc<CertifiedKey>> {
        let CertificateFiles {
            certificate,
            private_key,
        } = files;
        let (certificate_at, key_at) = (format!("{path}.certificate"), format!("{path}.private_key"));
        let chain = pem::certificates(certificate)
            .map_err(|error| self.error("certificate-unusable", &certificate_at, error.to_string()));
        let key = pem::private_key(private_key)
            .map_err(|error| self.error("certificate-unusable", &key_at, error.to_string()));
        let (chain, key) = (chain.ok()?, key.ok()?);
        self.judge_dates(&certificate_at, certificate, (Role::Shown, &chain));
        pem::certified_key(chain, key, &certificate.display().to_string())
            .map_err(|error| self.error("certificate-unusable", &key_at, error.to_string()))
            .ok()
    }

    /// Warns of certificates whose time is over, or soon will be.
    fn judge_dates(&mut self, path: &str, file: &Path, (role, chain): (Role, &[CertificateDer<'static>])) {
        let parsed: Vec<Certificate> = chain
            .iter()
            .filter_map(|der| Certificate::parse(der.clone()).ok())
            .collect();
        let batch = Batch {
            name: &file.display().to_string(),
            origin: self.loaded.origin(path),
            path,
            role,
        };
        self.findings.extend(batch.judge(&parsed, self.now));
    }

    fn error(&mut self, code: &'static str, path: &str, message: impl Into<String>) {
        let origin = self.loaded.origin(path);
        self.findings.push(Finding::error(code, origin, path, message));
    }

    fn warn(&mut self, code: &'static str, path: &str, message: impl Into<String>) {
        let origin = self.loaded.origin(path);
        self.findings.push(Finding::warning(code, origin, path, message));
    }
}

fn destination(target: &LogTarget) -> Destination {
    match target {
        LogTarget::Off => Destination::Off,
        LogTarget::Stdout => Destination::Stdout,
        LogTarget::File(path) => Destination::File(path.clone()),
    }
}
