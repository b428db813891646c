//! One connection of a client: what is fixed when it opens, and its life until it closes.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tracing::{debug, info};
use transport::activity::Activity;
use transport::certificate::Certificate;
use transport::drain::Draining;
use transport::handshake_failures::Hello;
use transport::serve::{self, HandshakeError, Handshaken, Negotiated, Protocol};

use crate::client_certificate::{ClientCertificates, ClientIdentity};
use crate::connection_log::{ConnectionLine, Session, VerifyStatus};
use crate::door::{Door, View};
use crate::forward;
use crate::forwarded_for::Forwarded;
use crate::handshake_failure::HandshakeFailure;
use crate::negotiation::Negotiation;
use crate::plan::{HttpService, Scheme, Service};
use crate::settings::Attributes;
use crate::standing;
use crate::tcp;
use crate::trace_id::{ConnectionId, RequestId};

const X_AMZN_TLS_VERSION: HeaderName = HeaderName::from_static("x-amzn-tls-version");
const X_AMZN_TLS_CIPHER_SUITE: HeaderName = HeaderName::from_static("x-amzn-tls-cipher-suite");

/// How long requests, streams and tunnels may outlive the certificate that opened their connection.
pub(crate) const FAREWELL: Duration = Duration::from_secs(10);

/// What is fixed for all requests of a connection.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where it came in.
    pub(crate) door: Arc<Door>,
    /// The client's address.
    pub(crate) peer: SocketAddr,
    /// Its id in both logs.
    pub(crate) id: ConnectionId,
    /// The TLS session, if there is one.
    pub(crate) tls: Option<Negotiated>,
    /// The client's certificate and the header lines that tell of it.
    pub(crate) client: ClientIdentity,
    /// How that certificate was treated; a reload that treats it otherwise ends the connection.
    pub(crate) clients: ClientCertificates,
    /// Requests in flight.
    pub(crate) activity: Arc<Activity>,
    forwarded: Forwarded,
    /// Held by tunnels too: the drain waits for them.
    draining: Draining,
}

impl Connection {
    /// Writes every header that is the edge's to write. Whatever the client sent under these names is gone by now.
    pub(crate) fn stamp(&self, headers: &mut HeaderMap, attributes: &Attributes, request: &RequestId) {
        for (name, value) in &self.client.lines {
            headers.insert(name, value.clone());
        }
        self.forwarded.stamp(headers, attributes.xff_header_processing);
        request.stamp(headers);
        if let (Some(tls), true) = (&self.tls, attributes.tls_version_and_cipher_suite) {
            headers.insert(X_AMZN_TLS_VERSION, HeaderValue::from_static(tls.version));
            headers.insert(X_AMZN_TLS_CIPHER_SUITE, HeaderValue::from_static(tls.cipher));
        }
    }
}

/// Serves a connection from its first byte to its last.
pub(crate) async fn serve(door: Arc<Door>, stream: TcpStream, peer: SocketAddr, draining: Draining) {
    let _open = door.metrics.connection();
    let arrival = Arrival {
        view: door.view(),
        door: &door,
        peer,
        id: ConnectionId::new(),
    };
    match &arrival.view.listener.service {
        Service::Tcp(service) => {
            arrival.log(Session::None, None, VerifyStatus::NotTls);
            tcp::pass(service, stream, peer, draining).await;
        }
        Service::Http(service) => match &service.scheme {
            Scheme::Http => {
                arrival.log(Session::None, None, VerifyStatus::NotTls);
                let connection = arrival.connection(None, draining);
                speak_http(connection, stream, Protocol::Http1, service).await;
            }
            Scheme::Https {
                tls,
                certificates,
                clients,
            } => {
                let (mut negotiation, mut seen) = (Negotiation::default(), Hello::default());
                let handshake = serve::handshake(stream, |hello| {
                    seen.note(hello);
                    if let Some(challenge) = door.challenges.handshake(hello) {
                        return challenge;
                    }
                    let config = tls.for_client(hello);
                    if !arrival.view.logs.connections.is_on() {
                        return Arc::clone(config);
                    }
                    let shown = certificates.key_for(hello);
                    negotiation.watch(hello, config, shown.as_deref())
                });
                match handshake.await {
                    Ok(challenge) if challenge.is_challenge() => {
                        debug!(peer = %peer, "a tls-alpn-01 challenge was looked at");
                        challenge.close().await;
                    }
                    Ok(handshaken) => secured(&arrival, handshaken, (clients, service), draining).await,
                    Err(error) => {
                        door.failures.of_client(peer, seen, &error);
                        arrival.failed(&error, &negotiation);
                    }
                }
            }
        },
    }
}

