//! What the gateway shows of itself, to clients and to upstreams: chains and keys, read from where the node file and the
//! document say that they are.

use std::collections::HashMap;
use std::mem::discriminant;
use std::sync::Arc;

use rustls::sign::CertifiedKey;
use transport::certificate::{Certificate, PublicKey};
use transport::finding::{Finding, Origin};
use transport::pem;
use transport::private_key::{Concern, KeyError};
use uuid::Uuid;

use super::Compilation;
use crate::document::{self, ChainSource, Elsewhere, KeyPair, KeySource, Material, Place, parsed_chain};
use crate::settings::CertificateFiles;

/// The document's certificates, ready for handshakes.
pub(super) struct Certificates(HashMap<Uuid, Pairs>);

/// A certificate entity. What could not be had is absent, and has been reported.
struct Pairs {
    first: Option<Arc<CertifiedKey>>,
    alternative: Option<Arc<CertifiedKey>>,
}

/// Of which fields a pair is made.
struct Fields {
    certificate: &'static str,
    key: &'static str,
    mismatch: &'static str,
}

const FIRST: Fields = Fields {
    certificate: "certificates.cert",
    key: "certificates.key",
    mismatch: "certificate does not match key",
};
const ALTERNATIVE: Fields = Fields {
    certificate: "certificates.cert_alt",
    key: "certificates.key_alt",
    mismatch: "alternative certificate does not match key",
};

impl Certificates {
    pub(super) fn compile(compilation: &Compilation<'_>) -> Self {
        let entities = compilation.document.certificates.iter();
        Self(
            entities
                .map(|entity| (entity.id, pairs(compilation, entity)))
                .collect(),
        )
    }

    /// `cert` with `key`.
    pub(super) fn first_of(&self, id: Uuid) -> Option<&Arc<CertifiedKey>> {
        self.0.get(&id)?.first.as_ref()
    }

    /// All that clients may be shown of an entity.
    pub(super) fn shown_as(&self, id: Uuid) -> impl Iterator<Item = &Arc<CertifiedKey>> {
        let pairs = self.0.get(&id).into_iter();
        pairs
            .flat_map(|pairs| [&pairs.first, &pairs.alternative])
            .flatten()
    }
}

fn pairs(compilation: &Compilation<'_>, entity: &document::Certificate) -> Pairs {
    let first = pair(compilation, &entity.pair, &FIRST);
    let alternative = entity.alternative.as_ref();
    let place = alternative.map(|pair| pair.place);
    let alternative = alternative.and_then(|alternative| pair(compilation, alternative, &ALTERNATIVE));
    if let (Some(one), Some(other), Some(place)) = (&first, &alternative, place) {
        let kinds = (kind_of(one), kind_of(other));
        if matches!(&kinds, (Some(one), Some(other)) if discriminant(one) == discriminant(other)) {
            let path = ALTERNATIVE.certificate;
            let finding = Finding::error("bad-value", compilation.at(place), path, document::SAME_KIND);
            compilation.report(finding);
        }
    }
    Pairs { first, alternative }
}

fn pair(compilation: &Compilation<'_>, pair: &KeyPair, fields: &Fields) -> Option<Arc<CertifiedKey>> {
    match &pair.material {
        Material::Written(certified) => Some(Arc::clone(certified)),
        Material::Elsewhere(elsewhere) => read(compilation, pair.place, elsewhere, fields),
    }
}

