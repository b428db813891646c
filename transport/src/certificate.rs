//! One certificate, read once, with the facts that decisions need.

use std::fmt;
use std::net::IpAddr;
use std::sync::OnceLock;
use std::time::Duration;

use aws_lc_rs::digest;
use rustls::pki_types::{CertificateDer, UnixTime};
use time::OffsetDateTime;
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::nom::Parser;

pub use crate::certificate_error::CertificateError;
use crate::distinguished_name::DistinguishedName;
use crate::signature::Signed;

mod extensions;
mod public_key;

pub(crate) use extensions::Constraints;
use extensions::Extensions;
pub use public_key::PublicKey;

/// An X.509 certificate, parsed strictly: DER, consumed to its last octet, no extension twice. Parsing judges nothing else: dates, keys
/// and trust are for `TrustStore::verify`.
pub struct Certificate {
    der: CertificateDer<'static>,
    sha256: OnceLock<[u8; 32]>,
    version: u32,
    raw_serial: Box<[u8]>,
    serial: String,
    subject: DistinguishedName,
    issuer: DistinguishedName,
    not_before: UnixTime,
    not_after: UnixTime,
    subject_public_key_info: Box<[u8]>,
    public_key: PublicKey,
    extensions: Extensions,
}

/// One subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlternativeName {
    /// rfc822Name, ASCII.
    Email(String),
    /// dNSName, ASCII; a wildcard is text like any other.
    Dns(String),
    /// uniformResourceIdentifier, ASCII.
    Uri(String),
    /// iPAddress of 4 or 16 octets.
    Ip(IpAddr),
    /// directoryName.
    Directory(DistinguishedName),
    /// Any other kind, or one of the above whose octets are not of its kind.
    Other,
}

impl Certificate {
    /// Parses DER. `Malformed` says what is wrong.
    pub fn parse(der: CertificateDer<'static>) -> Result<Self, CertificateError> {
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let (rest, parsed) = parser
            .parse(&der)
            .map_err(|_| malformed("it is not an X.509 certificate in DER"))?;
        if !rest.is_empty() {
            return Err(malformed("octets follow the certificate"));
        }
        let certificate = Self {
            sha256: OnceLock::new(),
            version: parsed.version.0.saturating_add(1),
            raw_serial: parsed.raw_serial().into(),
            serial: printed_serial(parsed.raw_serial())?,
            subject: name(parsed.subject.as_raw())?,
            issuer: name(parsed.issuer.as_raw())?,
            not_before: second(parsed.validity.not_before.timestamp())?,
            not_after: second(parsed.validity.not_after.timestamp())?,
            subject_public_key_info: parsed.subject_pki.raw.into(),
            public_key: PublicKey::read(&parsed.subject_pki),
            extensions: extensions_of(&parsed)?,
            der: CertificateDer::from(Vec::new()),
        };
        Ok(Self { der, ..certificate })
    }

    /// The DER it was read from.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// SHA-256 of the DER; computed once.
    pub fn sha256(&self) -> [u8; 32] {
        *self.sha256.get_or_init(|| {
            let mut whole = [0; 32];
            whole.copy_from_slice(digest::digest(&digest::SHA256, &self.der).as_ref());
            whole
        })
    }

    /// Whose certificate it is.
    pub fn subject(&self) -> &DistinguishedName {
        &self.subject
    }

