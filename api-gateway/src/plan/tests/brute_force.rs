//! Every request of a small world by everybody in it, with certificates that are really verified, decided about by the
//! request path on both sides.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use fastrand::Rng;
use http::{Method, Request};
use rustls::pki_types::UnixTime;
use transport::serve::{Negotiated, Protocol};

use super::CARRIER;
use super::document::{HEADERS, NAMES};
use super::flat::Flat;
use super::pass::Pass;
use super::pki::{Certificate, ISSUERS, Pki};
use super::said::{Said, moves, said};
use crate::document::PluginConfig;
use crate::form::Form;
use crate::identity::{Connection, Digest};
use crate::plan::Side;
use crate::plan::change::{Direction, Relation};
use crate::plan::presented::Written;
use crate::plan::request::{PlannedRequest, Scheme};
use crate::proxy::verdict::Verdict;

/// Whoever sends a request, with what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) socket: Option<Card>,
    pub(super) header: Option<Card>,
    pub(super) pass: Option<Pass>,
    pub(super) lines: Vec<&'static str>,
    pub(super) is_carried: bool,
    pub(super) from: Option<IpAddr>,
}

/// A certificate: by whom, with which name, and where that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) issuer: usize,
    pub(super) name: String,
    pub(super) kind: &'static str,
}

pub(super) fn requests() -> Vec<PlannedRequest> {
    let hosts = ["a.test", "z.test", "b.x", "q.example", "a.test:81"];
    let methods = [Method::GET, Method::POST, Method::PUT, Method::OPTIONS];
    let mut all = requests_for(&hosts, &methods);
    // Routes that nothing else leads to.
    all.extend(requests_for(
        &["r2.never", "r3.never", "r4.never"],
        &[Method::GET],
    ));
    all
}

fn requests_for(hosts: &[&str], methods: &[Method]) -> Vec<PlannedRequest> {
    let mut all = Vec::new();
    for host in hosts {
        for target in ["/", "/a", "/a/b", "/a/7", "/x", "/zzz"] {
            for method in methods {
                for headers in [
                    &[][..],
                    &[("x-team", "red")],
                    &[("x-team", "blue")],
                    &[("x-stop", "1")],
                ] {
                    for (scheme, server_name) in [
                        (Scheme::Http, None),
                        (Scheme::Https, None),
                        (Scheme::Https, Some("a.test")),
                        (Scheme::Https, Some("z.test")),
                        (Scheme::Https, Some("q.example")),
                    ] {
                        all.push(PlannedRequest {
                            method: method.clone(),
                            scheme,
                            host: (*host).to_owned(),
                            target: target.to_owned(),
                            headers: headers
                                .iter()
                                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                                .collect(),
                            server_name: server_name.map(str::to_owned),
                        });
                    }
                }
            }
        }
    }
    all
}

pub(super) fn addresses() -> [IpAddr; 4] {
    ["203.0.113.9", "10.0.0.5", "10.1.0.5", "198.51.100.1"].map(|address| address.parse().unwrap())
}

/// Every certificate that there is.
pub(super) fn cards() -> Vec<Card> {
    let mut cards = Vec::new();
    for issuer in 0..ISSUERS.len() {
        for name in NAMES {
            for kind in ["CN", "SAN", "CN beside a SAN"] {
                cards.push(Card {
                    issuer,
                    name: name.to_owned(),
                    kind,
                });
            }
        }
    }
    cards
}

