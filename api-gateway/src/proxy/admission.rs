//! What no route should see is refused first; and the host that a request is for.

use http::header::{self, HeaderMap, HeaderValue};
use http::uri::Authority;
use http::{Method, Request, Version};

use crate::rejection::Rejection;
use crate::snapshot::RequestLimits;

/// The host that a request is for.
#[derive(Clone, Debug)]
pub(in crate::proxy) enum Target {
    /// `:authority`, or the authority of an absolute-form target, which wins over `Host` (RFC 9112 §3.2.2).
    Authority(Authority),
    /// `Host`.
    Host(HeaderValue),
    /// HTTP/1.0 without one.
    None,
}

impl Target {
    pub(in crate::proxy) fn text(&self) -> &str {
        match self {
            Self::Authority(authority) => authority.as_str(),
            Self::Host(value) => value.to_str().unwrap_or_default(),
            Self::None => "",
        }
    }
}

/// Refuses what is too large, has no host, or asks for a tunnel; finds the host.
pub(in crate::proxy) fn admit<B>(request: &Request<B>, limits: &RequestLimits) -> Result<Target, Rejection> {
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Rejection::MethodNotAllowed);
    }
    let headers = request.headers();
    let mut total = 0;
    for (name, value) in headers {
        let line = name.as_str().len() + value.len();
        total += line;
        if line > limits.header_line {
            return Err(Rejection::HeaderTooLarge);
        }
    }
    if total > limits.head {
        return Err(Rejection::HeaderTooLarge);
    }
    if let Some(limit) = limits.body
        && content_length(headers).is_some_and(|length| length > limit)
    {
        return Err(Rejection::BodyTooLarge);
    }
    target(request)
}

fn target<B>(request: &Request<B>) -> Result<Target, Rejection> {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() || host.is_some_and(|host| host.to_str().is_err()) {
        return Err(Rejection::BadRequest(
            "the request has more than one Host, or one that is not ASCII".into(),
        ));
    }
    if let Some(authority) = request.uri().authority() {
        // `GET name HTTP/1.1`: the form that CONNECT alone has (RFC 9112 §3.2.3). It must not choose a host here and be
        // a path to somebody else.
        if request.uri().scheme().is_none() {
            return Err(Rejection::BadRequest(
                "the request target is neither a path nor a URI".into(),
            ));
        }
        if authority.as_str().contains('@') {
            return Err(Rejection::BadRequest(
                "the request target holds credentials".into(),
            ));
        }
        return Ok(Target::Authority(authority.clone()));
    }
    match host {
        Some(host) if !host.is_empty() => Ok(Target::Host(host.clone())),
        Some(_) | None if request.version() == Version::HTTP_10 => Ok(Target::None),
        Some(_) | None => Err(Rejection::BadRequest("the request has no Host".into())),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