/// Goes on after the handshake.
async fn secured(
    arrival: &Arrival<'_>,
    handshaken: Handshaken,
    (clients, service): (&ClientCertificates, &HttpService),
    draining: Draining,
) {
    let negotiated = handshaken.negotiated();
    let Handshaken { stream, latency } = handshaken;
    let presented = stream.get_ref().1.peer_certificates();
    let session = Session::Established {
        negotiated: &negotiated,
        latency,
    };
    match clients.identify(presented) {
        Ok(client) => {
            arrival.log_client(session, &client);
            let protocol = negotiated.protocol;
            let connection = arrival.connection(Some((negotiated, client, clients.clone())), draining);
            speak_http(connection, stream, protocol, service).await;
        }
        Err(refused) => {
            let code = refused.connection_log_code();
            info!(listener = %arrival.view.listener.name, peer = %arrival.peer, %refused, "closing a connection");
            arrival.door.metrics.handshake_failure(code);
            arrival.log(session, None, VerifyStatus::Failed(code));
        }
    }
}

/// A connection of which nothing is known but where it came from.
struct Arrival<'a> {
    view: Arc<View>,
    door: &'a Arc<Door>,
    peer: SocketAddr,
    id: ConnectionId,
}

impl Arrival<'_> {
    fn connection(
        &self,
        tls: Option<(Negotiated, ClientIdentity, ClientCertificates)>,
        draining: Draining,
    ) -> Arc<Connection> {
        let protocol = if tls.is_some() { "https" } else { "http" };
        let (tls, client, clients) = match tls {
            Some((tls, client, clients)) => (Some(tls), client, clients),
            None => (None, ClientIdentity::default(), ClientCertificates::NotAsked),
        };
        Arc::new(Connection {
            door: Arc::clone(self.door),
            peer: self.peer,
            id: self.id,
            tls,
            client,
            clients,
            activity: Activity::new(),
            forwarded: Forwarded::new(self.peer, protocol, self.door.address),
            draining,
        })
    }

    fn failed(&self, error: &HandshakeError, negotiation: &Negotiation) {
        let failure = HandshakeFailure::of(error);
        let name = &self.view.listener.name;
        if failure.is_about_the_certificate() {
            info!(listener = %name, peer = %self.peer, %failure, "refused a client's certificate");
        } else {
            debug!(listener = %name, peer = %self.peer, %failure, "a TLS handshake failed");
        }
        let code = failure.connection_log_code();
        self.door.metrics.handshake_failure(code);
        let agreed = negotiation.agreed().filter(|_| failure.is_after_the_hello());
        let session = agreed.map_or(Session::None, Session::Failed);
        self.log(session, failure.leaf(), VerifyStatus::Failed(code));
    }

    fn log_client(&self, session: Session<'_>, client: &ClientIdentity) {
        if !self.view.logs.connections.is_on() {
            return;
        }
        let leaf = client
            .chain
            .as_ref()
            .and_then(|chain| chain.leaf_certificate().ok());
        self.log(session, leaf.as_deref(), VerifyStatus::Success);
    }

    fn log(&self, tls: Session<'_>, leaf: Option<&Certificate>, status: VerifyStatus) {
        let log = &self.view.logs.connections;
        if !log.is_on() {
            return;
        }
        let line = ConnectionLine {
            time: OffsetDateTime::now_utc(),
            peer: self.peer,
            listener_port: self.door.address.port(),
            tls,
            leaf,
            status,
            id: self.id,
        };
        log.write(line.to_string().into_bytes());
    }
}

/// Serves requests until the connection ends, the drain begins, or the client's certificate is no longer good. In the
/// last case requests in flight have a moment to end, and are then cut off.
async fn speak_http<I>(connection: Arc<Connection>, io: I, protocol: Protocol, service: &HttpService)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut draining = connection.draining.clone();
    let close = Notify::new();
    let stop = async {
        tokio::select! {
            () = draining.begun() => {}
            () = close.notified() => {}
        }
    };
    let requests = {
        let connection = Arc::clone(&connection);
        service_fn(move |request| {
            let connection = Arc::clone(&connection);
            async move { Ok::<_, Infallible>(forward::handle(&connection, request).await) }
        })
    };
    let life = serve::http_until(
        io,
        protocol,
        requests,
        &connection.activity,
        (service.limits, stop),
    );
    let distrust = async {
        standing::lost(&connection).await;
        close.notify_one();
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        ended = life => {
            if let Err(error) = ended {
                debug!(id = %connection.id, %error, "a connection ended");
            }
        }
        () = distrust => debug!(id = %connection.id, "a connection was cut off: its certificate is no longer good"),
    }
}
