//! The next server on the way: connections to it, kept and shared by requests that may share them.
//!
//! One [`Upstream`] is one address with one TLS identity, one trust and one way of verifying. Two upstreams never share
//! a connection, so a connection that was opened as one client is never used for another; a new configuration makes
//! new upstreams and with them new pools.

mod connect;
mod error;
mod pool;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use http::{HeaderMap, Method, Request, Response, Uri, Version};
use hyper::body::Incoming;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;

pub use self::error::UpstreamError;
use self::pool::{Idle, Pool};
pub use self::pool::{Lease, PoolLimits};
use crate::body::{Progress, RequestBody, UploadStage};

/// Where an upstream is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// A name, or an IP address in its text form without brackets.
    pub host: Box<str>,
    /// The TCP port.
    pub port: u16,
}

/// TLS towards an upstream.
#[derive(Clone, Debug)]
pub struct UpstreamTls {
    /// Identity shown, trust and verification.
    pub config: Arc<ClientConfig>,
    /// The name sent as SNI and verified, unless a request brings its own.
    pub server_name: ServerName<'static>,
}

/// How long an upstream may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Look-up and TCP connect, all addresses of a name together; the TLS handshake has the same time again.
    pub connect: Duration,
    /// Longest silence while the request's body is being sent.
    pub write: Duration,
    /// Longest silence while the answer is awaited, and in its body.
    pub read: Duration,
}

impl Timeouts {
    /// The one that counts now.
    fn while_waiting(&self, upload: Option<&Progress>) -> Duration {
        match upload.map(Progress::stage) {
            Some(UploadStage::Streaming) => self.write,
            Some(
                UploadStage::Complete | UploadStage::CutOff | UploadStage::Stalled | UploadStage::TooLong,
            )
            | None => self.read,
        }
    }
}

/// One address with one identity and one trust, and the idle connections to it.
#[derive(Debug)]
pub struct Upstream {
    address: Address,
    tls: Option<UpstreamTls>,
    timeouts: Timeouts,
    pool: Arc<Pool>,
}

/// A request that is ready to be sent.
#[derive(Debug)]
pub struct Outgoing {
    /// Method, origin-form URI and headers, `Host` among them.
    pub request: Request<RequestBody>,
    /// How far its body has come, where it has one.
    pub progress: Option<Arc<Progress>>,
    /// SNI and name to verify where they are not the upstream's own.
    pub server_name: Option<ServerName<'static>>,
}

/// The head of an answer, with what is needed to stream the rest.
#[derive(Debug)]
pub struct Answer {
    /// Status, headers, body.
    pub response: Response<Incoming>,
    /// Returns the connection to the pool once the body has ended.
    pub lease: Lease,
}

/// A request that got no answer.
#[derive(Debug)]
pub struct NotAnswered {
    /// Why.
    pub error: UpstreamError,
    /// The request, if there was no connection to send it over, or the server refused us at the end of the handshake.
    pub unsent: Option<Box<Outgoing>>,
}

impl Upstream {
    /// An upstream without connections; nothing is opened before the first request.
    pub fn new(address: Address, tls: Option<UpstreamTls>, timeouts: Timeouts, limits: PoolLimits) -> Self {
        Self {
            address,
            tls,
            timeouts,
            pool: Arc::new(Pool::new(limits)),
        }
    }

    /// Where it is.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Longest silence of the upstream, for the body of its answer.
    pub fn read_timeout(&self) -> Duration {
        self.timeouts.read
    }

    /// Sends a request over an idle connection, or a new one, and waits for the head of its answer.
    ///
    /// A request is sent twice only if the first connection took no byte of it, or if it was idempotent, had no body
    /// and met a connection that the upstream closed while it was idle.
    pub async fn send(&self, outgoing: Outgoing) -> Result<Answer, UpstreamError> {
        self.try_send(outgoing).await.map_err(|not_sent| not_sent.error)
    }

