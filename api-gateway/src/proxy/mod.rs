//! The request path, top to bottom: look, match, judge, send.

pub mod access_log;
pub mod client_address;
mod forward;
pub mod owned_headers;
mod record;
mod response;

use std::sync::Arc;

use http::header::{self, HeaderMap};
use http::uri::Authority;
use http::{Method, Request, Response, Version};
use hyper::body::Incoming;
use rustls::pki_types::UnixTime;
use transport::body::ResponseBody;
use transport::drain::Draining;
use transport::hop;

use self::forward::Forwarded;
use self::record::Record;
use crate::exchange::Exchange;
use crate::gateway::Shared;
use crate::identity::{CarriedCertificates, Connection};
use crate::rejection::{HttpsRedirect, Rejection};
use crate::router::{RequestFacts, path};
use crate::snapshot::{Route, Snapshot};

/// Answers one request. Whatever happens, there is an answer and a line in the log.
pub async fn handle(
    gateway: Arc<Shared>,
    connection: Arc<Connection>,
    draining: Draining,
    request: Request<Incoming>,
) -> Response<ResponseBody> {
    let in_flight = connection.activity.begin();
    let snapshot = gateway.snapshots.load();
    let mut record = Record::begin(&gateway, &snapshot, &connection, &request);
    let (response, tunnel) = match answer(&snapshot, &connection, &mut record, request).await {
        Ok(forwarded) => response::of_upstream(forwarded, &mut record),
        Err(rejection) => (response::of_rejection(&rejection, &mut record), None),
    };
    match tunnel {
        Some((client, upstream)) => {
            transport::tunnel::join(client, upstream, (in_flight, draining));
            response.map(|body| record.observe(body))
        }
        None => response.map(|body| record.observe(body.holding(in_flight))),
    }
}

async fn answer(
    snapshot: &Snapshot,
    connection: &Connection,
    record: &mut Record,
    request: Request<Incoming>,
) -> Result<Forwarded, Rejection> {
    let (mut request, target) = admit(snapshot, record, request)?;
    let now = UnixTime::now();
    let carrier = snapshot.sources.carrier(connection, snapshot.generation, now);
    record.client(
        snapshot
            .real_ip
            .client(connection, &carrier, &snapshot.sources, request.headers()),
    );

    let on_upgrade = hyper::upgrade::on(&mut request);
    let (mut head, body) = request.into_parts();
    let upgrade = hop::strip_request(&mut head.headers);
    let carried = CarriedCertificates::set_aside(&mut head.headers, &snapshot.owned);

    let path =
        path::normalise(head.uri.path()).map_err(|error| Rejection::BadRequest(error.to_string().into()))?;
    let is_https = client_address::is_https(connection, &carrier, &head.headers);
    let facts = RequestFacts {
        method: &head.method,
        host: target.text(),
        listener_port: connection.local.port(),
        path: &path,
        headers: &head.headers,
        tls: is_https,
        sni: connection.tls.as_ref().and_then(|tls| tls.server_name.as_deref()),
    };
    let matched = snapshot.router.find(&facts).ok_or(Rejection::NoRoute)?;
    let route = snapshot.routes.get(matched.route).ok_or(Rejection::NoRoute)?;
    record.route(matched.route);
    require_https(route, is_https, &target, &head)?;
    require_handshake(route, connection)?;

    let path = path.into_owned();
    let mut exchange = Exchange::new(
        connection,
        (&carrier, &snapshot.sources),
        &snapshot.consumers,
        (head, carried),
        now,
    );
    let judged = route.chain.access(&mut exchange);
    record.judged(&mut exchange.caller, judged)?;

    let service = route.service.as_ref().ok_or(Rejection::NoService)?;
    exchange.write_headers();
    let outgoing = forward::Outbound {
        route,
        service,
        matched: matched.path,
        path: &path,
        target: &target,
        upgrade,
    };
    outgoing
        .send(exchange, snapshot, record, (body, on_upgrade))
        .await
}

/// The host that a request is for.
#[derive(Debug)]
pub(in crate::proxy) enum Target {
    /// `:authority`, or the authority of an absolute-form target, which wins over `Host` (RFC 9112 §3.2.2).
    Authority(Authority),
    /// `Host`.
    Host(http::HeaderValue),
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

/// Refuses what no route should see, and finds the host.
fn admit(
    snapshot: &Snapshot,
    record: &mut Record,
    request: Request<Incoming>,
) -> Result<(Request<Incoming>, Target), Rejection> {
    if matches!(*request.method(), Method::CONNECT | Method::TRACE) {
        return Err(Rejection::MethodNotAllowed);
    }
    let headers = request.headers();
    let mut total = 0;
    for (name, value) in headers {
        let line = name.as_str().len() + value.len();
        total += line;
        if line > snapshot.limits.header_line {
            return Err(Rejection::HeaderTooLarge);
        }
    }
    if total > snapshot.limits.head {
        return Err(Rejection::HeaderTooLarge);
    }
    if let Some(limit) = snapshot.limits.body
        && content_length(headers).is_some_and(|length| length > limit)
    {
        return Err(Rejection::BodyTooLarge);
    }
    let target = target(&request)?;
    record.host(target.text());
    Ok((request, target))
}

fn target(request: &Request<Incoming>) -> Result<Target, Rejection> {
    let headers = request.headers();
    let mut hosts = headers.get_all(header::HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() || host.is_some_and(|host| host.to_str().is_err()) {
        return Err(Rejection::BadRequest(
            "the request has more than one Host, or one that is not ASCII".into(),
        ));
    }
    if let Some(authority) = request.uri().authority() {
        if authority.as_str().contains('@') {
            return Err(Rejection::BadRequest(
                "the request target holds credentials".into(),
            ));
        }
        return Ok(Target::Authority(authority.clone()));
    }
    match host {
        Some(host) => Ok(Target::Host(host.clone())),
        None if request.version() == Version::HTTP_10 => Ok(Target::None),
        None => Err(Rejection::BadRequest("the request has no Host".into())),
    }
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The check of `protocols`, before any plugin sees the request.
fn require_https(
    route: &Route,
    is_https: bool,
    target: &Target,
    head: &http::request::Parts,
) -> Result<(), Rejection> {
    let Some(status) = route.https_only.filter(|_| !is_https) else {
        return Ok(());
    };
    let location = status.is_redirection().then(|| {
        let host = target.text();
        let host = host
            .rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(host, _)| host);
        let rest = head
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        http::HeaderValue::try_from(format!("https://{host}{rest}")).ok()
    });
    Err(Rejection::HttpsRequired(HttpsRedirect {
        status,
        location: location.flatten(),
    }))
}

/// A certificate can only come if it was asked for. A route that wants one, on a connection whose handshake did not
/// ask, belongs on another connection (RFC 9110 §15.5.20); names are never compared to find that out.
fn require_handshake(route: &Route, connection: &Connection) -> Result<(), Rejection> {
    let misdirected =
        route.wants_certificate && connection.tls.is_some() && !connection.asked_for_certificate;
    if misdirected {
        Err(Rejection::Misdirected)
    } else {
        Ok(())
    }
}