    /// Who issued it, by its own words.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.issuer
    }

    /// The serial number as ALB prints it: upper-case hex, an even number of digits, without the sign octet.
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// The contents octets of the serial number, sign octet included: what revocation lists are searched for.
    pub fn raw_serial(&self) -> &[u8] {
        &self.raw_serial
    }

    /// The first second of its validity.
    pub fn not_before(&self) -> UnixTime {
        self.not_before
    }

    /// The last second of its validity.
    pub fn not_after(&self) -> UnixTime {
        self.not_after
    }

    /// Both dates as ALB writes them: `NotBefore=2023-09-21T01:50:17Z;NotAfter=2024-09-20T01:50:17Z`.
    pub fn validity(&self) -> String {
        let (from, to) = (iso8601(self.not_before), iso8601(self.not_after));
        format!("NotBefore={from};NotAfter={to}")
    }

    /// The subject alternative names in certificate order; `None` if the extension is absent.
    pub fn alternative_names(&self) -> Option<&[AlternativeName]> {
        self.extensions.alternative_names.as_deref()
    }

    /// Type and size of its key.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The DER SubjectPublicKeyInfo.
    pub fn subject_public_key_info(&self) -> &[u8] {
        &self.subject_public_key_info
    }

    /// Whether its basic constraints say that it is a certificate authority.
    pub fn is_ca(&self) -> bool {
        self.extensions.is_ca
    }

    /// Whether it names itself as its issuer and its own key made its signature. Costs one signature check.
    pub fn is_self_signed(&self) -> bool {
        self.has_signed(self)
    }

    /// Whether the key of this certificate made the signature of `other`, which names it as its issuer. Says nothing about the right to.
    /// Costs one signature check where the names agree.
    pub fn has_signed(&self, other: &Self) -> bool {
        self.subject.raw() == other.issuer.raw()
            && Signed::read(&other.der).is_some_and(|signed| signed.is_by(&self.subject_public_key_info))
    }

    /// Whether its name constraints are of kinds (e-mail, directory, URI …) that make the path builder refuse whoever has such a name.
    pub fn has_refusing_name_constraints(&self) -> bool {
        self.extensions.name_constraints == Constraints::Refusing
    }

    /// The http(s) and other URIs of its CRL distribution points (full names without reasons or another issuer); `None` if it has none.
    pub fn revocation_list_uris(&self) -> Option<&[String]> {
        self.extensions.revocation_list_uris.as_deref()
    }

    /// The URIs of the OCSP responders that it names.
    pub fn ocsp_uris(&self) -> &[String] {
        &self.extensions.ocsp_uris
    }

    /// Whether its holder wants clients to insist on a stapled OCSP answer ("must staple", RFC 7633).
    pub fn must_be_stapled(&self) -> bool {
        self.extensions.must_be_stapled
    }

    /// Whether it says where the certificate of its issuer is to be had, as certificates of intermediates do.
    pub fn names_where_its_issuer_is(&self) -> bool {
        self.extensions.names_where_its_issuer_is
    }

    /// Whether its extended key usage is present and holds id-kp-OCSPSigning: a delegated responder.
    pub fn may_sign_ocsp(&self) -> bool {
        self.extensions
            .extended_key_usage
            .is_some_and(|usage| usage.ocsp_signing)
    }

    /// Whether its key usage lets it sign certificates; an absent extension allows everything (RFC 5280 4.2.1.3).
    pub fn may_sign_certificates(&self) -> bool {
        self.extensions
            .key_usage
            .is_none_or(|usage| usage.key_cert_sign())
    }

    /// Whether its key usage lets it sign revocation lists.
    pub fn may_sign_revocation_lists(&self) -> bool {
        self.extensions.key_usage.is_none_or(|usage| usage.crl_sign())
    }

    /// X.509 version, 1 to 3.
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    pub(crate) fn extensions(&self) -> &Extensions {
        &self.extensions
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, serial {})", self.subject, self.serial)
    }
}

/// A time as ISO 8601 in UTC with whole seconds, as ALB writes dates.
pub fn iso8601(time: UnixTime) -> String {
    let second = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    match OffsetDateTime::from_unix_timestamp(second) {
        Ok(moment) => format!(
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second()
        ),
        Err(_) => "9999-12-31T23:59:59Z".to_owned(),
    }
}

fn extensions_of(parsed: &X509Certificate<'_>) -> Result<Extensions, CertificateError> {
    let extensions = parsed.extensions();
    if parsed.version.0 < 2 && !extensions.is_empty() {
        return Err(malformed("it has extensions but is not version 3"));
    }
    Extensions::read(extensions)
}

