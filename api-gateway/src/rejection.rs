//! Why a request was refused, in one enum: the status and the text for the client, the reason and the cause for the log.
//!
//! The texts are Kong's, word for word. Reasons never reach the client.

mod credential;
mod jwt;
mod token;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use transport::certificate_error::CertificateError;
use transport::forwarded_cert::DecodeError;
use transport::upstream::UpstreamError;

use crate::identity::IdentityError;
use crate::plugin::principals::PrincipalsDiffer;
use crate::plugin::request_termination::Termination;

pub use self::credential::{CredentialFault, CredentialRefused};
pub use self::jwt::{ClaimFault, JwtFault};
pub use self::token::{TokenFault, TokenRefused, Unjudged};

/// A request that gets no answer from an upstream. `Display` is what the client reads.
#[derive(Debug, thiserror::Error)]
pub enum Rejection {
    /// A path that could mean another one to a reader behind us, or no `Host`, or a request target that is no path.
    #[error("Bad request")]
    BadRequest(Cow<'static, str>),
    /// `CONNECT` and `TRACE`.
    #[error("Method not allowed")]
    MethodNotAllowed,
    /// A header line above the limit.
    #[error("Request header or cookie too large")]
    HeaderTooLarge,
    /// A body above `client_max_body_size`.
    #[error("Payload too large")]
    BodyTooLarge,
    /// The client fell silent in the middle of its body.
    #[error("Request timeout")]
    ClientStalled(#[source] UpstreamError),
    /// No route matches.
    #[error("no Route matched with those values")]
    NoRoute,
    /// The route has no service.
    #[error("no Service found with those values")]
    NoService,
    /// The route wants https and the request came by http.
    #[error("Please use HTTPS protocol")]
    HttpsRequired(HttpsRedirect),
    /// The route wants a certificate and this handshake did not ask for one; another handshake would have.
    #[error("Misdirected request")]
    Misdirected,
    /// No certificate came.
    #[error("No required TLS certificate was sent")]
    CertificateMissing,
    /// A certificate header came from somebody who may not carry one. To the client it is as if none came.
    #[error("No required TLS certificate was sent")]
    HeaderUntrustedSource,
    /// A certificate header came from a carrier, but not as it should.
    #[error("Bad request")]
    HeaderMalformed(#[source] HeaderFault),
    /// The verifier refused it.
    #[error("TLS certificate failed verification")]
    CertificateRefused(#[source] CertificateError),
    /// It is valid, but whom it names cannot be said.
    #[error("TLS certificate failed verification")]
    IdentityAmbiguous(#[source] IdentityError),
    /// It is valid, and names nobody we know.
    #[error("TLS certificate failed verification")]
    ConsumerNotFound {
        /// Whose certificate it is and which of its names were looked up, for the log.
        sought: Arc<str>,
    },
    /// `anonymous` names a consumer that does not exist.
    #[error("An unexpected error occurred")]
    AnonymousMissing {
        /// As configured.
        name: Box<str>,
    },
    /// A key, a password or a token of a consumer is not there, or not good.
    #[error("{0}")]
    Credential(Box<CredentialRefused>),
    /// A token is missing, or is not believed, or does not say what it should.
    #[error("{0}")]
    Token(Box<TokenRefused>),
    /// `acl`: nobody is authenticated.
    #[error("Unauthorized")]
    AclUnauthenticated,
    /// `acl`: the wrong groups.
    #[error("You cannot consume this service")]
    AclDenied,
    /// `principals`: one of those that it requires was not authenticated.
    #[error("You cannot consume this service")]
    PrincipalMissing {
        /// The plugin that should have.
        plugin: Arc<str>,
    },
    /// `principals`: those that it requires do not belong together.
    #[error("You cannot consume this service")]
    PrincipalsDiffer(#[source] PrincipalsDiffer),
    /// `principals`: one of them is in the wrong groups.
    #[error("You cannot consume this service")]
    PrincipalDenied {
        /// The plugin that authenticated it.
        plugin: Arc<str>,
    },
    /// `ip-restriction`: the wrong address.
    #[error("{message}")]
    AddressDenied {
        /// As configured, or 403.
        status: StatusCode,
        /// As configured, or Kong's.
        message: Box<str>,
    },
    /// `request-termination`: this is the answer.
    #[error("{}", .0.body)]
    Terminated(Box<Termination>),
    /// The service's upstream has no target that takes requests.
    #[error("failure to get a peer from the ring-balancer")]
    NoTarget,
    /// The upstream switched protocols although nobody had asked it to.
    #[error("An invalid response was received from the upstream server")]
    UnaskedUpgrade,
    /// The upstream gave no answer.
    #[error("{}", upstream_text(.0))]
    Upstream(#[source] UpstreamError),
}

/// What is wrong with a certificate header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderFault {
    /// More than one line, counting spellings that fold to the name.
    #[error("the certificate header came more than once, or in another spelling")]
    Contradictory,
    /// What it decodes to is no certificate.
    #[error(transparent)]
    NoCertificate(CertificateError),
    /// It cannot be decoded.
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
}

/// How a client is sent to https.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpsRedirect {
    /// 426, or a redirect.
    pub status: StatusCode,
    /// Where to, for a redirect.
    pub location: Option<http::HeaderValue>,
}

/// How a refusal is written (Kong has both).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As `Accept` asks, with the request id (kong.response.error).
    Negotiated,
    /// As nginx writes its own errors: `Accept`, else the request's type, else plain text.
    NegotiatedByType,
    /// `{"message":"…"}`, as older plugins exit.
    Message,
}

fn upstream_text(error: &UpstreamError) -> &'static str {
    match upstream_status(error) {
        StatusCode::GATEWAY_TIMEOUT => "The upstream server is timing out",
        StatusCode::SERVICE_UNAVAILABLE => "name resolution failed",
        _ => "An invalid response was received from the upstream server",
    }
}

fn upstream_status(error: &UpstreamError) -> StatusCode {
    match error {
        UpstreamError::ConnectTimeout { .. } | UpstreamError::Silent { .. } => StatusCode::GATEWAY_TIMEOUT,
        UpstreamError::Unresolved { .. } => StatusCode::SERVICE_UNAVAILABLE,
        UpstreamError::Refused { .. } | UpstreamError::Tls { .. } | UpstreamError::Exchange(_) => {
            StatusCode::BAD_GATEWAY
        }
        UpstreamError::ClientCutOff => StatusCode::BAD_REQUEST,
        UpstreamError::ClientStalled => StatusCode::REQUEST_TIMEOUT,
        UpstreamError::BodyTooLong => StatusCode::PAYLOAD_TOO_LARGE,
    }
}

impl From<UpstreamError> for Rejection {
    fn from(error: UpstreamError) -> Self {
        match error {
            // nginx's 400: chunks that are none look like this, and so does a client that is gone.
            UpstreamError::ClientCutOff => {
                Self::BadRequest("the body breaks off, or is not framed as it says".into())
            }
            UpstreamError::ClientStalled => Self::ClientStalled(error),
            UpstreamError::BodyTooLong => Self::BodyTooLarge,
            UpstreamError::Unresolved { .. }
            | UpstreamError::Refused { .. }
            | UpstreamError::ConnectTimeout { .. }
            | UpstreamError::Tls { .. }
            | UpstreamError::Exchange(_)
            | UpstreamError::Silent { .. } => Self::Upstream(error),
        }
    }
}

impl Rejection {
    /// The status code.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) | Self::HeaderMalformed(_) => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::HeaderTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::ClientStalled(_) => StatusCode::REQUEST_TIMEOUT,
            Self::NoRoute => StatusCode::NOT_FOUND,
            Self::NoService | Self::NoTarget => StatusCode::SERVICE_UNAVAILABLE,
            Self::HttpsRequired(redirect) => redirect.status,
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::CertificateMissing
            | Self::HeaderUntrustedSource
            | Self::CertificateRefused(_)
            | Self::IdentityAmbiguous(_)
            | Self::ConsumerNotFound { .. }
            | Self::Credential(_)
            | Self::AclUnauthenticated => StatusCode::UNAUTHORIZED,
            Self::Token(refused) => refused.fault.status(),
            Self::AnonymousMissing { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            Self::AclDenied
            | Self::PrincipalMissing { .. }
            | Self::PrincipalsDiffer(_)
            | Self::PrincipalDenied { .. } => StatusCode::FORBIDDEN,
            Self::AddressDenied { status, .. } => *status,
            Self::Terminated(answer) => answer.status,
            Self::UnaskedUpgrade => StatusCode::BAD_GATEWAY,
            Self::Upstream(error) => upstream_status(error),
        }
    }

    /// The word in the log line and in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::BadRequest(_) => "request_malformed",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::HeaderTooLarge => "header_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::ClientStalled(_) => "client_stalled",
            Self::NoRoute => "no_route",
            Self::NoService => "no_service",
            Self::HttpsRequired(_) => "https_required",
            Self::Misdirected | Self::CertificateMissing => "certificate_missing",
            Self::HeaderUntrustedSource => "header_untrusted_source",
            Self::HeaderMalformed(_) => "header_malformed",
            Self::CertificateRefused(error) => error.reason(),
            Self::IdentityAmbiguous(_) => "identity_ambiguous",
            Self::ConsumerNotFound { .. } | Self::AnonymousMissing { .. } => "consumer_not_found",
            Self::Credential(refused) => refused.fault.reason(),
            Self::Token(refused) => refused.fault.reason(),
            Self::AclUnauthenticated => "acl_unauthenticated",
            Self::AclDenied | Self::PrincipalDenied { .. } => "acl_denied",
            Self::PrincipalMissing { .. } => "principal_missing",
            Self::PrincipalsDiffer(_) => "principals_differ",
            Self::AddressDenied { .. } => "address_denied",
            Self::Terminated(_) => "request_terminated",
            Self::NoTarget | Self::UnaskedUpgrade => "upstream_unreachable",
            Self::Upstream(error) => upstream_reason(error),
        }
    }

