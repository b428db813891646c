//! The certificates of a failed handshake, for people: names, serials, dates and digests; never a PEM, never a key.

use aws_lc_rs::digest;
use rustls::pki_types::CertificateDer;
use serde::Serialize;

use crate::certificate::{Certificate, iso8601};
use crate::presented::MAX_PRESENTED;

/// Names are a stranger's words; of a longer one only so many characters are kept.
const LONGEST: usize = 256;

/// A chain as it was shown, leaf first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownChain {
    /// Who showed it.
    pub shown_by: ShownBy,
    /// The certificates, a few of them.
    pub certificates: Vec<ShownCertificate>,
}

/// Whose certificates they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShownBy {
    /// The other side showed them to us.
    Peer,
    /// We showed them to the other side.
    Us,
}

/// One certificate, as it is told of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownCertificate {
    /// Whose it is; `(unreadable)` if it cannot be read, and then the rest but the digest is empty.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// Its serial number, as ALB prints it.
    pub serial: String,
    /// SHA-256 of its DER, lower-case hex.
    pub sha256: String,
    /// Its first second.
    pub not_before: String,
    /// Its last second.
    pub not_after: String,
    /// Whether it is the one that the handshake failed for.
    pub failed: bool,
}

impl ShownChain {
    /// Reads a chain. `failed` is the subject of the certificate that it is about.
    pub(crate) fn of(shown_by: ShownBy, chain: &[CertificateDer<'_>], failed: Option<&str>) -> Option<Self> {
        let mut certificates: Vec<_> = chain
            .iter()
            .take(MAX_PRESENTED)
            .map(ShownCertificate::of)
            .collect();
        let failed = failed.map(|failed| shortened(failed, LONGEST));
        let mut found = certificates.iter_mut();
        if let Some(guilty) = found.find(|shown| Some(&shown.subject) == failed.as_ref()) {
            guilty.failed = true;
        }
        (!certificates.is_empty()).then_some(Self {
            shown_by,
            certificates,
        })
    }
}

impl ShownCertificate {
    fn of(der: &CertificateDer<'_>) -> Self {
        let sha256 = lower_hex(digest::digest(&digest::SHA256, der).as_ref());
        match Certificate::parse(der.clone().into_owned()) {
            Ok(read) => Self {
                subject: shortened(&read.subject().to_string(), LONGEST),
                issuer: shortened(&read.issuer().to_string(), LONGEST),
                serial: shortened(read.serial(), LONGEST),
                sha256,
                not_before: iso8601(read.not_before()),
                not_after: iso8601(read.not_after()),
                failed: false,
            },
            Err(_) => Self {
                subject: "(unreadable)".to_owned(),
                issuer: String::new(),
                serial: String::new(),
                sha256,
                not_before: String::new(),
                not_after: String::new(),
                failed: false,
            },
        }
    }
}

/// The beginning of a text that a stranger may have made long.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

fn lower_hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    octets.iter().fold(String::with_capacity(64), |mut text, octet| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{octet:02x}");
        text
    })
}