fn name(raw: &[u8]) -> Result<DistinguishedName, CertificateError> {
    DistinguishedName::parse(raw).ok_or_else(|| malformed("a name in it is not a name"))
}

fn second(timestamp: i64) -> Result<UnixTime, CertificateError> {
    let since_epoch = u64::try_from(timestamp).map_err(|_| malformed("a date in it is before 1970"))?;
    Ok(UnixTime::since_unix_epoch(Duration::from_secs(since_epoch)))
}

fn printed_serial(raw: &[u8]) -> Result<String, CertificateError> {
    let digits = match raw {
        [] => return Err(malformed("its serial number is empty")),
        [0, rest @ ..] if !rest.is_empty() => rest,
        all => all,
    };
    Ok(hex(digits))
}

fn hex(octets: &[u8]) -> String {
    use fmt::Write as _;
    octets
        .iter()
        .fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{octet:02X}");
            text
        })
}

fn malformed(what: &'static str) -> CertificateError {
    CertificateError::Malformed(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distinguished_name::CommonName;
    use crate::pem::certificates_in;

    fn vector() -> Certificate {
        let pem = include_bytes!("../tests/vectors/leaf.pem");
        Certificate::parse(certificates_in(pem, "leaf").expect("a vector").remove(0)).expect("a certificate")
    }

    #[test]
    fn the_facts_of_a_certificate() {
        let leaf = vector();
        assert_eq!(leaf.serial(), "03A5B1C2D3E4F506");
        assert_eq!(
            leaf.raw_serial(),
            [0x03, 0xa5, 0xb1, 0xc2, 0xd3, 0xe4, 0xf5, 0x06]
        );
        assert_eq!(leaf.subject().common_name(), CommonName::One("alice"));
        assert_eq!(iso8601(leaf.not_after()), "2036-01-02T03:04:05Z");
        assert_eq!(leaf.public_key(), PublicKey::P256);
        assert!(!leaf.is_ca() && !leaf.is_self_signed());
        let names = [
            AlternativeName::Email("alice@example.com".to_owned()),
            AlternativeName::Dns("client1.example.com".to_owned()),
            AlternativeName::Uri("spiffe://example.com/ns/payments/sa/alice".to_owned()),
        ];
        assert_eq!(leaf.alternative_names(), Some(&names[..]));
        let digest = include_str!("../tests/vectors/leaf.cloudflare.Cf-Client-Cert-Sha256.txt");
        assert_eq!(hex(&leaf.sha256()).to_lowercase(), digest);
    }

    #[test]
    fn serials_are_printed_without_the_sign_octet() {
        for (raw, printed) in [
            (&[0x05][..], "05"),
            (&[0x00], "00"),
            (&[0x00, 0xfe], "FE"),
            (&[0x00, 0x00, 0xfe], "00FE"),
            (&[0x01, 0x00], "0100"),
            (&[0xfe], "FE"),
        ] {
            assert_eq!(printed_serial(raw).as_deref(), Ok(printed), "{raw:02x?}");
        }
        assert!(printed_serial(&[]).is_err());
    }

    #[test]
    fn octets_of_an_attacker_make_no_panic_and_the_whole_input_is_consumed() {
        let good = vector().der().to_vec();
        for at in 0..good.len() {
            for octet in [0, 1, 0x30, 0x7f, 0x80, 0x81, 0x84, 0xff] {
                let mut altered = good.clone();
                altered[at] = octet;
                if let Ok(certificate) = Certificate::parse(altered.into()) {
                    let printed = format!(
                        "{certificate:?}{}{}",
                        certificate.issuer(),
                        certificate.validity()
                    );
                    assert!(printed.is_ascii(), "{printed}");
                }
            }
            assert!(Certificate::parse(good[..at].to_vec().into()).is_err());
        }
        let trailing = [&good[..], &[0]].concat();
        assert!(Certificate::parse(trailing.into()).is_err());
    }
}