    /// `WWW-Authenticate`: how to do better.
    pub fn challenge(&self) -> Option<&http::HeaderValue> {
        if let Self::Credential(refused) = self {
            return Some(&refused.challenge);
        }
        if let Self::Token(refused) = self {
            return refused.challenge.as_ref();
        }
        None
    }

    /// `Retry-After`, where the same request may do better later.
    pub fn retry_after(&self) -> Option<Duration> {
        let Self::Token(refused) = self else { return None };
        refused.fault.retry_after()
    }

    /// How it is written.
    pub fn form(&self) -> Form {
        match self {
            Self::Token(refused) if matches!(refused.fault, TokenFault::Unjudged(_)) => Form::Negotiated,
            Self::CertificateMissing
            | Self::HeaderUntrustedSource
            | Self::CertificateRefused(_)
            | Self::IdentityAmbiguous(_)
            | Self::ConsumerNotFound { .. }
            | Self::Token(_)
            | Self::Terminated(_) => Form::Message,
            Self::Credential(refused) if refused.fault.is_of_jwt() => Form::Message,
            Self::NoRoute
            | Self::NoService
            | Self::NoTarget
            | Self::HttpsRequired(_)
            | Self::AnonymousMissing { .. }
            | Self::Credential(_)
            | Self::AclUnauthenticated
            | Self::AclDenied
            | Self::PrincipalMissing { .. }
            | Self::PrincipalsDiffer(_)
            | Self::PrincipalDenied { .. }
            | Self::AddressDenied { .. } => Form::Negotiated,
            Self::BadRequest(_)
            | Self::MethodNotAllowed
            | Self::HeaderTooLarge
            | Self::BodyTooLarge
            | Self::ClientStalled(_)
            | Self::Misdirected
            | Self::HeaderMalformed(_)
            | Self::UnaskedUpgrade
            | Self::Upstream(_) => Form::NegotiatedByType,
        }
    }

