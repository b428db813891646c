//! Calls that a program makes for itself, not for a client: to an OAuth2 provider, an OCSP responder, an ACME server.
//!
//! One HTTP client for all of them, so that trust, time, size and addresses are limited everywhere in the same way. No
//! redirect is followed: a server that is asked by name has no say in who is asked next. Proxies come from the
//! configuration alone, never from the environment.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use thiserror::Error;

pub use reqwest::Url;

/// Says whether an address may be called for a host; asked before a connection is opened, for each address of a name.
pub type Permit = Arc<dyn Fn(&str, IpAddr) -> bool + Send + Sync>;

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(30);

/// What a client may do.
pub struct Limits {
    /// From the call to the last octet of the answer.
    pub timeout: Duration,
    /// Octets of an answer's body.
    pub largest_answer: usize,
    /// Which addresses may be called; `None`: all. Behind a proxy, the proxy finds the addresses of names.
    pub permit: Option<Permit>,
}

/// Through whom calls go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    /// The proxy for `http` URLs.
    pub http: Option<Proxy>,
    /// The proxy for `https` URLs: a tunnel (CONNECT), so that TLS is with the server itself.
    pub https: Option<Proxy>,
    /// Hosts that are called directly, comma separated, as curl reads `NO_PROXY`.
    pub except: Option<String>,
}

/// One proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its URL.
    pub url: Url,
    /// The value of `Proxy-Authorization`, if it wants one.
    pub authorization: Option<http::HeaderValue>,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Its URL may hold a password.
        write!(f, "Proxy({})", self.url.host_str().unwrap_or_default())
    }
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum CallError {
    /// The request could not be made from what was given.
    #[error("the request cannot be sent: {0}")]
    Request(#[source] reqwest::Error),
    /// The host has an address that must not be called.
    #[error("{host} may not be called: its address is not among those that are allowed")]
    NotPermitted {
        /// The host.
        host: Box<str>,
    },
    /// Nobody there, a TLS failure, or no HTTP.
    #[error("{host} cannot be reached: {}", root_cause(.source))]
    Unreachable {
        /// The host.
        host: Box<str>,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// No answer in time.
    #[error("{host} did not answer in time")]
    TimedOut {
        /// The host.
        host: Box<str>,
    },
    /// An answer that is longer than anything useful.
    #[error("the answer of {host} has more than {most} octets")]
    TooLong {
        /// The host.
        host: Box<str>,
        /// The limit.
        most: usize,
    },
}

/// The last of the errors within an error: the others repeat the URL.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// The client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct OutgoingClient {
    http: reqwest::Client,
    permit: Option<Permit>,
    largest_answer: usize,
}

impl fmt::Debug for OutgoingClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingClient").finish_non_exhaustive()
    }
}

impl OutgoingClient {
    /// A client that shows the identity, and asks for the trust, of `tls` ([`crate::client_tls::client_config`]).
    pub fn new(tls: &ClientConfig, proxies: &Proxies, limits: Limits) -> Result<Self, CallError> {
        let Limits {
            timeout,
            largest_answer,
            permit,
        } = limits;
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls.clone())
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            .timeout(timeout)
            .connect_timeout(timeout)
            .pool_idle_timeout(IDLE)
            .user_agent(concat!("sallyport/", env!("CARGO_PKG_VERSION")))
            .dns_resolver(Resolver {
                permit: permit.clone(),
            });
        let except = proxies.except.as_deref().and_then(reqwest::NoProxy::from_string);
        for (proxy, made) in [
            (&proxies.http, reqwest::Proxy::http as fn(Url) -> _),
            (&proxies.https, reqwest::Proxy::https),
        ] {
            let Some(proxy) = proxy else { continue };
            let mut made = made(proxy.url.clone())
                .map_err(CallError::Request)?
                .no_proxy(except.clone());
            if let Some(authorization) = &proxy.authorization {
                made = made.custom_http_auth(authorization.clone());
            }
            builder = builder.proxy(made);
        }
        Ok(Self {
            http: builder.build().map_err(CallError::Request)?,
            permit,
            largest_answer,
        })
    }

    /// Sends a request with an absolute `http` or `https` URI, and reads the whole answer, whatever its status.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, CallError> {
        let request = reqwest::Request::try_from(request).map_err(CallError::Request)?;
        let host: Box<str> = request.url().host_str().unwrap_or_default().into();
        self.require_permit(&host)?;
        let failed = |error: reqwest::Error| Self::failed(&host, error);
        let mut answer = self.http.execute(request).await.map_err(failed)?;
        let too_long = || CallError::TooLong {
            host: host.clone(),
            most: self.largest_answer,
        };
        let announced = answer.content_length().unwrap_or_default();
        if usize::try_from(announced).map_or(true, |length| length > self.largest_answer) {
            return Err(too_long());
        }
        let mut body = BytesMut::new();
        while let Some(piece) = answer.chunk().await.map_err(failed)? {
            if body.len().saturating_add(piece.len()) > self.largest_answer {
                return Err(too_long());
            }
            body.extend_from_slice(&piece);
        }
        let mut whole = Response::new(body.freeze());
        *whole.status_mut() = answer.status();
        *whole.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(whole)
    }

    /// An address in the URL itself is not resolved, so the resolver is not there to refuse it.
    fn require_permit(&self, host: &str) -> Result<(), CallError> {
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        match (&self.permit, bare.parse::<IpAddr>()) {
            (Some(permit), Ok(address)) if !permit(bare, address.to_canonical()) => {
                Err(CallError::NotPermitted { host: host.into() })
            }
            (Some(_) | None, Ok(_) | Err(_)) => Ok(()),
        }
    }

    fn failed(host: &str, source: reqwest::Error) -> CallError {
        let host = host.into();
        if source.is_timeout() {
            return CallError::TimedOut { host };
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&source);
        while let Some(error) = cause {
            if error.is::<NoAddress>() {
                return CallError::NotPermitted { host };
            }
            cause = error.source();
        }
        CallError::Unreachable { host, source }
    }
}

/// Leaves out the addresses that must not be called, at the moment of the connection: what a name meant a minute ago
/// is not what it means now.
struct Resolver {
    permit: Option<Permit>,
}

/// All addresses of a name were left out.
#[derive(Debug, Error)]
#[error("no address of this name may be called")]
struct NoAddress;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let permit = self.permit.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = tokio::net::lookup_host((host, 0)).await?;
            let mut addresses = found.peekable();
            let is_known = addresses.peek().is_some();
            let permitted: Vec<_> = addresses
                .filter(|address| {
                    permit
                        .as_ref()
                        .is_none_or(|permit| permit(host, address.ip().to_canonical()))
                })
                .collect();
            if permitted.is_empty() && is_known {
                return Err(NoAddress.into());
            }
            let addresses: Addrs = Box::new(permitted.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests;
