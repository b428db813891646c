//! What becomes of a client's certificate: nothing, a header with all of it, or headers about a verified one.
//!
//! The header lines are made once, when the connection opens, from the certificate that the handshake proved the key
//! of. Every request of the connection gets clones; nothing that a request says can change them.

use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use rustls::pki_types::{CertificateDer, UnixTime};
use transport::certificate::{Certificate, CertificateError};
use transport::forwarded_cert::{
    CLIENT_CERT, CLIENT_CERT_CHAIN, EncodeError, PASSTHROUGH_HEADER, alb_passthrough, alb_verify, rfc9440,
};
use transport::presented::PresentedChain;
use transport::serve::LONGEST_HEADER_LINE;
use transport::verify::TrustStore;

use crate::settings::HeaderFormat;

/// ELB's mutual authentication modes, ready to be used.
#[derive(Clone, Debug)]
pub(crate) enum ClientCertificates {
    /// `off`: clients are not asked.
    NotAsked,
    /// `passthrough`: the whole chain goes on, unjudged.
    Carried(HeaderFormat),
    /// `verify`: the handshake has judged the chain.
    Verified {
        /// By what. Asked again when the edge was reloaded.
        store: Arc<TrustStore>,
        /// Which headers tell of it.
        format: HeaderFormat,
    },
}

/// What is known of a client by its certificate, for as long as its connection lasts.
#[derive(Debug, Default)]
pub(crate) struct ClientIdentity {
    /// What it presented.
    pub(crate) chain: Option<PresentedChain>,
    /// The header lines that tell of it.
    pub(crate) lines: Box<[(HeaderName, HeaderValue)]>,
    /// When the judgement ends: the first `notAfter` or `nextUpdate` of what it rests on. None where nothing was judged.
    pub(crate) valid_until: Option<UnixTime>,
}

/// A connection that must be closed because of its certificate.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum RefusedCertificate {
    /// The certificate itself.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It does not fit in a header. It is never cut: a cut chain is another chain.
    #[error("the certificate cannot be carried in a header: {0}")]
    Encoding(#[from] EncodeError),
}

impl RefusedCertificate {
    /// The code for `tls_verify_status` of the connection log (headers.md A.6).
    pub(crate) fn connection_log_code(&self) -> &'static str {
        match self {
            Self::Certificate(error) => error.connection_log_code(),
            Self::Encoding(_) => "ClientCertMaxSizeExceeded",
        }
    }
}

impl ClientCertificates {
    /// Turns what the handshake brought into the lines that go on with every request.
    pub(crate) fn identify(
        &self,
        presented: Option<&[CertificateDer<'_>]>,
    ) -> Result<ClientIdentity, RefusedCertificate> {
        let (Some(presented), Self::Carried(_) | Self::Verified { .. }) = (presented, self) else {
            return Ok(ClientIdentity::default());
        };
        let chain = PresentedChain::from_handshake(presented)?;
        let (lines, valid_until) = match self {
            Self::NotAsked => (Box::default(), None),
            Self::Carried(format) => (carried(&chain, *format)?, None),
            Self::Verified { store, format } => {
                // The handshake has just verified it: this recalls the path.
                let path = store.verify_once(&chain, UnixTime::now())?;
                (verified(path.leaf(), &chain, *format)?, Some(path.valid_until()))
            }
        };
        within_a_line(&lines)?;
        Ok(ClientIdentity {
            chain: Some(chain),
            lines,
            valid_until,
        })
    }
}

/// The next tier counts the name and the separator too: what would be 431 there on every request is refused here, once.
fn within_a_line(lines: &[(HeaderName, HeaderValue)]) -> Result<(), EncodeError> {
    let longest = lines
        .iter()
        .map(|(name, value)| name.as_str().len() + ": ".len() + value.len());
    match longest.max() {
        Some(octets) if octets > LONGEST_HEADER_LINE => Err(EncodeError::TooLarge { octets }),
        Some(_) | None => Ok(()),
    }
}

fn carried(chain: &PresentedChain, format: HeaderFormat) -> Result<Lines, EncodeError> {
    match format {
        HeaderFormat::Alb => Ok([(PASSTHROUGH_HEADER, alb_passthrough(chain)?)].into()),
        HeaderFormat::Rfc9440 => client_cert(chain),
    }
}

fn verified(leaf: &Certificate, chain: &PresentedChain, format: HeaderFormat) -> Result<Lines, EncodeError> {
    match format {
        HeaderFormat::Alb => Ok(alb_verify(leaf)?.into()),
        HeaderFormat::Rfc9440 => client_cert(chain),
    }
}

fn client_cert(chain: &PresentedChain) -> Result<Lines, EncodeError> {
    let (leaf, rest) = rfc9440(chain)?;
    let rest = rest.map(|rest| (CLIENT_CERT_CHAIN, rest));
    Ok([(CLIENT_CERT, leaf)].into_iter().chain(rest).collect())
}

type Lines = Box<[(HeaderName, HeaderValue)]>;

#[cfg(test)]
mod tests {
    use transport::pem;

