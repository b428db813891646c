//! What an end-entity certificate says.

use std::net::IpAddr;

use rcgen::KeyUsagePurpose;

use super::{
    AlternativeName, Attribute, KeyKind, Serial, Subject, Usage, Validity,
    contents::{Basic, Contents, Version, raw_extension},
};

/// The description of a leaf: by default P-256, valid for 730 days, digitalSignature, one extended usage.
///
/// Every method changes one thing and nothing is checked, so that hostile certificates are as easy as good ones:
///
/// ```
/// use certs::{Attribute, Authority, KeyKind, Leaf, Subject, Usage, Validity};
///
/// # fn main() -> Result<(), certs::PkiError> {
/// let authority = Authority::root("Root")?;
/// for leaf in [
///     Leaf::client("alice").email("alice@example.com").uri("spiffe://example.com/alice"),
///     Leaf::client("alice").another_common_name("bob"),
///     Leaf::client("alice\0.example.com"),
///     Leaf::client("alice").usages([Usage::Email]).key(KeyKind::Ed25519),
///     Leaf::client("alice").validity(Validity::ended_days_ago(1)),
///     Leaf::client("alice").critical_extension(&[1, 2, 3], vec![5, 0]),
///     Leaf::client("alice").claiming_to_be_an_authority(),
///     Leaf::client("alice").version_1(),
/// ] {
///     authority.issue(leaf)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Leaf(pub(crate) Contents);

impl Leaf {
    /// A client's certificate: the common name, clientAuth.
    pub fn client(common_name: &str) -> Self {
        Self::for_usage(common_name, Usage::Client)
    }

    /// A server's certificate: serverAuth, and `dns_name` as the common name and as a DNS name.
    pub fn server(dns_name: &str) -> Self {
        Self::for_usage(dns_name, Usage::Server).dns(dns_name)
    }

    fn for_usage(common_name: &str, usage: Usage) -> Self {
        let mut contents = Contents::new(
            Subject::common_name(common_name),
            Basic::Leaf,
            Validity::of_leaves(),
        );
        contents.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        contents.usages = vec![usage];
        Self(contents)
    }

    /// Another subject.
    #[must_use]
    pub fn subject(mut self, subject: Subject) -> Self {
        self.0.subject = subject;
        self
    }

    /// One more common name, which makes the identity ambiguous.
    #[must_use]
    pub fn another_common_name(mut self, name: &str) -> Self {
        self.0.subject = self.0.subject.with(Attribute::CommonName, name);
        self
    }

    /// One more e-mail address among the alternative names.
    #[must_use]
    pub fn email(self, address: &str) -> Self {
        self.alternative_name(AlternativeName::Email(address.to_owned()))
    }

    /// One more DNS name.
    #[must_use]
    pub fn dns(self, name: &str) -> Self {
        self.alternative_name(AlternativeName::Dns(name.to_owned()))
    }

    /// One more URI.
    #[must_use]
    pub fn uri(self, uri: &str) -> Self {
        self.alternative_name(AlternativeName::Uri(uri.to_owned()))
    }

    /// One more IP address.
    #[must_use]
    pub fn ip(self, address: impl Into<IpAddr>) -> Self {
        self.alternative_name(AlternativeName::Ip(address.into()))
    }

    /// One more alternative name of any kind, after those already there.
    #[must_use]
    pub fn alternative_name(mut self, name: AlternativeName) -> Self {
        self.0.names.push(name);
        self
    }

    /// When it is valid.
    #[must_use]
    pub fn validity(mut self, validity: Validity) -> Self {
        self.0.validity = validity;
        self
    }

    /// The kind of its key.
    #[must_use]
    pub fn key(mut self, kind: KeyKind) -> Self {
        self.0.key = kind;
        self
    }

    /// The extended key usages instead of the one it began with; none of them leaves the extension out.
    #[must_use]
    pub fn usages(mut self, usages: impl IntoIterator<Item = Usage>) -> Self {
        self.0.usages = usages.into_iter().collect();
        self
    }

    /// The key usages instead of digitalSignature; none of them leaves the extension out.
    #[must_use]
    pub fn key_usages(mut self, usages: impl IntoIterator<Item = KeyUsagePurpose>) -> Self {
        self.0.key_usages = usages.into_iter().collect();
        self
    }

    /// Its serial number instead of a random one.
    #[must_use]
    pub fn serial(mut self, serial: &[u8]) -> Self {
        self.0.serial = Some(Serial::new(serial));
        self
    }

    /// Where its revocation list is, instead of where its authority says; none leaves the extension out.
    #[must_use]
    pub fn crl_urls<'a>(mut self, urls: impl IntoIterator<Item = &'a str>) -> Self {
        self.0.crl_urls = Some(urls.into_iter().map(str::to_owned).collect());
        self
    }

    /// One more OCSP responder.
    #[must_use]
    pub fn ocsp_url(mut self, url: &str) -> Self {
        self.0.ocsp_urls.push(url.to_owned());
        self
    }

    /// One more extension with the DER of its value.
    #[must_use]
    pub fn extension(mut self, object_identifier: &[u64], value: Vec<u8>) -> Self {
        self.0
            .extensions
            .push(raw_extension(object_identifier, false, value));
        self
    }

    /// One more extension that is critical.
    #[must_use]
    pub fn critical_extension(mut self, object_identifier: &[u64], value: Vec<u8>) -> Self {
        self.0
            .extensions
            .push(raw_extension(object_identifier, true, value));
        self
    }

    /// basicConstraints with the CA flag, which no leaf should have.
    #[must_use]
    pub fn claiming_to_be_an_authority(mut self) -> Self {
        self.0.basic = Basic::Authority(None);
        self
    }

    /// X.509 version 1: no extensions at all, whatever else was asked for.
    #[must_use]
    pub fn version_1(mut self) -> Self {
        self.0.version = Version::V1;
        self
    }
}
