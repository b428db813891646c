//! The last step: the request as the upstream gets it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Uri, Version};
use hyper::upgrade::OnUpgrade;
use rustls::pki_types::ServerName;
use transport::body::UploadLimits;
use transport::hop;
use transport::upstream::Outgoing;

use super::admission::Target;
use super::decision::Decided;
use super::payload::Payload;
use super::record::Record;
use super::tunnel::Opening;
use crate::exchange::Exchange;
use crate::form::Form;
use crate::host::{server_name, without_port};
use crate::identity::{Carrier, Connection};
use crate::rejection::Rejection;
use crate::router::MatchedPath;
use crate::router::upstream_path::{stripped_prefix, upstream_path};
use crate::snapshot::{HostSent, Route, Service, Snapshot};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PATH: HeaderName = HeaderName::from_static("x-forwarded-path");
const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
/// The request's id, in the answer and upstream.
pub(super) const X_KONG_REQUEST_ID: HeaderName = HeaderName::from_static("x-kong-request-id");

/// As Kong asks for a WebSocket.
const KEPT_FOR_WEBSOCKET: HeaderValue = HeaderValue::from_static("keep-alive, Upgrade");

/// How long a client may be silent in the middle of its body (nginx's client_body_timeout).
const CLIENT_BODY_STALL: Duration = Duration::from_mins(1);

/// Headers that a request may get from us.
const OWN_HEADERS: usize = 20;

/// A request as its upstream gets it.
#[derive(Debug)]
pub(super) struct Outbound<'s> {
    pub(super) service: &'s Service,
    pub(super) outgoing: Outgoing,
    pub(super) host: HostSent,
    pub(super) upgrade: Upgrading,
}

/// Set for a WebSocket: the client's end, and what the tunnel would rest on.
pub(super) type Upgrading = Option<(OnUpgrade, Box<Opening>)>;

/// What goes into the head of a request beside what was decided about it.
pub(super) struct Passage<'r> {
    pub(super) target: &'r Target,
    /// The client's address.
    pub(super) client: IpAddr,
    pub(super) request_id: HeaderValue,
    /// Whether it asks for a WebSocket.
    pub(super) is_websocket: bool,
}

/// The head of a request as its upstream gets it.
pub(super) struct Written<'s> {
    pub(super) service: &'s Service,
    pub(super) head: Parts,
    /// What of the body's fields it gets.
    pub(super) form: Form,
    pub(super) host: HostSent,
    /// Verified, and asked for, instead of the service's name.
    pub(super) server_name: Option<ServerName<'static>>,
}

/// Writes the headers that are ours, and the path.
pub(super) fn write<'s>(
    snapshot: &Snapshot,
    decided: Decided<'_, 's>,
    passage: Passage<'_>,
) -> Result<Written<'s>, Rejection> {
    let Decided {
        mut exchange,
        route,
        service,
        matched,
        path,
    } = decided;
    // Room for all of ours at once: a map that grows step by step is hashed anew each time.
    exchange.head.headers.reserve(OWN_HEADERS);
    exchange.write_headers();
    let Exchange {
        arrival,
        mut head,
        form,
        ..
    } = exchange;
    let way = Way {
        route,
        service,
        matched,
        path: &path,
        target: passage.target,
    };
    way.write_forwarded(
        &mut head.headers,
        (arrival.connection, arrival.carrier),
        &head.uri,
        passage.client,
    );
    // Fields may have been taken out.
    if let Form::Read(fields) = &form
        && let Some(stated) = head.headers.get_mut(header::CONTENT_LENGTH)
    {
        *stated = fields.octets().len().into();
    }
    write_via(&mut head.headers, head.version);
    if snapshot.upstream_headers.request_id {
        head.headers.insert(X_KONG_REQUEST_ID, passage.request_id);
    } else {
        head.headers.remove(X_KONG_REQUEST_ID);
    }
    let kept = way.kept_host();
    if let Some(host) = &kept {
        head.headers.insert(header::HOST, host.clone());
    }
    // A field that was taken out makes the body shorter.
    if let Form::Read(fields) = &form
        && let Some(stated) = head.headers.get_mut(header::CONTENT_LENGTH)
    {
        *stated = fields.octets().len().into();
    }
    if passage.is_websocket {
        hop::write_websocket(&mut head.headers);
        head.headers.insert(header::CONNECTION, KEPT_FOR_WEBSOCKET);
    } else {
        head.headers
            .insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
    }
    head.uri = way.uri(&head.uri)?;
    head.version = Version::HTTP_11;
    let host = kept.as_ref().map_or(HostSent::Services, |_| HostSent::Requests);
    let server_name = match &kept {
        // A connection that was opened for the service's own name would carry another Host.
        Some(host) if service.is_tls => Some(server_name(host).ok_or(Rejection::BadRequest(
            "no certificate can be for the Host that the route keeps".into(),
        ))?),
        Some(_) | None => None,
    };
    Ok(Written {
        service,
        head,
        form,
        host,
        server_name,
    })
}