/// Reads both, before either is given up: every problem is told.
fn read(
    compilation: &Compilation<'_>,
    place: Place,
    Elsewhere { chain, key }: &Elsewhere,
    fields: &Fields,
) -> Option<Arc<CertifiedKey>> {
    let refuse = |place, path, message: &dyn ToString| {
        let origin = compilation.at(place);
        compilation.report(Finding::error("key-unusable", origin, path, message.to_string()));
    };
    let chain = match chain {
        ChainSource::Written(chain) => Some(chain.clone()),
        ChainSource::Vault(reference) => {
            let name = format!("the environment variable {}", reference.variable);
            let text = reference
                .read()
                .map_err(|error| refuse(place, fields.certificate, &error));
            let parsed = text.ok().map(|text| parsed_chain(&text, &name));
            let parsed = parsed.and_then(|chain| {
                chain
                    .map_err(|error| refuse(place, fields.certificate, &error))
                    .ok()
            });
            parsed.map(|chain| {
                chain
                    .iter()
                    .map(|certificate| certificate.der().clone())
                    .collect()
            })
        }
    };
    let at_key = |error: &KeyError| {
        let message = if error.is_mismatch() {
            fields.mismatch.to_owned()
        } else {
            error.to_string()
        };
        let code = if error.is_mismatch() {
            "key-mismatch"
        } else {
            "key-unusable"
        };
        report_key(
            compilation,
            (code, compilation.at(key.place), fields.key),
            message,
            error.fix(),
        );
    };
    match &key.value {
        KeySource::Written(private) => {
            let certified = pem::certified_key(chain?, private.clone_key(), "the text");
            certified.map_err(|error| at_key(&error.into())).ok()
        }
        KeySource::Vault(reference) => {
            let name = format!("the environment variable {}", reference.variable);
            let text = reference
                .read()
                .map_err(|error| refuse(key.place, fields.key, &error))
                .ok()?;
            let private = pem::private_key_in(text.as_bytes(), &name);
            let private = private.map_err(|error| at_key(&error.into())).ok()?;
            let certified = pem::certified_key(chain?, private, &name);
            certified.map_err(|error| at_key(&error.into())).ok()
        }
        KeySource::Elsewhere(reference) => {
            for concern in reference.concerns() {
                warn(compilation, compilation.at(key.place), fields.key, concern);
            }
            let private = reference.open().map_err(|error| at_key(&error)).ok()?;
            private
                .certify(chain?, "the text")
                .map_err(|error| at_key(&error))
                .ok()
        }
    }
}

/// A pair that the node file names; `(certificate, key)` are the paths of its keys there.
pub(super) fn of_node(
    compilation: &Compilation<'_>,
    files: &CertificateFiles,
    (certificate_path, key_path): (&str, &str),
) -> Option<Arc<CertifiedKey>> {
    let CertificateFiles {
        certificate,
        private_key,
    } = files;
    let key_origin = || compilation.node.origin(key_path);
    let refuse = |error: &KeyError| {
        let at = ("unreadable-file", key_origin(), key_path);
        report_key(compilation, at, error.to_string(), error.fix());
    };
    for concern in private_key.concerns() {
        warn(compilation, key_origin(), key_path, concern);
    }
    let chain = pem::certificates(certificate)
        .map_err(|error| compilation.node_error("unreadable-file", certificate_path, error.to_string()));
    let key = private_key.open().map_err(|error| refuse(&error));
    let (chain, key) = (chain.ok()?, key.ok()?);
    key.certify(chain, &certificate.display().to_string())
        .map_err(|error| refuse(&error))
        .ok()
}

/// What kind of key a certificate has.
pub(super) fn kind_of(key: &CertifiedKey) -> Option<PublicKey> {
    let leaf = Certificate::parse(key.cert.first()?.clone()).ok()?;
    Some(leaf.public_key())
}

fn report_key(
    compilation: &Compilation<'_>,
    (code, origin, path): (&'static str, Origin, &str),
    message: String,
    fix: Option<String>,
) {
    let finding = Finding::error(code, origin, path, message);
    compilation.report(match fix {
        Some(fix) => finding.with_fix(fix),
        None => finding,
    });
}

fn warn(compilation: &Compilation<'_>, origin: Origin, path: &str, concern: Concern) {
    let Concern { code, message, fix } = concern;
    compilation.report(Finding::warning(code, origin, path, message).with_fix(fix));
}
