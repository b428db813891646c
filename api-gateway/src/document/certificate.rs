//! `certificates` and `snis`: what the gateway shows of itself, to clients by name and to upstreams.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use transport::certificate::{Certificate as X509, PublicKey};
use transport::pem::{self, PemError};
use uuid::Uuid;

use super::entity::Entity;
use super::entries::{Collection, Entry};
use super::fields::Fields;
use super::reader::{At, Context, Trail};
use super::tree::{Located, Place, Value};
use super::{host, pem_text, rule};

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
    /// Where the chain's PEM text begins.
    pub place: Place,
    /// Ready for a handshake; its key is known to match its leaf.
    pub certified: Arc<CertifiedKey>,
}

impl KeyPair {
    /// The chain, leaf first; never empty.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }
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
        self.place == other.place && self.chain() == other.chain()
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
    let chain = fields.required("cert", pem_text::chain);
    let key = fields.required("key", pem_text::private_key);
    let has_alternative = fields.has("cert_alt") || fields.has("key_alt");
    let chain_alt = fields.optional("cert_alt", pem_text::chain);
    let key_alt = fields.optional("key_alt", pem_text::private_key);
    if fields.has("cert_alt") != fields.has("key_alt") {
        fields.at.refuse::<()>(
            "entity-check",
            "all or none of these fields must be set: 'cert_alt', 'key_alt'",
        );
    }
    let same_kind = match (&chain, &chain_alt) {
        (Some(chain), Some(chain_alt)) => is_rsa(chain) == is_rsa(chain_alt),
        (_, None) | (None, _) => false,
    };
    if same_kind {
        fields.refuse::<()>(
            "cert_alt",
            "invalid-certificate",
            "certificate and alternative certificate need to have different type (e.g. RSA and ECDSA)",
        );
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
    chain: Option<Located<Vec<X509>>>,
    key: Option<PrivateKeyDer<'static>>,
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
    chain: Option<Located<Vec<X509>>>,
    key: Option<PrivateKeyDer<'static>>,
) -> Option<KeyPair> {
    let (Located { value: chain, place }, key) = chain.zip(key)?;
    let chain = chain
        .iter()
        .map(|certificate| certificate.der().clone())
        .collect();
    match pem::certified_key(chain, key, "the text") {
        Ok(certified) => Some(KeyPair { place, certified }),
        Err(PemError::KeyMismatch { .. }) => fields.refuse(field, "key-mismatch", mismatch),
        Err(
            error @ (PemError::Read { .. }
            | PemError::Empty { .. }
            | PemError::Malformed { .. }
            | PemError::UnusableKey { .. }),
        ) => fields.refuse(field, "invalid-pem", format!("invalid key: {error}")),
    }
}

fn is_rsa(chain: &Located<Vec<X509>>) -> bool {
    let leaf = chain.value.first().map(X509::public_key);
    matches!(leaf, Some(PublicKey::Rsa { .. }))
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