/// Makes the request that is sent.
pub(super) fn outbound<'s>(
    snapshot: &Snapshot,
    decided: Decided<'_, 's>,
    target: &Target,
    (mut payload, upgrade): (Payload, Upgrading),
    record: &mut Record,
) -> Result<Outbound<'s>, Rejection> {
    let passage = Passage {
        target,
        client: record.client_ip(),
        request_id: record.request_id_header(),
        is_websocket: upgrade.is_some(),
    };
    let Written {
        service,
        head,
        form,
        host,
        server_name,
    } = write(snapshot, decided, passage)?;
    payload.replace(&form);
    let limits = UploadLimits {
        stall: CLIENT_BODY_STALL,
        length: snapshot.limits.body,
    };
    let (body, progress) = payload.stream(limits);
    record.upload(progress.clone());
    record.sent(Instant::now());
    let outgoing = Outgoing {
        request: Request::from_parts(head, body),
        progress,
        server_name,
    };
    Ok(Outbound {
        service,
        outgoing,
        host,
        upgrade,
    })
}

/// Where a request goes.
struct Way<'r> {
    route: &'r Route,
    service: &'r Service,
    matched: MatchedPath,
    path: &'r str,
    target: &'r Target,
}

impl Way<'_> {
    fn uri(&self, original: &Uri) -> Result<Uri, Rejection> {
        let path = upstream_path(
            self.service.path.as_deref(),
            self.path,
            self.matched,
            self.route.strip,
        );
        let query = original
            .path_and_query()
            .and_then(|both| both.as_str().split_once('?'))
            .map(|(_, query)| query);
        match query {
            // The common case: nothing was rewritten, so the parsed URI goes on as it is.
            _ if path == original.path() && original.authority().is_none() => Ok(original.clone()),
            Some(query) => Uri::try_from(format!("{path}?{query}")),
            None => Uri::try_from(path.into_owned()),
        }
        .map_err(|_| Rejection::BadRequest("the path cannot be sent upstream".into()))
    }

    /// The client's `Host`, if it goes on; else that of the server is sent, which is chosen later.
    fn kept_host(&self) -> Option<HeaderValue> {
        match (self.route.host, self.target) {
            (HostSent::Services, _) | (HostSent::Requests, Target::None) => None,
            (HostSent::Requests, Target::Host(host)) => Some(host.clone()),
            (HostSent::Requests, Target::Authority(authority)) => {
                HeaderValue::from_str(authority.as_str()).ok()
            }
        }
    }

    /// `X-Forwarded-*` and `X-Real-IP`: ours, unless a carrier that is believed has already said it.
    fn write_forwarded(
        &self,
        headers: &mut HeaderMap,
        (connection, carrier): (&Connection, &Carrier),
        uri: &Uri,
        client: IpAddr,
    ) {
        append_address(headers, &connection.peer_header);
        let believed = carrier.speaks_for_others();
        let mut write = |name: HeaderName, value: &dyn Fn() -> Option<HeaderValue>| {
            if believed && headers.contains_key(&name) {
                return;
            }
            match value() {
                Some(value) => headers.insert(name, value),
                None => headers.remove(name),
            };
        };
        let scheme = if connection.tls.is_some() { "https" } else { "http" };
        write(X_FORWARDED_PROTO, &|| Some(HeaderValue::from_static(scheme)));
        write(X_FORWARDED_HOST, &|| {
            HeaderValue::from_str(without_port(self.target.text())).ok()
        });
        write(X_FORWARDED_PORT, &|| {
            Some(HeaderValue::from(connection.local.port()))
        });
        write(X_FORWARDED_PATH, &|| HeaderValue::from_str(uri.path()).ok());
        write(X_FORWARDED_PREFIX, &|| {
            stripped_prefix(self.path, self.matched, self.route.strip)
                .and_then(|prefix| HeaderValue::from_str(prefix).ok())
        });
        let real = if client == connection.peer.ip() {
            connection.peer_header.clone()
        } else {
            crate::identity::address_header(client)
        };
        headers.insert(X_REAL_IP, real);
    }
}

fn append_address(headers: &mut HeaderMap, peer: &HeaderValue) {
    let mut lines = headers.get_all(X_FORWARDED_FOR).iter();
    let joined = match lines.next() {
        None => peer.clone(),
        Some(first) => {
            let mut text = first.as_bytes().to_vec();
            for part in lines.chain([peer]) {
                text.extend_from_slice(b", ");
                text.extend_from_slice(part.as_bytes());
            }
            HeaderValue::from_bytes(&text).unwrap_or_else(|_| peer.clone())
        }
    };
    headers.insert(X_FORWARDED_FOR, joined);
}

/// `Via`, after what is there already.
pub(super) fn write_via(headers: &mut HeaderMap, received: Version) {
    let own = match received {
        Version::HTTP_2 => "2 api-gateway",
        Version::HTTP_10 => "1.0 api-gateway",
        _ => "1.1 api-gateway",
    };
    headers.append(header::VIA, HeaderValue::from_static(own));
}
