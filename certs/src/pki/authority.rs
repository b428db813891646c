//! What signs.

use std::sync::Arc;

use rcgen::{
    CertificateParams, CertificateRevocationListParams, CrlIssuingDistributionPoint, Issuer, KeyIdMethod,
    KeyPair,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::{certificate::X509Certificate, extensions::ParsedExtension, prelude::FromDer};

use super::{
    Ca, Chain, Issued, Leaf, PkiError, RevocationList, Revocations, Serial,
    contents::Contents,
    issued::private_key,
    pem_block,
    signing::{self, CertificateEdits, ListEdits, Unsigned},
};

/// An authority: a certificate, its key, and the authorities above it. Cheap to clone.
///
/// Neither its name nor its flags are checked, so [`Issued::as_authority`] lets a leaf issue, and two roots of one
/// name are two roots.
#[derive(Clone, Debug)]
pub struct Authority {
    chain: Chain,
    key: Arc<KeyPair>,
    key_identifier: Vec<u8>,
    /// The name as it stands in its certificate, DER.
    subject: Vec<u8>,
    label: String,
    list_urls: Vec<String>,
}

impl Authority {
    /// A root: a name, or a whole [`Ca`].
    pub fn root(description: impl Into<Ca>) -> Result<Self, PkiError> {
        let Ca { contents, list_urls } = description.into();
        let key = Arc::new(contents.key.generate()?);
        let subject = contents.subject.der();
        let itself = Signer {
            key: &key,
            key_identifier: identifier_of(&key),
            subject: &subject,
            list_urls: &[],
        };
        let certificate = itself.certificate(&contents, &key, None)?;
        Ok(Self {
            chain: Chain::new(certificate, Vec::new())?,
            key_identifier: identifier_of(&key),
            label: contents.subject.label().to_owned(),
            key,
            subject,
            list_urls,
        })
    }

    /// An authority below this one.
    pub fn intermediate(&self, description: impl Into<Ca>) -> Result<Self, PkiError> {
        let description = description.into();
        let key = Arc::new(description.contents.key.generate()?);
        self.sign_authority(description, key)
    }

    /// A second certificate, below this authority, for the key of another one.
    pub fn cross_sign(&self, description: impl Into<Ca>, other: &Self) -> Result<Self, PkiError> {
        self.sign_authority(description.into(), Arc::clone(&other.key))
    }

    /// An authority that exists: its certificate, then those above it (the root last), and its key in any DER form.
    pub fn existing(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Result<Self, PkiError> {
        let mut chain = chain.into_iter();
        let certificate = chain
            .next()
            .ok_or(PkiError::Malformed("authority: no certificate"))?;
        let key = Arc::new(KeyPair::try_from(key).map_err(PkiError::Key)?);
        Self::from_parts(Chain::new(certificate, chain.collect())?, key)
    }

    /// The same authority with another place for its revocation list.
    #[must_use]
    pub fn with_list_url(mut self, url: &str) -> Self {
        self.list_urls = vec![url.to_owned()];
        self
    }

    /// A certificate and a key for it.
    pub fn issue(&self, leaf: Leaf) -> Result<Issued, PkiError> {
        let Leaf(contents) = leaf;
        let key = Arc::new(contents.key.generate()?);
        self.sign_leaf(&contents, key)
    }

    /// A certificate for the key of another one: a renewal, or the same key under two names.
    pub fn reissue(&self, leaf: Leaf, other: &Issued) -> Result<Issued, PkiError> {
        let Leaf(contents) = leaf;
        self.sign_leaf(&contents, Arc::clone(other.shared_key()))
    }

    /// A certificate for somebody's public key (the DER of a SubjectPublicKeyInfo), such as a
    /// [`WeakKey`](super::WeakKey).
    pub fn certify(&self, leaf: Leaf, public_key: &[u8]) -> Result<Chain, PkiError> {
        let Leaf(contents) = leaf;
        let certificate = self
            .signer()
            .certificate(&contents, &self.key, Some(public_key))?;
        Chain::new(certificate, self.path())
    }

    /// The list of what it took back.
    pub fn revocation_list(&self, revocations: Revocations) -> Result<RevocationList, PkiError> {
        let number = revocations.number.to_be_bytes().to_vec().into();
        let issuing_distribution_point = revocations.distribution_point_of_list();
        let params = CertificateRevocationListParams {
            this_update: revocations.this_update,
            next_update: revocations.next_update,
            crl_number: number,
            issuing_distribution_point: issuing_distribution_point.map(|(distribution_point, scope)| {
                CrlIssuingDistributionPoint {
                    distribution_point,
                    scope,
                }
            }),
            revoked_certs: revocations.entries.into_iter().map(Into::into).collect(),
            key_identifier_method: KeyIdMethod::PreSpecified(self.key_identifier.clone()),
        };
        let layout = params
            .signed_by(&self.signer().issuer())
            .map_err(|source| PkiError::Signing {
                subject: self.label.clone(),
                source,
            })?;
        let edits = ListEdits {
            issuer: &self.subject,
            extensions: &revocations.extensions,
        };
        Ok(RevocationList::new(signing::list(
            layout.der(),
            &edits,
            &self.key,
        )?))
    }

    /// Its certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        self.chain.certificate()
    }

    /// The serial number of its own certificate.
    pub fn serial(&self) -> &Serial {
        self.chain.serial()
    }

    /// Its certificate in PEM.
    pub fn pem(&self) -> String {
        self.chain.certificate_pem()
    }

    /// Its certificate and those above it, the root last.
    pub fn path(&self) -> Vec<CertificateDer<'static>> {
        self.chain.chain_with_root()
    }

    /// The same in PEM.
    pub fn path_pem(&self) -> String {
        self.path()
            .iter()
            .map(|certificate| pem_block("CERTIFICATE", certificate))
            .collect()
    }

    /// Its private key in PKCS#8.
    pub fn key(&self) -> PrivateKeyDer<'static> {
        private_key(&self.key)
    }

    /// Its private key in PEM.
    pub fn key_pem(&self) -> String {
        pem_block("PRIVATE KEY", self.key.serialized_der())
    }

    /// Its key, for what is signed elsewhere (an OCSP answer).
    pub fn key_pair(&self) -> &KeyPair {
        &self.key
    }

    /// The identifier of its key, as it stands in what it issues.
    pub fn key_identifier(&self) -> &[u8] {
        &self.key_identifier
    }

    /// Its name in DER, as it stands in its certificate.
    pub fn subject_der(&self) -> &[u8] {
        &self.subject
    }

    pub(crate) fn from_parts(chain: Chain, key: Arc<KeyPair>) -> Result<Self, PkiError> {
        let Facts {
            subject,
            label,
            key_identifier,
        } = Facts::read(chain.certificate())?;
        let key_identifier = key_identifier.unwrap_or_else(|| identifier_of(&key));
        Ok(Self {
            chain,
            key,
            key_identifier,
            subject,
            label,
            list_urls: Vec::new(),
        })
    }

    fn sign_authority(&self, description: Ca, key: Arc<KeyPair>) -> Result<Self, PkiError> {
        let Ca { contents, list_urls } = description;
        let certificate = self.signer().certificate(&contents, &key, None)?;
        Ok(Self {
            chain: Chain::new(certificate, self.path())?,
            key_identifier: identifier_of(&key),
            key,
            subject: contents.subject.der(),
            label: contents.subject.label().to_owned(),
            list_urls,
        })
    }

    fn sign_leaf(&self, contents: &Contents, key: Arc<KeyPair>) -> Result<Issued, PkiError> {
        let certificate = self.signer().certificate(contents, &key, None)?;
        Ok(Issued::new(Chain::new(certificate, self.path())?, key))
    }

    fn signer(&self) -> Signer<'_> {
        Signer {
            key: &self.key,
            key_identifier: self.key_identifier.clone(),
            subject: &self.subject,
            list_urls: &self.list_urls,
        }
    }
}