    use super::*;

    fn vectors(names: &[&str]) -> Vec<CertificateDer<'static>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
        names
            .iter()
            .flat_map(|name| pem::certificates(&folder.join(name)).unwrap())
            .collect()
    }

    fn lines(clients: &ClientCertificates, chain: &[CertificateDer<'static>]) -> Vec<(String, String)> {
        let identity = clients.identify(Some(chain)).unwrap();
        assert_eq!(identity.chain.unwrap().all(), chain);
        identity
            .lines
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn the_whole_chain_is_carried_in_either_format() {
        let chain = vectors(&["leaf.pem", "int.pem"]);
        assert_eq!(
            lines(&ClientCertificates::Carried(HeaderFormat::Alb), &chain),
            [(
                "x-amzn-mtls-clientcert".to_owned(),
                include_str!("../tests/vectors/leaf.alb-passthrough.leaf+int.txt").to_owned()
            )]
        );
        assert_eq!(
            lines(&ClientCertificates::Carried(HeaderFormat::Rfc9440), &chain),
            [
                (
                    "client-cert".to_owned(),
                    include_str!("../tests/vectors/leaf.rfc9440.Client-Cert.txt").to_owned()
                ),
                (
                    "client-cert-chain".to_owned(),
                    include_str!("../tests/vectors/leaf.rfc9440.Client-Cert-Chain.txt").to_owned()
                )
            ]
        );
        // RFC 9440: no chain, no second header.
        let alone = lines(&ClientCertificates::Carried(HeaderFormat::Rfc9440), &chain[..1]);
        assert_eq!(alone.len(), 1);
    }

    #[test]
    fn no_certificate_and_not_asked_make_no_lines() {
        let chain = vectors(&["leaf.pem"]);
        for (clients, presented) in [
            (ClientCertificates::NotAsked, Some(&chain[..])),
            (ClientCertificates::Carried(HeaderFormat::Alb), None),
        ] {
            let identity = clients.identify(presented).unwrap();
            assert!(identity.lines.is_empty() && identity.chain.is_none());
        }
    }

    #[test]
    fn a_chain_that_does_not_fit_is_refused_and_not_cut() {
        let large = CertificateDer::from(vec![7; 13_000]);
        for format in [HeaderFormat::Alb, HeaderFormat::Rfc9440] {
            let refused = ClientCertificates::Carried(format)
                .identify(Some(std::slice::from_ref(&large)))
                .unwrap_err();
            assert_eq!(refused.connection_log_code(), "ClientCertMaxSizeExceeded");
        }
        let many = vec![CertificateDer::from(vec![7; 10]); 9];
        let refused = ClientCertificates::Carried(HeaderFormat::Alb)
            .identify(Some(&many))
            .unwrap_err();
        assert_eq!(refused.connection_log_code(), "ClientCertMaxSizeExceeded");
    }
}