/// Whoever could send one of these certificates in any way.
pub(super) fn callers(
    (sockets, headers, passes): (&[Card], &[Card], &[Pass]),
    addresses: &[IpAddr],
) -> Vec<Caller> {
    let ways: [&[&'static str]; 3] = [&HEADERS[..1], &HEADERS[1..], &HEADERS];
    let mut all = Vec::new();
    for from in addresses {
        for is_carried in [false, true] {
            for socket in some(sockets) {
                for header in some(headers) {
                    let ways = if header.is_some() { &ways[..] } else { &[&[][..]] };
                    for pass in some(passes) {
                        all.extend(ways.iter().map(|lines| Caller {
                            socket: socket.clone(),
                            header: header.clone(),
                            pass: pass.clone(),
                            lines: lines.to_vec(),
                            is_carried,
                            from: Some(*from),
                        }));
                    }
                }
            }
        }
    }
    all
}

/// Nothing, and each of them.
fn some<T: Clone>(all: &[T]) -> Vec<Option<T>> {
    let some = all.iter().cloned().map(Some);
    std::iter::once(None).chain(some).collect()
}

/// How a caller comes; `None`: he could not show what he has.
fn connection(
    side: &Side,
    pki: &Pki,
    (request, caller): (&PlannedRequest, &Caller),
    client: IpAddr,
) -> Option<Connection> {
    let certificate = |card: &Card| pki.certificate(card.issuer, &card.name, card.kind);
    let is_tls = caller.is_carried || request.scheme == Scheme::Https;
    let peer = if caller.is_carried {
        CARRIER.parse().unwrap()
    } else {
        client
    };
    let (peer, local) = (
        SocketAddr::new(peer, 1234),
        SocketAddr::from(([127, 0, 0, 1], if is_tls { 8443 } else { 8000 })),
    );
    let snapshot = &side.snapshot;
    let asks = is_tls && snapshot.handshakes.choose(request.server_name.as_deref()).asks;
    if !is_tls {
        let nothing_is_shown = caller.socket.is_none();
        return nothing_is_shown.then(|| Connection::plain(peer, local));
    }
    let negotiated = Negotiated {
        version: "TLSv1.3",
        cipher: "TLS_AES_128_GCM_SHA256",
        key_exchange: "x25519",
        protocol: Protocol::Http2,
        server_name: request.server_name.as_deref().map(Into::into),
    };
    let shown: Option<Certificate> = caller.socket.as_ref().filter(|_| asks).map(certificate);
    Some(Connection::tls(
        (peer, local),
        negotiated,
        asks,
        shown.as_ref().map(|shown| &shown.chain[..]),
    ))
}

pub(super) fn ask(
    side: &Side,
    pki: &Pki,
    (request, caller): (&PlannedRequest, &Caller),
    now: UnixTime,
) -> Option<Said> {
    let certificate = |card: &Card| pki.certificate(card.issuer, &card.name, card.kind);
    let client = caller.from.unwrap_or_else(|| addresses()[0]);
    let connection = connection(side, pki, (request, caller), client)?;
    let brought = match &caller.pass {
        Some(pass) => {
            let beside = caller.header.as_ref().or(caller.socket.as_ref());
            let thumbprint = beside.map(|card| Digest::of(&certificate(card).chain[0]).0);
            Some(pass.written((side, pki), thumbprint, now))
        }
        None => None,
    };
    let target = match &brought {
        Some(Written::Argument(argument)) => format!("{}?{argument}", request.target),
        _ => request.target.clone(),
    };
    let mut builder = Request::builder()
        .method(&request.method)
        .uri(target)
        .header("host", &request.host);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let form = match brought {
        Some(Written::Header(name, value)) => {
            builder = builder.header(name, value);
            None
        }
        Some(Written::Form(fields)) => {
            builder = builder.header("content-type", "application/x-www-form-urlencoded");
            Some(fields)
        }
        Some(Written::Argument(_)) | None => None,
    };
    if caller.is_carried {
        builder = builder
            .header("x-forwarded-proto", request.scheme.as_str())
            .header("x-forwarded-for", client.to_string())
            .header("x-real-ip", client.to_string());
    }
    if let Some(card) = &caller.header {
        let value = certificate(card).value;
        for line in &caller.lines {
            builder = builder.header(*line, value.clone());
        }
    }
    let head = builder.body(()).unwrap().into_parts().0;
    let form = form.map_or(Form::Absent, |fields| {
        Form::of_body(&head.method, &head.headers, fields)
    });
    let verdict = Verdict::with_form(&side.snapshot, &connection, (head, form), now);
    Some(said(side, &verdict))
}

/// What changes for one caller of one request; and what he would have to bring less for the same.
struct Changed {
    caller: usize,
    direction: Direction,
    said: Said,
}

/// Everything that changes for these callers with this request.
pub(super) fn changes(
    sides: &[Side; 2],
    pki: &Pki,
    (request, callers): (&PlannedRequest, &[Caller]),
    now: UnixTime,
) -> Vec<(Flat, Caller)> {
    let mut changed = Vec::new();
    for (position, caller) in callers.iter().enumerate() {
        let said = [0, 1].map(|side: usize| ask(&sides[side], pki, (request, caller), now));
        let [Some(old), Some(new)] = said else { continue };
        for (direction, side) in moves(&old, &new) {
            changed.push(Changed {
                caller: position,
                direction,
                said: [&old, &new][side].clone(),
            });
        }
    }
    let has_bond = has_bond(sides);
    let needs_less = |one: &Changed| {
        changed.iter().any(|other| {
            let (less, more) = (&callers[other.caller], &callers[one.caller]);
            other.direction == one.direction && other.said == one.said && less.brings_less_than(more)
        })
    };
    let kept = changed.iter().filter(|one| !needs_less(one));
    kept.map(|one| {
        let caller = &callers[one.caller];
        let (service, who) = one.said.reached.clone().unwrap();
        let issuer = |card: &Option<Card>| card.as_ref().map(|card| ISSUERS[card.issuer].to_owned());
        let flat = Flat {
            direction: one.direction,
            credential: caller.word(),
            socket: issuer(&caller.socket),
            header: issuer(&caller.header),
            relation: if has_bond && caller.count() > 1 {
                Relation::Apart
            } else {
                Relation::Any
            },
            who,
            route: one.said.route.clone().unwrap(),
            service,
        };
        (flat, caller.clone())
    })
    .collect()
}

fn has_bond(sides: &[Side; 2]) -> bool {
    let mut plugins = sides.iter().flat_map(|side| &side.document.plugins);
    plugins.any(|plugin| matches!(&plugin.config, PluginConfig::Principals(config) if config.same.is_some()))
}

impl Caller {
    fn count(&self) -> usize {
        usize::from(self.socket.is_some())
            + usize::from(self.header.is_some())
            + usize::from(self.pass.is_some())
    }

    fn brings_less_than(&self, more: &Self) -> bool {
        let is_part = |less: &Option<Card>, more: &Option<Card>| less.is_none() || less == more;
        self.from == more.from
            && (self.count() == 0 || self.is_carried == more.is_carried)
            && is_part(&self.socket, &more.socket)
            && is_part(&self.header, &more.header)
            && (self.pass.is_none() || self.pass == more.pass)
            && (self.header.is_none() || self.lines == more.lines)
            && self.count() < more.count()
    }

    fn word(&self) -> String {
        let mut words = Vec::new();
        if self.socket.is_some() {
            words.push("socket");
        }
        match &self.header {
            Some(_) if self.is_carried => words.push("header"),
            Some(_) => words.push("header-from-anybody"),
            None => {}
        }
        words.extend(self.pass.as_ref().map(Pass::word));
        if words.is_empty() {
            "none".to_owned()
        } else {
            words.join("+")
        }
    }
}

/// Some of a list, in no order.
pub(super) fn sample<T: Clone>(rng: &mut Rng, all: &[T], count: usize) -> Vec<T> {
    (0..count).map(|_| all[rng.usize(..all.len())].clone()).collect()
}

/// What there is in one set and not in the other, for a failure.
pub(super) fn listed(flats: &BTreeSet<Flat>) -> String {
    flats
        .iter()
        .fold(String::new(), |all, flat| all + &format!("{flat:?}\n"))
}