impl AsRef<Chain> for Authority {
    fn as_ref(&self) -> &Chain {
        &self.chain
    }
}

/// What signing takes; a root has it before it has a certificate.
struct Signer<'a> {
    key: &'a Arc<KeyPair>,
    key_identifier: Vec<u8>,
    subject: &'a [u8],
    list_urls: &'a [String],
}

impl<'a> Signer<'a> {
    fn certificate(
        &self,
        contents: &Contents,
        key: &KeyPair,
        public_key: Option<&[u8]>,
    ) -> Result<CertificateDer<'static>, PkiError> {
        let serial = match &contents.serial {
            Some(serial) => serial.clone(),
            None => Serial::random()?,
        };
        let layout = contents
            .params(&serial, self.list_urls)
            .signed_by(key, &self.issuer())
            .map_err(|source| PkiError::Signing {
                subject: contents.subject.label().to_owned(),
                source,
            })?;
        let subject = contents.subject.der();
        let edits = CertificateEdits {
            issuer: self.subject,
            subject: &subject,
            public_key,
            version: contents.version,
        };
        Ok(signing::certificate(layout.der(), &edits, self.key)?.into())
    }

    /// rcgen's issuer, without key usages so that it does not judge them and without a name, which is edited in.
    fn issuer(&self) -> Issuer<'static, Unsigned<'a>> {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.key_identifier_method = KeyIdMethod::PreSpecified(self.key_identifier.clone());
        Issuer::new(params, Unsigned(self.key))
    }
}

fn identifier_of(key: &KeyPair) -> Vec<u8> {
    CertificateParams::default().key_identifier(key)
}

/// What an authority's certificate says of it.
struct Facts {
    subject: Vec<u8>,
    label: String,
    key_identifier: Option<Vec<u8>>,
}

impl Facts {
    fn read(certificate: &CertificateDer<'_>) -> Result<Self, PkiError> {
        let (_, parsed) =
            X509Certificate::from_der(certificate).map_err(|_| PkiError::Malformed("certificate"))?;
        let key_identifier = parsed.extensions().iter().find_map(|extension| {
            if let ParsedExtension::SubjectKeyIdentifier(identifier) = extension.parsed_extension() {
                Some(identifier.0.to_vec())
            } else {
                None
            }
        });
        let subject = parsed.subject();
        Ok(Self {
            subject: subject.as_raw().to_vec(),
            label: subject.to_string(),
            key_identifier,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_intermediate_below_a_leaf_and_a_second_root_of_one_name_are_possible() {
        let root = Authority::root("Root").unwrap();
        let twin = Authority::root("Root").unwrap();
        assert_eq!(root.subject_der(), twin.subject_der());
        assert_ne!(root.certificate(), twin.certificate());
        let leaf = root.issue(Leaf::client("alice")).unwrap();
        let below = leaf.as_authority().unwrap().issue(Leaf::client("bob")).unwrap();
        assert_eq!(below.chain().len(), 2);
        assert_eq!(below.chain_with_root().last(), Some(root.certificate()));
    }
}
