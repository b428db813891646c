//! Which route a request takes, and whether its plugins let it: values and `now` in, a decision out. Nothing is sent
//! here, so a decision can be taken again, as it is for tunnels that outlive a reload.

use std::net::IpAddr;
use std::sync::Arc;

use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};
use rustls::pki_types::UnixTime;

use super::admission::Target;
use super::client_address;
use crate::consumer::ConsumerKey;
use crate::exchange::{Arrival, Exchange, Matched, Principal};
use crate::form::Form;
use crate::host::without_port;
use crate::identity::{CarriedCertificates, Carrier, Connection};
use crate::onlooker::Onlooker;
use crate::plugin::Refused;
use crate::plugin::errand::Errand;
use crate::plugin::openid_connect::provider::Provider;
use crate::rejection::{HttpsRedirect, Rejection};
use crate::router::{MatchedPath, RequestFacts, path};
use crate::snapshot::{Route, Service, Snapshot};

/// A request as its client sent it, less what is not the client's to say.
pub(super) struct Asked<'r> {
    pub(super) head: Parts,
    pub(super) form: Form,
    pub(super) carried: CarriedCertificates,
    pub(super) target: &'r Target,
    /// The provider whose keys were asked for on its behalf, where it is decided again.
    pub(super) answered: Option<Arc<Provider>>,
}

/// By which connection a request came, and whose word its peer's is.
#[derive(Clone, Copy)]
pub(super) struct Peer<'r> {
    pub(super) connection: &'r Connection,
    pub(super) carrier: &'r Carrier,
    /// See [`Arrival::client_ip`].
    pub(super) client_ip: Option<IpAddr>,
}

/// A request that may go on.
pub(super) struct Decided<'r, 's> {
    pub(super) exchange: Exchange<'r>,
    pub(super) route: &'s Route,
    pub(super) service: &'s Service,
    pub(super) matched: MatchedPath,
    /// The normalised path.
    pub(super) path: String,
}

/// How a decision came about, as far as it came: for the log.
#[derive(Debug, Default)]
pub(super) struct Trace {
    pub(super) route: Option<usize>,
    /// The last plugin that decided; `None`: routing did.
    pub(super) plugin: Option<Arc<str>>,
    pub(super) consumer: Option<ConsumerKey>,
    pub(super) principals: Vec<Principal>,
    /// Headers for the answer, whoever gives it.
    pub(super) answer_headers: Vec<(HeaderName, HeaderValue)>,
    /// Set if the refusal is only for want of an answer.
    pub(super) undecided: Option<Box<Undecided>>,
}

/// A request that was refused because something is not known yet: the request as it was, and what to ask.
#[derive(Debug)]
pub(super) struct Undecided {
    pub(super) head: Parts,
    pub(super) form: Form,
    pub(super) carried: CarriedCertificates,
    pub(super) errand: Errand,
}

/// Matches and judges.
pub(super) fn decide<'r, 's: 'r>(
    snapshot: &'s Snapshot,
    peer: Peer<'r>,
    asked: Asked<'r>,
    now: UnixTime,
    (trace, onlooker): (&mut Trace, &mut impl Onlooker),
) -> Result<Decided<'r, 's>, Rejection> {
    let Asked {
        head,
        form,
        carried,
        target,
        answered,
    } = asked;
    let Peer {
        connection,
        carrier,
        client_ip,
    } = peer;
    let path =
        path::normalise(head.uri.path()).map_err(|error| Rejection::BadRequest(error.to_string().into()))?;
    let is_https = client_address::is_https(connection, carrier, &head.headers);
    let facts = RequestFacts {
        method: &head.method,
        host: target.text(),
        listener_port: connection.local.port(),
        path: &path,
        headers: &head.headers,
        tls: is_https,
        sni: connection.tls.as_ref().and_then(|tls| tls.server_name.as_deref()),
    };
    onlooker.routing(&snapshot.router, &facts);
    let matched = snapshot.router.find(&facts).ok_or(Rejection::NoRoute)?;
    let route = snapshot.routes.get(matched.route).ok_or(Rejection::NoRoute)?;
    trace.route = Some(matched.route);
    require_https(route, is_https, target, &head)?;
    require_handshake(route, connection)?;

    let path = path.into_owned();
    let arrival = Arrival {
        connection,
        carrier,
        sources: &snapshot.sources,
        client_ip,
        now,
    };
    let whereto = Matched {
        route: &route.name,
        service: route.service.as_ref().map(|service| &*service.name),
        scheme: if is_https { "https" } else { "http" },
        host: target.text(),
    };
    let mut exchange = Exchange::new(arrival, whereto, &snapshot.consumers, (head, form, carried));
    exchange.answered = answered;
    let judged = route.chain.access(&mut exchange, onlooker);
    trace.consumer = exchange.caller.consumer;
    trace.principals = std::mem::take(&mut exchange.caller.principals);
    trace.answer_headers = std::mem::take(&mut exchange.answer_headers);
    trace.plugin = match judged {
        Ok(plugin) => plugin.cloned(),
        Err(Refused { plugin, rejection }) => {
            trace.plugin = Some(plugin);
            trace.undecided = exchange.errand.take().map(|errand| {
                let Exchange {
                    head, form, carried, ..
                } = exchange;
                Box::new(Undecided {
                    head,
                    form,
                    carried,
                    errand: *errand,
                })
            });
            return Err(rejection);
        }
    };
    let service = route.service.as_deref().ok_or(Rejection::NoService)?;
    Ok(Decided {
        exchange,
        route,
        service,
        matched: matched.path,
        path,
    })
}

/// The check of `protocols`, before any plugin sees the request.
fn require_https(route: &Route, is_https: bool, target: &Target, head: &Parts) -> Result<(), Rejection> {
    let Some(status) = route.https_only.filter(|_| !is_https) else {
        return Ok(());
    };
    let location = status.is_redirection().then(|| {
        let rest = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        HeaderValue::try_from(format!("https://{}{rest}", without_port(target.text()))).ok()
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
