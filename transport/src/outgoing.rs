//! Calls that a program makes for itself, not for a client: to an OAuth2 provider, an OCSP responder, an ACME server.
//!
//! One HTTP client for all of them, so that trust, time, size and addresses are limited everywhere in the same way. No
//! redirect is followed: a server that is asked by name has no say in who is asked next. Proxies come from the
//! configuration alone, never from the environment.

use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use rustls::ClientConfig;
use thiserror::Error;

pub use reqwest::Url;

use crate::handshake_diagnosis::tls_error_within;
use crate::handshake_refusal::refusal_in;

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
    /// Hosts that are called directly, comma separated, as curl reads `NO_PROXY`: names with those below them, addresses,
    /// networks; `*` for all.
    pub except: Option<String>,
}

impl Proxies {
    /// These, less those that no call may use. The client takes `*` for names alone, not for addresses.
    fn in_use(&self) -> Self {
        let except = self.except.as_deref().unwrap_or_default();
        if except.split(',').any(|host| host.trim() == "*") {
            return Self::default();
        }
        self.clone()
    }

    /// Says of a URL through whom it is called, by the code that the client itself goes by.
    fn matcher(&self) -> Option<Matcher> {
        let url = |proxy: &Option<Proxy>| proxy.as_ref().map(|proxy| proxy.url.to_string());
        let (http, https) = (url(&self.http), url(&self.https));
        (http.is_some() || https.is_some()).then(|| {
            Matcher::builder()
                .http(http.unwrap_or_default())
                .https(https.unwrap_or_default())
                .no(self.except.clone().unwrap_or_default())
                .build()
        })
    }
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

/// By way of whom a call was made, as it is written behind the host.
#[derive(Clone, Debug, Default)]
pub struct Through(Option<Box<str>>);

impl fmt::Display for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(proxy) => write!(f, " through the proxy {proxy}"),
            None => Ok(()),
        }
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
    #[error("{host} cannot be reached{through}: {}", root_cause(.source))]
    Unreachable {
        /// The host.
        host: Box<str>,
        /// By way of whom.
        through: Through,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// No answer in time.
    #[error("{host} did not answer in time{through}")]
    TimedOut {
        /// The host.
        host: Box<str>,
        /// By way of whom.
        through: Through,
    },
    /// The proxy wants to know who calls.
    #[error("{host} cannot be reached{through}: it wants other credentials (407)")]
    ProxyRefused {
        /// The host.
        host: Box<str>,
        /// By way of whom.
        through: Through,
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
    // rustls has no words of its own for what our verifier refuses.
    if let Some(refusal) = tls_error_within(error).and_then(refusal_in) {
        return format!("its certificate is refused: {refusal}");
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

/// Whether a connection was closed under a request, as opposed to: could not be opened.
fn was_closed(error: &reqwest::Error) -> bool {
    let is_end = |cause: &(dyn std::error::Error + 'static)| {
        let http = cause.downcast_ref::<hyper::Error>();
        let io = cause.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        http.is_some_and(hyper::Error::is_incomplete_message)
            || matches!(io, Some(ErrorKind::ConnectionReset | ErrorKind::BrokenPipe))
    };
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if is_end(error) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The client. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct OutgoingClient {
    http: reqwest::Client,
    permit: Option<Permit>,
    largest_answer: usize,
    proxies: Option<Arc<Matcher>>,
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
        let proxies = proxies.in_use();
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
            proxies: proxies.matcher().map(Arc::new),
        })
    }

    /// Sends a request with an absolute `http` or `https` URI, and reads the whole answer, whatever its status.
    pub async fn call(&self, request: Request<Bytes>) -> Result<Response<Bytes>, CallError> {
        let again = request.method().is_safe();
        self.send(request, again).await
    }

    /// The same for a question that changes nothing, whatever its method.
    pub async fn ask(&self, request: Request<Bytes>) -> Result<Response<Bytes>, CallError> {
        self.send(request, true).await
    }

    /// `again`: it may be sent once more if its connection was closed before there was an answer. Servers and proxies
    /// close connections that are kept, some without a word after every answer, while the next request is on its way.
    async fn send(&self, request: Request<Bytes>, again: bool) -> Result<Response<Bytes>, CallError> {
        let request = reqwest::Request::try_from(request).map_err(CallError::Request)?;
        let host: Box<str> = request.url().host_str().unwrap_or_default().into();
        self.require_permit(&host)?;
        let through = self.through(request.url());
        let failed = |error: reqwest::Error| Self::failed(&host, &through, error);
        let spare = if again { request.try_clone() } else { None };
        let mut answer = match (self.http.execute(request).await, spare) {
            (Err(error), Some(spare)) if was_closed(&error) => self.http.execute(spare).await,
            (outcome, _) => outcome,
        }
        .map_err(failed)?;
        if through.0.is_some() && answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(CallError::ProxyRefused { host, through });
        }
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

    fn through(&self, url: &Url) -> Through {
        let proxies = self.proxies.as_ref();
        let uri = proxies.and_then(|_| url.as_str().parse().ok());
        let proxy = proxies
            .zip(uri)
            .and_then(|(proxies, uri)| proxies.intercept(&uri));
        Through(proxy.and_then(|proxy| Some(proxy.uri().authority()?.as_str().into())))
    }

    fn failed(host: &str, through: &Through, source: reqwest::Error) -> CallError {
        let (host, through) = (host.into(), through.clone());
        if source.is_timeout() {
            return CallError::TimedOut { host, through };
        }
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&source);
        while let Some(error) = cause {
            if error.is::<NoAddress>() {
                return CallError::NotPermitted { host };
            }
            cause = error.source();
        }
        CallError::Unreachable {
            host,
            through,
            source,
        }
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
