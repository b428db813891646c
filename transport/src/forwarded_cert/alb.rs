//! What an AWS Application Load Balancer writes, to the octet.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue};
use rustls::pki_types::CertificateDer;

use super::{EncodeError, header_value};
use crate::certificate::Certificate;
use crate::presented::PresentedChain;

/// The header of passthrough mode, as ALB names it by default.
pub const PASSTHROUGH_HEADER: HeaderName = HeaderName::from_static("x-amzn-mtls-clientcert");

/// The headers of verify mode, in the order of [`alb_verify`].
pub const VERIFY_HEADERS: [HeaderName; 5] = [
    HeaderName::from_static("x-amzn-mtls-clientcert-serial-number"),
    HeaderName::from_static("x-amzn-mtls-clientcert-issuer"),
    HeaderName::from_static("x-amzn-mtls-clientcert-subject"),
    HeaderName::from_static("x-amzn-mtls-clientcert-validity"),
    HeaderName::from_static("x-amzn-mtls-clientcert-leaf"),
];

/// `X-Amzn-Mtls-Clientcert`: everything the client presented, leaf first, as URL-encoded PEM with `+`, `=` and `/` left as they are.
pub fn alb_passthrough(chain: &PresentedChain) -> Result<HeaderValue, EncodeError> {
    url_encoded_pem(chain.all())
}

/// The five headers of verify mode: serial number, issuer, subject, validity, and the leaf alone.
pub fn alb_verify(leaf: &Certificate) -> Result<[(HeaderName, HeaderValue); 5], EncodeError> {
    let [serial_number, issuer, subject, validity, pem] = VERIFY_HEADERS;
    Ok([
        (serial_number, header_value(leaf.serial().to_owned())?),
        (issuer, header_value(leaf.issuer().to_string())?),
        (subject, header_value(leaf.subject().to_string())?),
        (validity, header_value(leaf.validity())?),
        (pem, url_encoded_pem(std::slice::from_ref(leaf.der()))?),
    ])
}

const BEGIN: &str = "-----BEGIN%20CERTIFICATE-----%0A";
const END: &str = "-----END%20CERTIFICATE-----%0A";
const LINE_END: &str = "%0A";
const COLUMNS: usize = 64;

/// The base64 alphabet is left alone by ALB's encoding, so only the armour and the line ends are escaped: they are written that way.
fn url_encoded_pem(certificates: &[CertificateDer<'_>]) -> Result<HeaderValue, EncodeError> {
    let octets: usize = certificates.iter().map(|der| der.len()).sum();
    let mut text = String::with_capacity(octets * 3 / 2 + 128 * certificates.len());
    for der in certificates {
        text.push_str(BEGIN);
        let encoded = STANDARD.encode(der);
        let mut rest = encoded.as_str();
        while let Some((line, after)) = rest.split_at_checked(COLUMNS) {
            text.push_str(line);
            text.push_str(LINE_END);
            rest = after;
        }
        if !rest.is_empty() {
            text.push_str(rest);
            text.push_str(LINE_END);
        }
        text.push_str(END);
    }
    header_value(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pem::certificates_in;

    fn chain(files: &[&[u8]]) -> PresentedChain {
        let read = |pem: &&[u8]| certificates_in(pem, "vector").expect("a vector");
        PresentedChain::new(files.iter().flat_map(read).collect()).expect("a chain")
    }

    const LEAF: &[u8] = include_bytes!("../../tests/vectors/leaf.pem");
    const INTERMEDIATE: &[u8] = include_bytes!("../../tests/vectors/int.pem");
    const ROOT: &[u8] = include_bytes!("../../tests/vectors/root.pem");

    #[test]
    fn passthrough_is_what_an_alb_writes() {
        let cases: [(&[&[u8]], &str); 3] = [
            (
                &[LEAF],
                include_str!("../../tests/vectors/leaf.alb-passthrough.leaf.txt"),
            ),
            (
                &[LEAF, INTERMEDIATE],
                include_str!("../../tests/vectors/leaf.alb-passthrough.leaf+int.txt"),
            ),
            (
                &[LEAF, INTERMEDIATE, ROOT],
                include_str!("../../tests/vectors/leaf.alb-passthrough.leaf+int+root.txt"),
            ),
        ];
        for (files, expected) in cases {
            assert_eq!(alb_passthrough(&chain(files)).expect("fits"), expected);
        }
    }

    #[test]
    fn verify_is_what_an_alb_writes() {
        let leaf = Certificate::parse(chain(&[LEAF]).leaf().clone()).expect("the leaf");
        let expected = [
            include_str!("../../tests/vectors/leaf.alb-verify.Serial-Number.txt"),
            include_str!("../../tests/vectors/leaf.alb-verify.Issuer.txt"),
            include_str!("../../tests/vectors/leaf.alb-verify.Subject.txt"),
            include_str!("../../tests/vectors/leaf.alb-verify.Validity.txt"),
            include_str!("../../tests/vectors/leaf.alb-verify.Leaf.txt"),
        ];
        let written = alb_verify(&leaf).expect("fits");
        for ((name, value), expected) in written.iter().zip(expected) {
            assert_eq!(value, expected, "{name}");
        }
        assert_eq!(written.map(|(name, _)| name), VERIFY_HEADERS);
    }

    #[test]
    fn a_value_beyond_the_limit_is_refused_and_not_cut() {
        // 48 octets make a line of 64 and its `%0A`.
        let der = |octets: usize| CertificateDer::from(vec![7; octets]);
        let largest = (super::super::MAX_HEADER_VALUE - BEGIN.len() - END.len()) / 67 * 48;
        assert!(url_encoded_pem(&[der(largest)]).is_ok());
        assert!(matches!(
            url_encoded_pem(&[der(largest + 48)]),
            Err(EncodeError::TooLarge { .. })
        ));
    }
}
