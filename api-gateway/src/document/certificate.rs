//! `certificates` and `snis`: what the gateway shows of itself, to clients by name and to upstreams.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use transport::certificate::{Certificate as X509, PublicKey};
use transport::pem::{self, PemError};
use uuid::Uuid;

use super::entity::Entity;
use super::entries::{Collection, Entry};
use super::fields::Fields;
use super::pem_text::{self, ChainText, KeySource};
use super::reader::{At, Context, Trail};
use super::tree::{Located, Place, Value};
use super::vault::VaultReference;
use super::{host, rule};

/// What Kong says of two certificates that do not differ in what their keys are.
pub(crate) const SAME_KIND: &str =
    "certificate and alternative certificate need to have different type (e.g. RSA and ECDSA)";

/// A certificate chain with its key, and possibly a second pair of the other key type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The id, given or derived from its position in the document.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// `cert` and `key`.
    pub pair: KeyPair,
    /// `cert_alt` and `key_alt`.
    pub alternative: Option<KeyPair>,
    /// Labels.
    pub tags: Vec<String>,
}

/// A chain, leaf first, and the private key that belongs to its leaf. `Debug` shows neither.
#[derive(Clone)]
pub struct KeyPair {
    /// Where the chain is written, or the reference to it.
    pub place: Place,
    /// What they are.
    pub material: Material,
}

/// A chain and its key.
#[derive(Clone)]
pub enum Material {
    /// In the document. Ready for a handshake; its key is known to match its leaf.
    Written(Arc<CertifiedKey>),
    /// One of them, or both, in another place, to be read when the document is compiled.
    Elsewhere(Box<Elsewhere>),
}

/// Where a chain and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// `cert`.
    pub chain: ChainSource,
    /// `key`.
    pub key: Located<KeySource>,
}

/// Where a chain is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChainSource {
    /// In the document, leaf first.
    Written(Vec<CertificateDer<'static>>),
    /// In the environment, as Kong refers to it.
    Vault(VaultReference),
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeyPair")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Two pairs are equal when they show the same chain: a key is bound to its leaf.
impl PartialEq for KeyPair {
    fn eq(&self, other: &Self) -> bool {
        let same = match (&self.material, &other.material) {
            (Material::Written(one), Material::Written(other)) => one.cert == other.cert,
            (Material::Elsewhere(one), Material::Elsewhere(other)) => one == other,
            (Material::Written(_), Material::Elsewhere(_))
            | (Material::Elsewhere(_), Material::Written(_)) => false,
        };
        same && self.place == other.place
    }
}

impl Eq for KeyPair {}

/// A server name under which a certificate is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sni {
    /// The id, given or derived from the name.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// A host name, `*.name`, `name.*` or `*`.
    pub name: Located<String>,
    /// The certificate: an id of [`super::Document::certificates`].
    pub certificate: Uuid,
    /// Labels.
    pub tags: Vec<String>,
}

pub(super) fn read(mut entity: Entity<'_>) -> Option<Certificate> {
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let chain = fields.required("cert", pem_text::chain_text);
    let key = fields.required("key", pem_text::key_source);
    let has_alternative = fields.has("cert_alt") || fields.has("key_alt");
    let chain_alt = fields.optional("cert_alt", pem_text::chain_text);
    let key_alt = fields.optional("key_alt", pem_text::key_source);
    if fields.has("cert_alt") != fields.has("key_alt") {
        fields.at.refuse::<()>(
            "entity-check",
            "all or none of these fields must be set: 'cert_alt', 'key_alt'",
        );
    }
    // Those that are elsewhere are compared when they are read.
    let kinds = (
        chain.as_ref().and_then(is_rsa),
        chain_alt.as_ref().and_then(is_rsa),
    );
    if matches!(kinds, (Some(one), Some(other)) if one == other) {
        fields.refuse::<()>("cert_alt", "invalid-certificate", SAME_KIND);
    }
    let pair = pair(&fields, ("cert", "certificate does not match key"), chain, key);
    let alternative = pair_alt(&fields, has_alternative, chain_alt, key_alt);
    fields.close();
    Some(Certificate {
        id: id?,
        place,
        pair: pair?,
        alternative,
        tags,
    })
}

fn pair_alt(
    fields: &Fields<'_>,
    has_alternative: bool,
    chain: Option<Located<ChainText>>,
    key: Option<Located<KeySource>>,
) -> Option<KeyPair> {
    if !has_alternative {
        return None;
    }
    pair(
        fields,
        ("cert_alt", "alternative certificate does not match key"),
        chain,
        key,
    )
}

fn pair(
    fields: &Fields<'_>,
    (field, mismatch): (&'static str, &str),
    chain: Option<Located<ChainText>>,
    key: Option<Located<KeySource>>,
) -> Option<KeyPair> {
    let (Located { value: chain, place }, key) = chain.zip(key)?;
    let chain = match chain {
        ChainText::Written(chain) => {
            let ders = chain.iter().map(|certificate| certificate.der().clone());
            ChainSource::Written(ders.collect())
        }
        ChainText::Vault(reference) => ChainSource::Vault(reference),
    };
    let (chain, private) = match (chain, &key.value) {
        (ChainSource::Written(chain), KeySource::Written(private)) => (chain, private.clone_key()),
        (chain, _) => {
            let material = Material::Elsewhere(Box::new(Elsewhere { chain, key }));
            return Some(KeyPair { place, material });
        }
    };
    match pem::certified_key(chain, private, "the text") {
        Ok(certified) => Some(KeyPair {
            place,
            material: Material::Written(certified),
        }),
        Err(PemError::KeyMismatch { .. }) => fields.refuse(field, "key-mismatch", mismatch),
        Err(
            error @ (PemError::Read { .. }
            | PemError::Empty { .. }
            | PemError::Encrypted { .. }
            | PemError::Malformed { .. }
            | PemError::UnusableKey { .. }),
        ) => fields.refuse(field, "invalid-pem", format!("invalid key: {error}")),
    }
}

/// `None` where it is not known yet.
fn is_rsa(chain: &Located<ChainText>) -> Option<bool> {
    match &chain.value {
        ChainText::Written(chain) => {
            let leaf = chain.first().map(X509::public_key);
            Some(matches!(leaf, Some(PublicKey::Rsa { .. })))
        }
        ChainText::Vault(_) => None,
    }
}

pub(super) fn read_sni(
    context: &Context<'_>,
    index: usize,
    trail: &Trail<'_>,
    entry: &Entry<'_>,
) -> Option<Sni> {
    let place = entry.node.place;
    if let Value::Text(_) = &entry.node.value {
        let at = At {
            node: entry.node,
            trail,
            context,
        };
        let name = host::server_name(at);
        let Some((_, certificate)) = context.entries.parent(index) else {
            return at.refuse("required-field-missing", "certificate: required field missing");
        };
        return Some(Sni {
            id: entry.id?,
            place,
            name: at.located(name?),
            certificate: certificate.value,
            tags: Vec::new(),
        });
    }
    let mut entity = Entity::open(context, index, trail)?;
    let certificate = entity.reference("certificate", Collection::Certificates);
    let tags = entity.tags();
    let (mut fields, _, id) = entity.parts();
    let name = fields.required("name", rule::located(host::server_name));
    fields.close();
    Some(Sni {
        id: id?,
        place,
        name: name?,
        certificate: certificate?.value,
        tags,
    })
}
