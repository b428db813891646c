//! PEM in a document: certificates and keys as text, or where that text is.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use transport::certificate::Certificate;
use transport::pem::{self, PemError};
use transport::private_key::KeyReference;

use super::reader::At;
use super::rule;
use super::tree::{Located, Value};
use super::vault::VaultReference;

/// Where a chain is.
pub(super) enum ChainText {
    /// In the document; leaf first, each certificate of it can be parsed.
    Written(Vec<Certificate>),
    /// In the environment, as Kong refers to it.
    Vault(VaultReference),
}

/// Where a private key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// In the document.
    Written(Arc<PrivateKeyDer<'static>>),
    /// In the environment, as Kong refers to it.
    Vault(VaultReference),
    /// In a file, in the environment, in a systemd credential or on a token.
    Elsewhere(KeyReference),
}

/// What a reference to a key begins with in a document, where other text is PEM.
const SCHEMES: [&str; 4] = ["file:", "env:", "systemd:", "pkcs11:"];

/// A chain, or where it is.
pub(super) fn chain_text(at: At<'_>) -> Option<Located<ChainText>> {
    let text = match vault(at) {
        Some(reference) => ChainText::Vault(reference?),
        None => ChainText::Written(chain(at)?.value),
    };
    Some(at.located(text))
}

/// A chain, leaf first, each certificate of which can be parsed.
pub(super) fn chain(at: At<'_>) -> Option<Located<Vec<Certificate>>> {
    let text = rule::text(at)?;
    match parsed_chain(&text, "the text") {
        Ok(chain) => Some(at.located(chain)),
        Err(problem) => at.refuse(problem.code(), problem.to_string()),
    }
}

/// Why a text is no chain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChainProblem {
    #[error("invalid certificate: {0}")]
    Pem(#[from] PemError),
    #[error("invalid certificate: {0}")]
    Certificate(#[from] transport::certificate_error::CertificateError),
}

impl ChainProblem {
    fn code(&self) -> &'static str {
        match self {
            Self::Pem(_) => "invalid-pem",
            Self::Certificate(_) => "invalid-certificate",
        }
    }
}

/// The chain in a text; `source` names it in errors.
pub(crate) fn parsed_chain(text: &str, source: &str) -> Result<Vec<Certificate>, ChainProblem> {
    let found: Vec<CertificateDer<'static>> = pem::certificates_in(text.as_bytes(), source)?;
    Ok(found
        .into_iter()
        .map(Certificate::parse)
        .collect::<Result<_, _>>()?)
}

/// A private key, or where it is. Nothing of it is ever in a finding.
pub(super) fn key_source(at: At<'_>) -> Option<Located<KeySource>> {
    if let Some(reference) = vault(at) {
        return Some(at.located(KeySource::Vault(reference?)));
    }
    let text = rule::text(at)?;
    let begins_with = |scheme: &&str| {
        let start = text.get(..scheme.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    let source = if SCHEMES.iter().any(|scheme| begins_with(&scheme)) {
        KeySource::Elsewhere(reference(at, &text)?)
    } else {
        match pem::private_key_in(text.as_bytes(), "the text") {
            Ok(key) => KeySource::Written(Arc::new(key)),
            Err(error) => return at.refuse("invalid-pem", format!("invalid key: {error}")),
        }
    };
    Some(at.located(source))
}

/// Paths are relative to the document's directory.
fn reference(at: At<'_>, text: &str) -> Option<KeyReference> {
    let directory = Path::new(at.context.log.source())
        .parent()
        .unwrap_or(Path::new(""));
    let reference = match KeyReference::parse(text, directory) {
        Ok(reference) => reference,
        Err(problem) => return at.refuse("invalid-value", format!("the reference {problem}")),
    };
    if reference.names_a_library() {
        return at.refuse_with(
            "invalid-value",
            "`module-path` would load a library into the gateway, which a document may not do",
            "write module-name=NAME, for a PKCS#11 module that is installed on this machine",
        );
    }
    Some(reference)
}

/// Kong's reference, if the value is meant to be one; `Some(None)` once its problem is told.
fn vault(at: At<'_>) -> Option<Option<VaultReference>> {
    let text = match &at.node.value {
        Value::Text(text) if VaultReference::is_meant(text) => text,
        Value::Text(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Float(_)
        | Value::List(_)
        | Value::Map(_) => return None,
    };
    Some(match VaultReference::parse(text) {
        Ok(reference) => Some(reference),
        Err(problem) => at.refuse("unsupported-value", problem),
    })
}
