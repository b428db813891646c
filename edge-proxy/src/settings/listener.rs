//! Listeners: what belongs to which protocol, and to which mode of mutual authentication.

use std::collections::BTreeMap;
use std::time::Duration;

use http::HeaderName;
use transport::layers::{nearest, quoted};

use super::build::Build;
use super::policy::security_policy;
use super::raw::{self, Mode, Protocol};
use super::schema::{later_attributes, request_attributes};
use super::{
    Attributes, CertificateFiles, DesyncMitigationMode, HeaderFormat, Listener, ListenerProtocol,
    ListenerTls, MutualAuthentication, Verify,
};

/// The target groups by name, with their protocols as far as those could be read.
pub(super) type Groups = BTreeMap<String, Option<Protocol>>;

/// Header formats that are named in advance.
const LATER_FORMATS: &[&str] = &[
    "xfcc",
    "nginx",
    "traefik",
    "haproxy",
    "cloudflare",
    "gcp",
    "azure",
    "cloudfront",
];

impl Build<'_> {
    pub(super) fn listener(
        &mut self,
        name: &str,
        listener: raw::Listener,
        groups: &Groups,
    ) -> Option<Listener> {
        let raw::Listener {
            address,
            protocol,
            target_group,
            strip_headers,
            tls,
            mutual_authentication,
            attributes,
        } = listener;
        let path = format!("listeners.{name}");
        let address = address.and_then(|text| self.address(&format!("{path}.address"), &text));
        let target_group = self.target_group_of(&path, target_group, protocol, groups);
        let strip_headers = self.header_names(&format!("{path}.strip_headers"), &strip_headers);
        let attributes = self.attributes(&format!("{path}.attributes"), attributes);
        let protocol = match protocol? {
            Protocol::Https => self.https(&path, tls, mutual_authentication),
            Protocol::Http => {
                self.belongs_to_https(&path, Protocol::Http);
                Some(ListenerProtocol::Http)
            }
            Protocol::Tcp => {
                self.belongs_to_https(&path, Protocol::Tcp);
                self.needs_requests(&path);
                Some(ListenerProtocol::Tcp)
            }
        };
        Some(Listener {
            address: address?,
            protocol: protocol?,
            target_group: target_group?,
            strip_headers,
            attributes,
        })
    }

    fn target_group_of(
        &mut self,
        listener: &str,
        group: Option<String>,
        protocol: Option<Protocol>,
        groups: &Groups,
    ) -> Option<String> {
        let group = group?;
        let path = format!("{listener}.target_group");
        match groups.get(&group) {
            Some(theirs) => {
                let ours = protocol.map(|ours| (ours, *theirs));
                if let Some((ours, Some(theirs))) = ours
                    && (ours == Protocol::Tcp) != (theirs == Protocol::Tcp)
                {
                    let message = format!(
                        "`{path}`: the target group `{group}` speaks {} and this listener {}; tcp goes with tcp only",
                        theirs.word(),
                        ours.word()
                    );
                    self.error("conflict", &path, message);
                    return None;
                }
                Some(group)
            }
            // Where there are none at all, that is what is reported.
            None if groups.is_empty() => None,
            None => {
                let known = nearest(&group, groups.keys().map(String::as_str));
                let fix = known.map(|known| format!("did you mean `{known}`?"));
                let message = format!("`{path}`: there is no target group {}", quoted(&group));
                self.error_with_fix("unknown-reference", &path, message, fix);
                None
            }
        }
    }

    fn https(
        &mut self,
        path: &str,
        tls: Option<raw::ListenerTls>,
        mutual_authentication: raw::MutualAuthentication,
    ) -> Option<ListenerProtocol> {
        // Its defaults are there in any case.
        let tls = tls.filter(|tls| tls.shows_something() || self.is_written(&format!("{path}.tls")));
        if tls.is_none() {
            self.missing(
                &format!("{path}.tls"),
                "a listener that speaks https has a certificate",
            );
        }
        let tls = tls.and_then(|tls| self.listener_tls(&format!("{path}.tls"), tls));
        let mutual_authentication =
            self.mutual_authentication(&format!("{path}.mutual_authentication"), mutual_authentication);
        Some(ListenerProtocol::Https {
            tls: tls?,
            mutual_authentication: mutual_authentication?,
        })
    }

    fn listener_tls(&mut self, path: &str, tls: raw::ListenerTls) -> Option<ListenerTls> {
        let raw::ListenerTls {
            files,
            additional_certificates,
            stapling,
            stapling_files,
            security_policy: policy,
            acme,
        } = tls;
        self.certificate_is_there(path, &files, acme.is_some());
        let security_policy = security_policy(&policy)
            .map_err(|(message, fix)| {
                let path = format!("{path}.security_policy");
                self.error_with_fix("bad-value", &path, format!("`{path}`: {message}"), fix);
            })
            .ok();
        let additional_certificates = additional_certificates
            .into_iter()
            .map(both)
            .collect::<Option<_>>();
        let (has_acme, acme) = (
            acme.is_some(),
            acme.and_then(|acme| self.acme(&format!("{path}.acme"), acme)),
        );
        let certificate = both(files);
        if (has_acme && acme.is_none()) || (!has_acme && certificate.is_none()) {
            return None;
        }
        Some(ListenerTls {
            certificate,
            additional_certificates: additional_certificates?,
            stapling,
            stapling_files,
            security_policy: security_policy?,
            acme: acme.map(Box::new),
        })
    }

    /// A certificate is one with its key, and may be left out only where an ACME server issues others.
    fn certificate_is_there(&mut self, path: &str, files: &raw::CertificateFiles, has_acme: bool) {
        let raw::CertificateFiles {
            certificate,
            private_key,
        } = files;
        if has_acme && certificate.is_none() && private_key.is_none() {
            return;
        }
        for (key, is_there) in [
            ("certificate", certificate.is_some()),
            ("private_key", private_key.is_some()),
        ] {
            if !is_there {
                self.missing_from(path, key);
            }
        }
    }

    fn mutual_authentication(
        &mut self,
        path: &str,
        written: raw::MutualAuthentication,
    ) -> Option<MutualAuthentication> {
        let header_format = self.header_format(&format!("{path}.header_format"), &written.header_format);
        self.unread_keys(path, &written);
        let raw::MutualAuthentication {
            mode,
            trust_store,
            revocation_lists,
            ignore_client_certificate_expiry,
            advertise_trust_store_ca_names,
            max_chain_depth,
            header_format: _,
        } = written;
        match mode {
            Mode::Off => Some(MutualAuthentication::Off),
            Mode::Passthrough => Some(MutualAuthentication::Passthrough {
                header_format: header_format?,
            }),
            Mode::Verify => {
                if trust_store.is_none() {
                    self.missing(
                        &format!("{path}.trust_store"),
                        "mode verify needs the CAs that vouch for clients",
                    );
                }
                if ignore_client_certificate_expiry {
                    let path = format!("{path}.ignore_client_certificate_expiry");
                    let message = "clients with an expired certificate are accepted; their issuers' dates and every revocation list count all the same";
                    let fix = "leave it out as soon as the clients' certificates are renewed";
                    self.warning_with_fix("expiry-ignored", &path, message, fix);
                }
                Some(MutualAuthentication::Verify(Verify {
                    trust_store: trust_store?,
                    revocation_lists,
                    ignore_client_certificate_expiry,
                    advertise_trust_store_ca_names,
                    max_chain_depth,
                    header_format: header_format?,
                }))
            }
        }
    }

    /// Keys that only mode verify reads. Beside another mode they are named, because whoever wrote them may believe
    /// that clients are checked. A trust store beside `off` is one that waits for its day.
    fn unread_keys(&mut self, path: &str, written: &raw::MutualAuthentication) {
        let mode = match written.mode {
            Mode::Verify => return,
            Mode::Passthrough => "passthrough",
            Mode::Off => "off",
        };
        for (key, is_set) in [
            (
                "trust_store",
                written.trust_store.is_some() && written.mode == Mode::Passthrough,
            ),
            ("revocation_lists", !written.revocation_lists.is_empty()),
            (
                "ignore_client_certificate_expiry",
                written.ignore_client_certificate_expiry,
            ),
            (
                "advertise_trust_store_ca_names",
                written.advertise_trust_store_ca_names,
            ),
            ("max_chain_depth", written.max_chain_depth != 4),
        ] {
            if is_set {
                let path = format!("{path}.{key}");
                let message =
                    format!("`{path}` does nothing: only mode verify checks certificates, this is {mode}");
                self.warning("no-effect", &path, message);
            }
        }
    }

    fn header_format(&mut self, path: &str, text: &str) -> Option<HeaderFormat> {
        match text {
            "alb" => return Some(HeaderFormat::Alb),
            "rfc9440" => return Some(HeaderFormat::Rfc9440),
            later if LATER_FORMATS.contains(&later) => {
                self.error(
                    "not-yet",
                    path,
                    format!("`{path}`: {later} is not built yet; there are alb and rfc9440"),
                );
            }
            other => {
                self.error(
                    "bad-value",
                    path,
                    format!("`{path}`: {} is none of alb, rfc9440", quoted(other)),
                );
            }
        }
        None
    }

    fn belongs_to_https(&mut self, listener: &str, protocol: Protocol) {
        for key in ["tls", "mutual_authentication"] {
            let path = format!("{listener}.{key}");
            if self.is_written(&path) {
                let message = format!(
                    "`{path}` belongs to https listeners, this one speaks {}",
                    protocol.word()
                );
                self.error("conflict", &path, message);
            }
        }
    }

    /// A tcp listener sees no requests: what it would strip or change goes through untouched.
    fn needs_requests(&mut self, listener: &str) {
        let strip = format!("{listener}.strip_headers");
        if self.is_written(&strip) {
            self.error(
                "conflict",
                &strip,
                format!("`{strip}`: a tcp listener passes bytes and strips nothing"),
            );
        }
        for name in request_attributes() {
            let path = format!("{listener}.attributes.{name}");
            if self.is_written(&path) {
                self.warning(
                    "no-effect",
                    &path,
                    format!("`{path}` does nothing: a tcp listener sees no requests"),
                );
            }
        }
    }

    fn header_names(&mut self, path: &str, names: &[String]) -> Vec<HeaderName> {
        let mut read = Vec::new();
        for (index, name) in names.iter().enumerate() {
            if let Ok(name) = name.parse() {
                read.push(name);
            } else {
                let path = format!("{path}[{index}]");
                self.error(
                    "bad-value",
                    &path,
                    format!("`{path}`: {} is no header name", quoted(name)),
                );
            }
        }
        read
    }

    fn attributes(&mut self, path: &str, attributes: raw::Attributes) -> Attributes {
        let raw::Attributes {
            xff_header_processing,
            preserve_host_header,
            drop_invalid_header_fields,
            tls_version_and_cipher_suite,
            idle_timeout,
            client_keep_alive,
            later,
        } = attributes;
        for key in later_attributes() {
            let Some(written) = later.get(key.name) else {
                continue;
            };
            let written = written
                .as_str()
                .map_or_else(|| written.to_string(), str::to_owned);
            if key
                .default()
                .is_some_and(|default| !default.eq_ignore_ascii_case(&written))
            {
                let path = format!("{path}.{}", key.name);
                let message = format!("`{path}`: {} is not built yet", quoted(&written));
                let fix = key.default().map(|default| format!("leave it at {default}"));
                self.error_with_fix("not-yet", &path, message, fix);
            }
        }
        Attributes {
            xff_header_processing,
            preserve_host_header,
            drop_invalid_header_fields,
            tls_version_and_cipher_suite,
            idle_timeout: Duration::from_secs(idle_timeout),
            client_keep_alive: Duration::from_secs(client_keep_alive),
            // The only one that is built.
            desync_mitigation_mode: DesyncMitigationMode::Defensive,
        }
    }
}

/// A pair of which both files are known; the absent one was reported with the file.
fn both(files: raw::CertificateFiles) -> Option<CertificateFiles> {
    let raw::CertificateFiles {
        certificate,
        private_key,
    } = files;
    Some(CertificateFiles {
        certificate: certificate?,
        private_key: private_key?,
    })
}
