//! Reading a certificate header, octets of an attacker until proved otherwise.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::CertificateDer;
use thiserror::Error;

use super::MAX_HEADER_VALUE;
use crate::certificate_error::CertificateError;
use crate::der;
use crate::presented::PresentedChain;

/// The formats of Kong's `certificate_header_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum HeaderFormat {
    /// `url_encoded`: whole PEM, percent-encoded; what ALB and nginx send. May hold a chain, leaf first.
    UrlEncoded,
    /// `base64_encoded`: the base64 of one certificate without BEGIN and END lines.
    Base64,
}

/// Why a header value is no certificate. A client never sees it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// The value is longer than [`MAX_HEADER_VALUE`]; nothing was decoded.
    #[error("the certificate header is {octets} octets long, the limit is {MAX_HEADER_VALUE}")]
    TooLarge {
        /// How long it is.
        octets: usize,
    },
    /// Empty: an error, not an absence; some terminators blank what they cannot carry.
    #[error("the certificate header is empty")]
    Empty,
    /// A `%` that two hex digits do not follow.
    #[error("the certificate header has a broken percent escape at octet {at}")]
    PercentEscape {
        /// Where.
        at: usize,
    },
    /// An octet that a URL-encoded value does not hold unescaped.
    #[error("the certificate header has an octet at {at} that should be escaped")]
    Unescaped {
        /// Where.
        at: usize,
    },
    /// Not PEM blocks labelled CERTIFICATE and nothing else.
    #[error("the certificate header does not hold PEM certificates and nothing else")]
    NotPem,
    /// Not strict base64: the standard alphabet, padded.
    #[error("the certificate header is not base64")]
    NotBase64,
    /// RFC 9440: not a structured-field byte sequence.
    #[error("the certificate header is not a byte sequence (`:base64:`)")]
    NotAByteSequence,
    /// The octets inside are no certificate.
    #[error("the certificate header does not hold a certificate: {0}")]
    Certificate(#[from] CertificateError),
}

impl DecodeError {
    /// The reason, as access logs and metrics spell it.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "header_too_large",
            Self::Empty
            | Self::PercentEscape { .. }
            | Self::Unescaped { .. }
            | Self::NotPem
            | Self::NotBase64
            | Self::NotAByteSequence
            | Self::Certificate(_) => "header_malformed",
        }
    }
}

/// Reads a certificate header.
///
/// Accepted: upper- and lower-case hex, `=` as `%3D` (as in AWS's example), `+` and `/` escaped or not, CRLF for LF inside the PEM, a missing
/// last line end, lines of any length. `+` is never a space. Refused: anything before, between or after the PEM blocks, any label but
/// `CERTIFICATE`, unescaped spaces and control octets, URL-safe or unpadded base64, white space in `base64_encoded`, and the placeholders
/// (empty, `-`, `(null)`, `NONE`) by which terminators say that there was none. The leaf is parsed (and kept parsed); the certificates behind
/// it are hints and only have to be one whole DER element each.
///
/// ```
/// use transport::forwarded_cert::{HeaderFormat, decode};
///
/// assert!(decode(HeaderFormat::UrlEncoded, b"(null)").is_err());
/// ```
pub fn decode(format: HeaderFormat, value: &[u8]) -> Result<PresentedChain, DecodeError> {
    if value.len() > MAX_HEADER_VALUE {
        return Err(DecodeError::TooLarge { octets: value.len() });
    }
    if value.is_empty() {
        return Err(DecodeError::Empty);
    }
    let certificates = match format {
        HeaderFormat::UrlEncoded => pem_blocks(&percent_decoded(value)?)?,
        HeaderFormat::Base64 => vec![base64_certificate(value)?],
    };
    chain_of(certificates)
}

/// Each must be one whole SEQUENCE, the leaf a whole certificate.
pub(super) fn chain_of(certificates: Vec<Vec<u8>>) -> Result<PresentedChain, DecodeError> {
    let whole = |octets: &Vec<u8>| der::only(octets, der::SEQUENCE).is_some();
    if !certificates.iter().all(whole) {
        let problem = CertificateError::Malformed("it is not one DER element and nothing else".into());
        return Err(problem.into());
    }
    let chain = PresentedChain::new(certificates.into_iter().map(CertificateDer::from).collect())?;
    chain.leaf_certificate()?;
    Ok(chain)
}

/// Strict base64 of something.
pub(super) fn base64_certificate(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    match STANDARD.decode(text) {
        Ok(octets) if !octets.is_empty() => Ok(octets),
        Ok(_) | Err(_) => Err(DecodeError::NotBase64),
    }
}