    /// [`Upstream::send`], for a caller that may try again, here or elsewhere: the request comes back if no connection
    /// could be had for it. A TLS 1.3 server that refuses our certificate does so when the handshake is over for us; then
    /// it comes back, too, if nothing of it was sent or if it may be repeated.
    pub async fn try_send(&self, outgoing: Outgoing) -> Result<Answer, NotAnswered> {
        let Outgoing {
            mut request,
            progress,
            server_name,
        } = outgoing;
        loop {
            let mut taken = match self.pool.take(server_name.as_ref()) {
                Some(mut idle) => {
                    if idle.sender.ready().await.is_err() {
                        continue;
                    }
                    idle
                }
                None => match self.connect(server_name.as_ref()).await {
                    Ok(opened) => Idle::fresh(opened, server_name.clone()),
                    Err(error) => {
                        let unsent = Some(Box::new(Outgoing {
                            request,
                            progress,
                            server_name,
                        }));
                        return Err(NotAnswered { error, unsent });
                    }
                },
            };
            let doubtful = match taken.requests {
                0 => taken.demand.is_some(),
                _ => taken.since.elapsed() > DOUBTFUL,
            };
            let spare = (doubtful && is_repeatable(&request)).then(|| Box::new(Spare::of(&request)));
            match self.exchange(&mut taken, request, progress.as_deref()).await {
                Ok(response) => {
                    let lease = Lease::new(&self.pool, taken, progress);
                    return Ok(Answer { response, lease });
                }
                // A new connection that takes nothing is not tried again: it would go on for ever.
                Err(Failed {
                    unsent: Some(unsent), ..
                }) if taken.requests > 0 => request = *unsent,
                Err(Failed { error, unsent }) => match spare {
                    Some(spare) if taken.requests > 0 && error.is_closed_connection() => {
                        request = spare.into_request();
                    }
                    spare => {
                        let again = unsent.map(|unsent| *unsent);
                        let again = again.or_else(|| spare.map(|spare| spare.into_request()));
                        let unsent = again.filter(|_| error.is_of_tls()).map(|request| {
                            Box::new(Outgoing {
                                request,
                                progress,
                                server_name,
                            })
                        });
                        return Err(NotAnswered { error, unsent });
                    }
                },
            }
        }
    }

    async fn connect(
        &self,
        server_name: Option<&ServerName<'static>>,
    ) -> Result<connect::Opened, UpstreamError> {
        let tls = self
            .tls
            .as_ref()
            .map(|tls| (&tls.config, server_name.unwrap_or(&tls.server_name)));
        // Boxed: a TLS handshake's state is large, and rare; inline, every request would carry and copy its room.
        Box::pin(connect::open(&self.address, tls, self.timeouts.connect)).await
    }

    async fn exchange(
        &self,
        connection: &mut Idle,
        request: Request<RequestBody>,
        progress: Option<&Progress>,
    ) -> Result<Response<Incoming>, Failed> {
        let Idle {
            sender,
            silence,
            demand,
            ..
        } = connection;
        let mut answer = std::pin::pin!(sender.try_send_request(request));
        let mut seen = 0;
        silence.broken();
        loop {
            let answered = poll_fn(|cx| match answer.as_mut().poll(cx) {
                Poll::Ready(answered) => Poll::Ready(Some(answered)),
                Poll::Pending => silence
                    .poll(self.timeouts.while_waiting(progress), cx)
                    .map(|()| None),
            });
            match answered.await {
                Some(Ok(response)) => return Ok(response),
                Some(Err(mut failed)) => {
                    let unsent = failed.take_message().map(Box::new);
                    let error = UpstreamError::of_exchange(
                        failed.into_error(),
                        progress.map(Progress::stage),
                        (&self.address, demand.as_deref()),
                    );
                    return Err(Failed { error, unsent });
                }
                // The silence counts only while nothing moves: a long upload is not a silent upstream.
                None => match progress {
                    Some(upload) if upload.bytes() > seen => {
                        seen = upload.bytes();
                        silence.broken();
                    }
                    Some(upload) if upload.stage() == UploadStage::Stalled => {
                        return Err(Failed {
                            error: UpstreamError::ClientStalled,
                            unsent: None,
                        });
                    }
                    Some(_) | None => {
                        let error = UpstreamError::Silent {
                            address: self.address.clone(),
                            after: self.timeouts.while_waiting(progress),
                        };
                        return Err(Failed { error, unsent: None });
                    }
                },
            }
        }
    }
}

/// A connection that has been idle for longer than this may have been closed by the upstream at this very moment.
const DOUBTFUL: Duration = Duration::from_secs(1);

struct Failed {
    error: UpstreamError,
    /// The request, if no byte of it was written.
    unsent: Option<Box<Request<RequestBody>>>,
}

fn is_repeatable(request: &Request<RequestBody>) -> bool {
    request.body().is_empty()
        && (request.method().is_idempotent())
        && !request.headers().contains_key(http::header::UPGRADE)
}

/// The head of a request without a body, kept so that it can be sent once more.
struct Spare {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Spare {
    fn of(request: &Request<RequestBody>) -> Self {
        Self {
            method: request.method().clone(),
            uri: request.uri().clone(),
            headers: request.headers().clone(),
        }
    }

    fn into_request(self) -> Request<RequestBody> {
        let mut request = Request::new(RequestBody::empty());
        *request.method_mut() = self.method;
        *request.uri_mut() = self.uri;
        *request.headers_mut() = self.headers;
        *request.version_mut() = Version::HTTP_11;
        request
    }
}

/// Time since a request came in, as whole milliseconds for logs and latency headers.
pub fn milliseconds_since(start: Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
