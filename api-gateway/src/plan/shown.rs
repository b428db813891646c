//! A certificate as it is shown: in a handshake, or in a header.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use transport::certificate::Certificate;
use transport::forwarded_cert::{HeaderFormat, alb_passthrough, decode, rfc9440};
use transport::presented::PresentedChain;

use super::holder::Leaves;
use super::instances::Source;
use super::names::PlannedName;
use crate::identity::Digest;

/// A certificate as it is shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) leaf: Arc<Certificate>,
    pub(super) chain: PresentedChain,
    in_handshake: Digest,
    url_encoded: HeaderValue,
    base64: HeaderValue,
}

/// A header that carries a certificate, and how it is written there.
pub(super) type HeaderLine = (HeaderName, HeaderFormat);

impl Shown {
    /// One with this name, if there can be one.
    pub(super) fn by(leaves: &Leaves, name: &PlannedName) -> Option<Self> {
        let leaf = leaves.with(name)?;
        let chain = PresentedChain::new(vec![leaf.der().clone()]).ok()?;
        let (structured, _) = rfc9440(&chain).ok()?;
        let base64 = structured.to_str().ok()?.trim_matches(':');
        Some(Self {
            in_handshake: Digest(chain.digest()),
            url_encoded: alb_passthrough(&chain).ok()?,
            base64: HeaderValue::from_str(base64).ok()?,
            leaf,
            chain,
        })
    }

    /// As a header holds it.
    pub(super) fn written(&self, format: HeaderFormat) -> &HeaderValue {
        match format {
            HeaderFormat::UrlEncoded => &self.url_encoded,
            HeaderFormat::Base64 => &self.base64,
        }
    }

    /// What stands for it where a plugin reads: nothing that the plugin cannot decode.
    pub(super) fn read_by(&self, source: Source<'_>, lines: &[HeaderLine]) -> Vec<Digest> {
        let (header, format) = match source {
            Source::Socket => return vec![self.in_handshake],
            Source::Header(header, format, _) => (header, format),
        };
        let values = lines
            .iter()
            .filter(|(name, _)| name == header)
            .map(|(_, written)| self.written(*written).as_bytes());
        values
            .filter(|value| decode(format, value).is_ok())
            .map(Digest::of)
            .collect()
    }
}