/// Undoes URL encoding. Unescaped may be what RFC 3986 calls unreserved, and the three that ALB leaves: `+`, `=`, `/`.
fn percent_decoded(value: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut at = 0;
    while let Some(octet) = value.get(at) {
        match octet {
            b'%' => {
                let digits = value.get(at + 1).zip(value.get(at + 2));
                let (high, low) = digits.ok_or(DecodeError::PercentEscape { at })?;
                let escaped = hex_digit(*high).zip(hex_digit(*low));
                let (high, low) = escaped.ok_or(DecodeError::PercentEscape { at })?;
                decoded.push(high << 4 | low);
                at += 3;
            }
            b'-' | b'.' | b'_' | b'~' | b'+' | b'=' | b'/' => {
                decoded.push(*octet);
                at += 1;
            }
            alphanumeric if alphanumeric.is_ascii_alphanumeric() => {
                decoded.push(*octet);
                at += 1;
            }
            _ => return Err(DecodeError::Unescaped { at }),
        }
    }
    Ok(decoded)
}

fn hex_digit(octet: u8) -> Option<u8> {
    char::from(octet)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

const BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";
const END: &[u8] = b"-----END CERTIFICATE-----";

/// The blocks of a PEM text that is made of nothing else.
fn pem_blocks(text: &[u8]) -> Result<Vec<Vec<u8>>, DecodeError> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let mut lines = text
        .split(|octet| *octet == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut blocks = Vec::new();
    while let Some(first) = lines.next() {
        if first != BEGIN {
            return Err(DecodeError::NotPem);
        }
        blocks.push(pem_body(&mut lines)?);
    }
    Ok(blocks)
}

fn pem_body<'a>(lines: &mut impl Iterator<Item = &'a [u8]>) -> Result<Vec<u8>, DecodeError> {
    let mut body = Vec::new();
    for line in lines {
        if line == END {
            return base64_certificate(&body);
        }
        if line.is_empty() {
            return Err(DecodeError::NotPem);
        }
        body.extend_from_slice(line);
    }
    Err(DecodeError::NotPem) // no END
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pem::certificates_in;

    const LEAF: &str = include_str!("../../tests/vectors/leaf.alb-passthrough.leaf.txt");
    const BOTH: &str = include_str!("../../tests/vectors/leaf.alb-passthrough.leaf+int.txt");
    const THREE: &str = include_str!("../../tests/vectors/leaf.alb-passthrough.leaf+int+root.txt");
    const AWS_EXAMPLE: &str = include_str!("../../tests/vectors/leaf.alb-passthrough.docexample.txt");
    const NGINX: &str = include_str!("../../tests/vectors/leaf.nginx.ssl_client_escaped_cert.txt");
    const NGINX_DEPRECATED: &str = include_str!("../../tests/vectors/leaf.nginx.ssl_client_cert.txt");
    const BASE64: &str = include_str!("../../tests/vectors/leaf.base64-der.txt");
    const LEAF_PEM: &[u8] = include_bytes!("../../tests/vectors/leaf.pem");
    const INTERMEDIATE_PEM: &[u8] = include_bytes!("../../tests/vectors/int.pem");
    const ROOT_PEM: &[u8] = include_bytes!("../../tests/vectors/root.pem");

    fn der(pem: &[u8]) -> CertificateDer<'static> {
        certificates_in(pem, "vector").expect("a vector").remove(0)
    }

    fn url(value: &str) -> Result<PresentedChain, DecodeError> {
        decode(HeaderFormat::UrlEncoded, value.as_bytes())
    }

    #[test]
    fn what_terminators_send_is_read() {
        let crlf = LEAF.replace("%0A", "%0D%0A");
        let lower = BOTH.replace("%0A", "%0a");
        let unterminated = BOTH.strip_suffix("%0A").expect("a last line end");
        let escaped = LEAF_PEM.iter().map(|octet| format!("%{octet:02x}"));
        let everything_escaped = escaped.collect::<Vec<_>>().concat();
        let one_line = {
            let (head, tail) = LEAF.split_at("-----BEGIN%20CERTIFICATE-----%0A".len());
            let (body, end) = tail.split_once("-----END").expect("an end");
            format!("{head}{}%0A-----END{end}", body.replace("%0A", ""))
        };
        let cases = [
            (LEAF, 1),
            (BOTH, 2),
            (THREE, 3),
            (AWS_EXAMPLE, 2),
            (NGINX, 1),
            (&crlf, 1),
            (&lower, 2),
            (unterminated, 2),
            (&everything_escaped, 1),
            (&one_line, 1),
        ];
        let expected = [der(LEAF_PEM), der(INTERMEDIATE_PEM), der(ROOT_PEM)];
        for (value, count) in cases {
            let chain = url(value).unwrap_or_else(|error| panic!("{error}: {value}"));
            assert_eq!(chain.all(), &expected[..count], "{value}");
        }
        let chain = decode(HeaderFormat::Base64, BASE64.as_bytes()).expect("base64");
        assert_eq!(chain.all(), &expected[..1]);
    }

    #[test]
    fn everything_else_is_refused() {
        let space_for_plus = LEAF.replace('+', "%20");
        let form_encoded = LEAF.replace("%20", "+");
        let between = BOTH.replacen("%0A-----BEGIN", "%0Asubject%0A-----BEGIN", 1);
        let blank_between = BOTH.replacen("%0A-----BEGIN", "%0A%0A-----BEGIN", 1);
        let after = format!("{LEAF}x");
        let blank_after = format!("{LEAF}%0A");
        let before = format!("%0A{LEAF}");
        let trusted = LEAF.replace("%20CERTIFICATE", "%20TRUSTED%20CERTIFICATE");
        let key = LEAF.replace("%20CERTIFICATE", "%20PRIVATE%20KEY");
        let no_end = &LEAF[..LEAF.len() / 2];
        let unescaped_space = LEAF.replace("%20", " ");
        let url_safe = LEAF.replace('+', "-").replace('/', "_");
        let unpadded = LEAF.replace('=', "");
        let broken_escape = LEAF.replacen("%0A", "%0g", 1);
        let cut_escape = format!("{LEAF}%0");
        let nul = LEAF.replacen("%0A", "%00", 1);
        let indented = LEAF.replacen("%0A", "%0A%20", 1);
        let not_a_certificate = "-----BEGIN%20CERTIFICATE-----%0AMAA=%0A-----END%20CERTIFICATE-----%0A";
        let empty_block = "-----BEGIN%20CERTIFICATE-----%0A-----END%20CERTIFICATE-----%0A";
        let nine = LEAF.repeat(9);
        let garbage_behind =
            format!("{LEAF}-----BEGIN%20CERTIFICATE-----%0AAAAA%0A-----END%20CERTIFICATE-----%0A");
        let bad = [
            "",
            "-",
            "(null)",
            "NONE",
            "%",
            "%0A",
            BASE64,
            NGINX_DEPRECATED,
            &space_for_plus,
            &form_encoded,
            &between,
            &blank_between,
            &after,
            &blank_after,
            &before,
            &trusted,
            &key,
            no_end,
            &unescaped_space,
            &url_safe,
            &unpadded,
            &broken_escape,
            &cut_escape,
            &nul,
            &indented,
            not_a_certificate,
            empty_block,
            &nine,
            &garbage_behind,
        ];
        for value in bad {
            let error = url(value).expect_err(value);
            assert_eq!(error.reason(), "header_malformed", "{value}");
        }
    }

    #[test]
    fn base64_is_one_certificate_in_the_standard_alphabet() {
        let with_line_end = format!("{BASE64}\n");
        let url_safe = BASE64.replace('+', "-").replace('/', "_");
        let unpadded = BASE64.trim_end_matches('=');
        let escaped = BASE64.replace('=', "%3D");
        let twice = format!("{BASE64}{BASE64}");
        let trailing = {
            let mut octets = der(LEAF_PEM).to_vec();
            octets.push(0);
            STANDARD.encode(octets)
        };
        for bad in [
            "",
            "-",
            "(null)",
            "NONE",
            LEAF,
            &with_line_end,
            &url_safe,
            unpadded,
            &escaped,
            &twice,
            &trailing,
            "AAAA",
        ] {
            assert!(decode(HeaderFormat::Base64, bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn size_is_judged_before_anything_is_decoded() {
        let large = "%".repeat(MAX_HEADER_VALUE + 1);
        for format in [HeaderFormat::UrlEncoded, HeaderFormat::Base64] {
            let error = decode(format, large.as_bytes()).expect_err("too large");
            assert_eq!(error.reason(), "header_too_large");
        }
        assert_eq!(
            url(&large[1..]).expect_err("at the limit").reason(),
            "header_malformed"
        );
    }

    #[test]
    fn octets_of_an_attacker_make_no_panic_and_a_cut_value_no_certificate() {
        for at in 0..LEAF.len() {
            for octet in [0, b'\n', b' ', b'%', b'+', b'=', b'A', b'-', 0x80, 0xff] {
                let mut value = LEAF.as_bytes().to_vec();
                value[at] = octet;
                let _ = decode(HeaderFormat::UrlEncoded, &value);
            }
            let (head, tail) = LEAF.split_at(at);
            let only_the_line_end_is_gone = tail == "%0A";
            assert_eq!(url(head).is_ok(), only_the_line_end_is_gone, "{head}");
            assert_eq!(url(tail).is_ok(), at == 0, "{tail}");
        }
    }
}
