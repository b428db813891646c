//! What an authority's certificate says.

use rcgen::{GeneralSubtree, KeyUsagePurpose, NameConstraints};

use super::{
    KeyKind, Serial, Subject, Usage, Validity,
    contents::{Basic, Contents, raw_extension},
};

/// The description of an authority: by default P-256, from a year ago for ten more, keyCertSign and cRLSign.
///
/// ```
/// use certs::{Authority, Ca, KeyKind, Leaf};
///
/// # fn main() -> Result<(), certs::PkiError> {
/// let root = Authority::root(Ca::named("Root").key(KeyKind::P384).crl_url("http://pki.test/root.crl"))?;
/// let narrow = root.intermediate(Ca::named("Narrow").path_length(0).permitted_dns("example.com"))?;
/// let leaf = narrow.issue(Leaf::server("shop.example.com"))?;
/// assert_eq!(leaf.chain_with_root().len(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Ca {
    pub(crate) contents: Contents,
    /// Where its own list is: what the certificates that it issues say.
    pub(crate) list_urls: Vec<String>,
}

impl Ca {
    /// An authority of that common name.
    pub fn named(common_name: &str) -> Self {
        let subject = Subject::common_name(common_name);
        let mut contents = Contents::new(subject, Basic::Authority(None), Validity::of_authorities());
        contents.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self {
            contents,
            list_urls: Vec::new(),
        }
    }

    /// Another subject.
    #[must_use]
    pub fn subject(mut self, subject: Subject) -> Self {
        self.contents.subject = subject;
        self
    }

    /// How many authorities may stand below it.
    #[must_use]
    pub fn path_length(mut self, length: u8) -> Self {
        self.contents.basic = Basic::Authority(Some(length));
        self
    }

    /// Without the CA flag, although it issues.
    #[must_use]
    pub fn without_authority_flag(mut self) -> Self {
        self.contents.basic = Basic::Leaf;
        self
    }

    /// When it is valid.
    #[must_use]
    pub fn validity(mut self, validity: Validity) -> Self {
        self.contents.validity = validity;
        self
    }

    /// The kind of its key.
    #[must_use]
    pub fn key(mut self, kind: KeyKind) -> Self {
        self.contents.key = kind;
        self
    }

    /// The key usages instead of keyCertSign and cRLSign; none of them leaves the extension out.
    #[must_use]
    pub fn key_usages(mut self, usages: impl IntoIterator<Item = KeyUsagePurpose>) -> Self {
        self.contents.key_usages = usages.into_iter().collect();
        self
    }

    /// Extended key usages, which narrow what may be issued.
    #[must_use]
    pub fn usages(mut self, usages: impl IntoIterator<Item = Usage>) -> Self {
        self.contents.usages = usages.into_iter().collect();
        self
    }

    /// Its serial number instead of a random one.
    #[must_use]
    pub fn serial(mut self, serial: &[u8]) -> Self {
        self.contents.serial = Some(Serial::new(serial));
        self
    }

    /// Name constraints: DNS names below `domain` only.
    #[must_use]
    pub fn permitted_dns(self, domain: &str) -> Self {
        self.permitted(GeneralSubtree::DnsName(domain.to_owned()))
    }

    /// Name constraints: e-mail addresses at `domain` only, which webpki refuses altogether.
    #[must_use]
    pub fn permitted_email(self, domain: &str) -> Self {
        self.permitted(GeneralSubtree::Rfc822Name(domain.to_owned()))
    }

    /// Name constraints: one more subtree that is permitted.
    #[must_use]
    pub fn permitted(mut self, subtree: GeneralSubtree) -> Self {
        self.constraints().permitted_subtrees.push(subtree);
        self
    }

    /// Name constraints: one more subtree that is excluded.
    #[must_use]
    pub fn excluded(mut self, subtree: GeneralSubtree) -> Self {
        self.constraints().excluded_subtrees.push(subtree);
        self
    }

    /// Where its own revocation list is: the distribution point of what it issues.
    #[must_use]
    pub fn crl_url(mut self, url: &str) -> Self {
        self.list_urls.push(url.to_owned());
        self
    }

    /// One more OCSP responder that answers for this authority's own certificate.
    #[must_use]
    pub fn ocsp_url(mut self, url: &str) -> Self {
        self.contents.ocsp_urls.push(url.to_owned());
        self
    }

    /// One more extension with the DER of its value.
    #[must_use]
    pub fn extension(mut self, object_identifier: &[u64], value: Vec<u8>) -> Self {
        self.contents
            .extensions
            .push(raw_extension(object_identifier, false, value));
        self
    }

    /// One more extension that is critical.
    #[must_use]
    pub fn critical_extension(mut self, object_identifier: &[u64], value: Vec<u8>) -> Self {
        self.contents
            .extensions
            .push(raw_extension(object_identifier, true, value));
        self
    }

    fn constraints(&mut self) -> &mut NameConstraints {
        self.contents.constraints.get_or_insert_with(|| NameConstraints {
            permitted_subtrees: Vec::new(),
            excluded_subtrees: Vec::new(),
        })
    }
}

/// An authority of that common name, everything else as by default.
impl From<&str> for Ca {
    fn from(common_name: &str) -> Self {
        Self::named(common_name)
    }
}
