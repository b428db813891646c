//! A certificate, or a name alone, in DER: whatever is read of it is printable, of the size of the certificate, and
//! read the same way twice.

use rustls::pki_types::CertificateDer;
use transport::certificate::{AlternativeName, Certificate};
use transport::distinguished_name::{CommonName, DistinguishedName};

/// The octets are taken for a certificate, and for a distinguished name.
pub(crate) fn check(octets: &[u8]) {
    if let Some(name) = DistinguishedName::parse(octets) {
        assert_eq!(name.raw(), octets, "a name is all of its octets");
        read_name(&name);
    }
    let der = CertificateDer::from(octets.to_vec());
    let Ok(certificate) = Certificate::parse(der) else {
        return;
    };
    read_certificate(&certificate, octets);
    if let Ok(again) = Certificate::parse(certificate.der().clone()) {
        assert_eq!(again.alternative_names(), certificate.alternative_names());
        assert_eq!(again.subject(), certificate.subject());
        assert_eq!(again.sha256(), certificate.sha256());
    } else {
        panic!("read once, and not again");
    }
}

fn read_certificate(certificate: &Certificate, octets: &[u8]) {
    assert_eq!(certificate.der().as_ref(), octets);
    read_name(certificate.subject());
    read_name(certificate.issuer());
    let printed = format!("{certificate:?} {}", certificate.validity());
    assert!(is_printable(&printed), "{printed:?}");
    assert_eq!(certificate.serial().len() % 2, 0);
    assert!(certificate.serial().len() <= 2 * certificate.raw_serial().len());
    // Asked for so that nothing of it panics; what they answer is the verifier's business.
    let _ = (
        certificate.public_key().to_string(),
        certificate.is_ca(),
        certificate.is_self_signed(),
        certificate.has_refusing_name_constraints(),
        certificate.may_sign_certificates(),
        certificate.may_sign_revocation_lists(),
        certificate.may_sign_ocsp(),
        certificate.not_before() <= certificate.not_after(),
    );
    let mut kept = certificate.subject_public_key_info().len();
    for uri in certificate.revocation_list_uris().unwrap_or_default() {
        assert!(uri.is_ascii(), "{uri:?}");
        kept += uri.len();
    }
    for uri in certificate.ocsp_uris() {
        assert!(uri.is_ascii(), "{uri:?}");
        kept += uri.len();
    }
    for name in certificate.alternative_names().unwrap_or_default() {
        match name {
            AlternativeName::Email(text) | AlternativeName::Dns(text) | AlternativeName::Uri(text) => {
                assert!(text.is_ascii(), "{text:?}");
                kept += text.len();
            }
            AlternativeName::Ip(_) => kept += 4,
            AlternativeName::Directory(name) => {
                read_name(name);
                kept += name.raw().len();
            }
            AlternativeName::Other => {}
        }
    }
    assert!(kept <= octets.len(), "{} octets became {kept}", octets.len());
}

fn read_name(name: &DistinguishedName) {
    let printed = name.to_string();
    assert!(is_printable(&printed), "{printed:?}");
    assert!(!printed.starts_with(' ') && !printed.contains(['\r', '\n', '\0']));
    // The widest: an octet of Latin-1 is two of UTF-8, each printed as `\HH`, beside the name of the attribute.
    let octets = name.raw().len();
    assert!(
        printed.len() <= 8 * octets,
        "{octets} octets became {} printed ones",
        printed.len()
    );
    let values: Vec<String> = name
        .attributes()
        .into_iter()
        .filter_map(|(_, text)| text)
        .collect();
    let text: usize = values.iter().map(String::len).sum();
    assert!(text <= 2 * octets, "{octets} octets became {text} of text");
    match name.common_name() {
        CommonName::One(common_name) => {
            assert!(values.iter().any(|value| value == common_name), "{printed}");
            assert!(printed.contains("CN="), "{printed}");
        }
        CommonName::Absent | CommonName::Ambiguous => {}
    }
    assert_eq!(name.is_empty(), printed.is_empty());
    let again = DistinguishedName::parse(name.raw());
    assert!(
        again.as_ref() == Some(name),
        "read once, and not again: {printed}"
    );
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|octet| (0x20..=0x7e).contains(&octet))
}
