//! Why the edge answers a request by itself, and what the client is told: ALB's codes (headers.md A.8) and a page of
//! two lines. The cause is for the log.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use transport::body::ResponseBody;
use transport::upstream::UpstreamError;

/// Why a request got no answer of a target.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Rejection {
    /// CONNECT makes no sense here, TRACE would show a target's view of headers to scripts.
    #[error("the method is not allowed")]
    Method,
    /// RFC 9112 §3.2: exactly one Host, and one that is a host.
    #[error("the request names no host, several, or none that is one")]
    Host,
    /// More than ALB's 16 KiB.
    #[error("the URI is too long")]
    UriTooLong,
    /// A header line of more than 16 KiB.
    #[error("a header line is too long")]
    HeaderTooLong,
    /// RFC 9112 §6.1: a coding that we would have to undo before we could forward it.
    #[error("the transfer coding is not known")]
    TransferCoding,
    /// Two readings of one request are possible.
    #[error("the request could be read in two ways")]
    Desync,
    /// More than 30 addresses in X-Forwarded-For.
    #[error("X-Forwarded-For holds too many addresses")]
    TooManyAddresses,
    /// A reload made this listener something else than an HTTP one; the connection is about to be closed.
    #[error("the listener no longer speaks HTTP")]
    ListenerChanged,
    /// A target switched protocols without being asked.
    #[error("the target switched protocols without being asked")]
    UnaskedUpgrade,
    /// No target answered.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
}

/// ALB's code for an X-Forwarded-For that is too long; not a registered one.
const TOO_MANY_ADDRESSES: u16 = 463;

impl Rejection {
    /// What the client sees.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Host | Self::Desync => StatusCode::BAD_REQUEST,
            Self::UriTooLong => StatusCode::URI_TOO_LONG,
            Self::HeaderTooLong => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TransferCoding => StatusCode::NOT_IMPLEMENTED,
            Self::TooManyAddresses => {
                StatusCode::from_u16(TOO_MANY_ADDRESSES).unwrap_or(StatusCode::BAD_REQUEST)
            }
            Self::ListenerChanged => StatusCode::SERVICE_UNAVAILABLE,
            Self::UnaskedUpgrade => StatusCode::BAD_GATEWAY,
            Self::Upstream(error) => upstream_status(error),
        }
    }

    /// The reason in the access log, in the words that both tiers use. None where the request itself was at fault.
    pub(crate) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Method
            | Self::Host
            | Self::UriTooLong
            | Self::TransferCoding
            | Self::Desync
            | Self::ListenerChanged
            | Self::TooManyAddresses => None,
            Self::HeaderTooLong => Some("header_too_large"),
            Self::UnaskedUpgrade => Some("upstream_unreachable"),
            Self::Upstream(error) => match error {
                UpstreamError::Unresolved { .. }
                | UpstreamError::Refused { .. }
                | UpstreamError::Exchange(_) => Some("upstream_unreachable"),
                UpstreamError::Tls { .. } => Some("upstream_tls"),
                UpstreamError::ConnectTimeout { .. } | UpstreamError::Silent { .. } => {
                    Some("upstream_timeout")
                }
                UpstreamError::ClientCutOff | UpstreamError::ClientStalled | UpstreamError::BodyTooLong => {
                    None
                }
            },
        }
    }

    /// Whether the connection must not carry another request: how this one ends is in doubt.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self, Self::Desync | Self::TransferCoding | Self::ListenerChanged)
    }

    /// The answer. No Server header, no word about the cause.
    pub(crate) fn response(&self) -> Response<ResponseBody> {
        let status = self.status();
        let mut response = Response::new(ResponseBody::full(page(status)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(
                header::ALLOW,
                HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            );
        }
        response
    }
}

fn upstream_status(error: &UpstreamError) -> StatusCode {
    match error {
        UpstreamError::Unresolved { .. } => StatusCode::SERVICE_UNAVAILABLE,
        UpstreamError::Refused { .. } | UpstreamError::Tls { .. } | UpstreamError::Exchange(_) => {
            StatusCode::BAD_GATEWAY
        }
        UpstreamError::ConnectTimeout { .. } | UpstreamError::Silent { .. } => StatusCode::GATEWAY_TIMEOUT,
        UpstreamError::ClientCutOff => StatusCode::BAD_REQUEST,
        UpstreamError::ClientStalled => StatusCode::REQUEST_TIMEOUT,
        UpstreamError::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
    }
}

fn page(status: StatusCode) -> Bytes {
    let code = status.as_str();
    let title = match status.canonical_reason() {
        Some(reason) => format!("{code} {reason}"),
        None => code.to_owned(),
    };
    format!("<html><head><title>{title}</title></head>\n<body><h1>{title}</h1></body></html>\n").into()
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::time::Duration;

    use transport::handshake_diagnosis::{Diagnosis, FailureClass};
    use transport::upstream::Address;

    use super::*;

    fn address() -> Address {
        Address {
            host: "127.0.0.1".into(),
            port: 1,
        }
    }

    #[test]
    fn every_cause_has_albs_code() {
        let io = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let late = Duration::from_secs(10);
        for (rejection, status, reason) in [
            (Rejection::Method, 405, None),
            (Rejection::Host, 400, None),
            (Rejection::UriTooLong, 414, None),
            (Rejection::HeaderTooLong, 431, Some("header_too_large")),
            (Rejection::TransferCoding, 501, None),
            (Rejection::Desync, 400, None),
            (Rejection::TooManyAddresses, 463, None),
            (Rejection::UnaskedUpgrade, 502, Some("upstream_unreachable")),
            (
                Rejection::Upstream(UpstreamError::Unresolved {
                    host: "x".into(),
                    source: io(),
                }),
                503,
                Some("upstream_unreachable"),
            ),
            (
                Rejection::Upstream(UpstreamError::Refused {
                    address: address(),
                    source: io(),
                }),
                502,
                Some("upstream_unreachable"),
            ),
            (
                Rejection::Upstream(UpstreamError::Tls {
                    address: address(),
                    diagnosis: Box::new(Diagnosis {
                        class: FailureClass::Expired,
                        certificate: None,
                        cause: "it expired".to_owned(),
                        remedy: "renew it".to_owned(),
                    }),
                }),
                502,
                Some("upstream_tls"),
            ),
            (
                Rejection::Upstream(UpstreamError::ConnectTimeout {
                    address: address(),
                    after: late,
                }),
                504,
                Some("upstream_timeout"),
            ),
            (
                Rejection::Upstream(UpstreamError::Silent {
                    address: address(),
                    after: late,
                }),
                504,
                Some("upstream_timeout"),
            ),
            (Rejection::Upstream(UpstreamError::ClientCutOff), 400, None),
            (Rejection::Upstream(UpstreamError::ClientStalled), 408, None),
        ] {
            assert_eq!(rejection.status(), status, "{rejection}");
            assert_eq!(rejection.reason(), reason, "{rejection}");
            let response = rejection.response();
            assert_eq!(response.status(), status);
            assert_eq!(response.headers()[header::CONTENT_TYPE], "text/html");
            assert!(!response.headers().contains_key(header::SERVER));
        }
    }

    #[test]
    fn a_page_says_the_code_and_nothing_else() {
        let refused = UpstreamError::Refused {
            address: address(),
            source: io::Error::other("secret"),
        };
        let page = page(Rejection::Upstream(refused).status());
        assert_eq!(
            page,
            "<html><head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1></body></html>\n"
        );
        assert!(
            self::page(StatusCode::from_u16(463).unwrap()).starts_with(b"<html><head><title>463</title>")
        );
    }
}