    /// Whether the failure is that of a credential, which an `anonymous` consumer may stand in for. An error is not an
    /// absence: a contradiction or an undecodable header from a carrier stays refused (decision 12).
    pub fn may_be_anonymous(&self) -> bool {
        match self {
            Self::CertificateMissing
            | Self::HeaderUntrustedSource
            | Self::CertificateRefused(_)
            | Self::IdentityAmbiguous(_)
            | Self::ConsumerNotFound { .. }
            | Self::Credential(_) => true,
            Self::Token(refused) => refused.fault.may_be_anonymous(),
            Self::BadRequest(_)
            | Self::MethodNotAllowed
            | Self::HeaderTooLarge
            | Self::BodyTooLarge
            | Self::ClientStalled(_)
            | Self::NoRoute
            | Self::NoService
            | Self::NoTarget
            | Self::HttpsRequired(_)
            | Self::Misdirected
            | Self::HeaderMalformed(_)
            | Self::AnonymousMissing { .. }
            | Self::AclUnauthenticated
            | Self::AclDenied
            | Self::PrincipalMissing { .. }
            | Self::PrincipalsDiffer(_)
            | Self::PrincipalDenied { .. }
            | Self::AddressDenied { .. }
            | Self::Terminated(_)
            | Self::UnaskedUpgrade
            | Self::Upstream(_) => false,
        }
    }

    /// What the log says beside the reason: the cause, for the operator.
    pub fn cause(&self) -> Option<String> {
        if let Self::BadRequest(what) = self {
            return Some(what.to_string());
        }
        if let Self::Token(refused) = self {
            return Some(refused.fault.to_string());
        }
        if let Self::Credential(refused) = self {
            return refused.fault.cause();
        }
        if let Self::ConsumerNotFound { sought } = self {
            return Some(format!("no consumer matches the certificate of {sought}"));
        }
        if let Self::AnonymousMissing { name } = self {
            return Some(format!(
                "anonymous consumer {name} is configured but does not exist"
            ));
        }
        if let Self::PrincipalMissing { plugin } = self {
            return Some(format!("'{plugin}' has authenticated nobody"));
        }
        if let Self::PrincipalDenied { plugin } = self {
            return Some(format!(
                "whom '{plugin}' authenticated is in none of the groups that may pass"
            ));
        }
        std::error::Error::source(self).map(ToString::to_string)
    }
}

fn upstream_reason(error: &UpstreamError) -> &'static str {
    match error {
        UpstreamError::Unresolved { .. } | UpstreamError::Refused { .. } | UpstreamError::Exchange(_) => {
            "upstream_unreachable"
        }
        UpstreamError::Tls { .. } => "upstream_tls",
        UpstreamError::ConnectTimeout { .. } | UpstreamError::Silent { .. } => "upstream_timeout",
        UpstreamError::ClientCutOff => "request_malformed",
        UpstreamError::ClientStalled => "client_stalled",
        UpstreamError::BodyTooLong => "body_too_large",
    }
}
