//! What becomes of everybody at a pair of routes: where the old configuration leads a request, and where the new one does.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;

use super::bench::{Bench, HeaderLine, Sender, USUAL_ADDRESS};
use super::change::Credential;
use super::chain_facts::{ChainFacts, addresses};
use super::classes::CertificateClass;
use super::instances::Source;
use super::names::Interned;
use super::request::{PlannedRequest, Scheme};
use super::side::Side;
use crate::consumer::ConsumerKey;
use crate::exchange::Proof;
use crate::identity::SourceRule;
use crate::proxy::verdict::Verdict;
use crate::snapshot::Route;

/// By whom a request is made, and what becomes of it on either side.
#[derive(Debug)]
pub(super) struct Trial {
    /// The peer's certificate.
    pub(super) socket: Option<Rc<CertificateClass>>,
    /// The certificate in headers.
    pub(super) header: Option<Rc<CertificateClass>>,
    pub(super) sender: Sender,
    pub(super) client: IpAddr,
    pub(super) outcomes: [Outcome; 2],
}

impl Trial {
    /// What the sender brings.
    pub(super) fn credential(&self) -> Credential {
        let is_carried = self.sender.carrier.is_some();
        match (&self.socket, &self.header) {
            (None, None) => Credential::Nothing,
            (Some(_), None) => Credential::Socket,
            (None, Some(_)) if is_carried => Credential::Header,
            (Some(_), Some(_)) if is_carried => Credential::SocketAndHeader,
            (None | Some(_), Some(_)) => Credential::HeaderFromAnybody,
        }
    }

    /// Whether whoever can do the other can do this, with a certificate less.
    pub(super) fn brings_less_than(&self, other: &Self) -> bool {
        let is_part = |less: &Option<Rc<CertificateClass>>, more: &Option<Rc<CertificateClass>>| {
            let both = less.as_ref().zip(more.as_ref());
            less.is_none() || both.is_some_and(|(less, more)| Rc::ptr_eq(less, more))
        };
        let is_bare = self.socket.is_none() && self.header.is_none();
        let count = |trial: &Self| usize::from(trial.socket.is_some()) + usize::from(trial.header.is_some());
        self.client == other.client
            && (is_bare || self.sender.carrier == other.sender.carrier)
            && is_part(&self.socket, &other.socket)
            && is_part(&self.header, &other.header)
            && (self.header.is_none() || self.sender.lines == other.sender.lines)
            && count(self) < count(other)
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Reached(As),
    Refused {
        status: StatusCode,
        reason: &'static str,
        plugin: Option<Arc<str>>,
    },
}

/// As whom it reaches the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    /// Nobody was looked for.
    Nobody,
    /// The holder of a certificate, without a consumer.
    Certificate { by: By, instance: usize },
    /// The consumer that stands for everybody else.
    Anonymous(ConsumerKey),
    /// The consumer that a certificate names.
    Consumer {
        key: ConsumerKey,
        by: By,
        instance: usize,
    },
}

/// Where the certificate came from that had the last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    Socket,
    Header,
}

/// What is the same for many pairs of routes is tried once.
pub(super) struct Stages<'b, 's> {
    bench: &'b Bench<'s>,
    facts: [Vec<Rc<ChainFacts<'s>>>; 2],
    /// By side, by route: which chain it runs, as a number.
    chains: [Vec<u32>; 2],
    carriers: Vec<IpAddr>,
    known: HashMap<StageKey, Rc<[Trial]>>,
}

/// All that a decision can depend on, the sender aside.
#[derive(PartialEq, Eq, Hash)]
struct StageKey {
    sides: [Gate; 2],
    scheme: Scheme,
    /// Where a plugin looks at them: headers and query.
    beside: Option<(Vec<(String, String)>, String)>,
}

/// What a request meets on a side.
#[derive(PartialEq, Eq, Hash)]
enum Gate {
    /// No route.
    Nothing,
    Route {
        chain: u32,
        https_only: Option<StatusCode>,
        has_service: bool,
        asks: bool,
    },
}

impl<'b, 's> Stages<'b, 's> {
    pub(super) fn new(bench: &'b Bench<'s>) -> Self {
        let mut facts = [Vec::new(), Vec::new()];
        let chains = [0, 1].map(|side: usize| {
            let mut numbers: Interned<Vec<(Arc<str>, [usize; 4])>> = Interned::default();
            let routes = bench.sides[side].snapshot.routes.iter();
            routes
                .map(|route| {
                    let slots = route.chain.slots().iter();
                    let places = slots.map(|slot| (Arc::clone(&slot.name), slot.places()));
                    let number = numbers.number(places.collect());
                    if number as usize == facts[side].len() {
                        facts[side].push(Rc::new(ChainFacts::of(&route.chain, &bench.instances)));
                    }
                    number
                })
                .collect()
        });
        Self {
            bench,
            facts,
            chains,
            carriers: carriers(bench.sides),
            known: HashMap::new(),
        }
    }

    /// What becomes of everybody who sends this request, which takes this route on either side.
    pub(super) fn at(
        &mut self,
        routes: [Option<usize>; 2],
        request: &PlannedRequest,
        is_looked_at: bool,
    ) -> Rc<[Trial]> {
        let gates = [0, 1].map(|side: usize| self.gate(side, routes[side], request));
        let key = StageKey {
            sides: gates,
            scheme: request.scheme,
            beside: is_looked_at.then(|| (request.headers.clone(), request.target.clone())),
        };
        if let Some(known) = self.known.get(&key) {
            return Rc::clone(known);
        }
        let trials: Rc<[Trial]> = self.try_all(routes, request).into();
        self.known.insert(key, Rc::clone(&trials));
        trials
    }

    fn gate(&self, side: usize, route: Option<usize>, request: &PlannedRequest) -> Gate {
        let snapshot = &self.bench.sides[side].snapshot;
        let Some(route) = route else { return Gate::Nothing };
        let Route {
            https_only, service, ..
        } = &snapshot.routes[route];
        Gate::Route {
            chain: self.chains[side][route],
            https_only: *https_only,
            has_service: service.is_some(),
            asks: snapshot.handshakes.choose(request.server_name.as_deref()).asks,
        }
    }

    fn try_all(&self, routes: [Option<usize>; 2], request: &PlannedRequest) -> Vec<Trial> {
        let facts = [0, 1].map(|side: usize| {
            let chain = *self.chains[side].get(routes[side]?)?;
            self.facts[side].get(chain as usize).map(AsRef::as_ref)
        });
        let all: Vec<usize> = facts
            .iter()
            .flatten()
            .flat_map(|facts| facts.instances.iter().copied())
            .collect();
        let is_socket = |instance: &usize| self.bench.instances.all[*instance].source == Source::Socket;
        let (on_socket, in_header): (Vec<usize>, Vec<usize>) = all.iter().copied().partition(is_socket);
        let edges_are_named = self.bench.sides.iter().any(|side| side.snapshot.sources.edges.is_some());
        let classes = |instances: &[usize], is_wanted: bool| -> Vec<Option<Rc<CertificateClass>>> {
            let found = is_wanted.then(|| self.bench.classes(instances, &facts));
            let some = found.into_iter().flatten().map(Rc::new).map(Some);
            std::iter::once(None).chain(some).collect()
        };
        let sockets = classes(&on_socket, !on_socket.is_empty() || (edges_are_named && !in_header.is_empty()));
        let headers = classes(&in_header, !in_header.is_empty());
        let addresses = addresses(&facts, USUAL_ADDRESS);
        let anybody_may_carry = in_header.iter().any(|instance| {
            matches!(
                self.bench.instances.all[*instance].source,
                Source::Header(_, _, SourceRule::AnyAddress)
            )
        });
        let ways = self.header_lines(&in_header);
        let no_lines: Rc<[HeaderLine]> = Rc::new([]);
        let mut trials = Vec::new();
        let mut add = |socket: &Option<Rc<CertificateClass>>, header: &Option<Rc<CertificateClass>>, carrier| {
            let ways = if header.is_some() { &ways[..] } else { std::slice::from_ref(&no_lines) };
            for (lines, client) in ways.iter().flat_map(|way| addresses.iter().map(move |client| (way, *client))) {
                let sender = Sender {
                    socket: socket.as_ref().map(|class| class.example),
                    header: header.as_ref().map(|class| class.example),
                    lines: Rc::clone(lines),
                    carrier,
                };
                trials.extend(self.try_one(request, (&sender, client), &all, routes).map(|outcomes| Trial {
                    socket: socket.clone(),
                    header: header.clone(),
                    sender,
                    client,
                    outcomes,
                }));
            }
        };
        let may_show = request.scheme == Scheme::Https;
        for socket in sockets.iter().filter(|socket| may_show || socket.is_none()) {
            let with_header = socket.is_none() || anybody_may_carry;
            for header in headers.iter().filter(|header| with_header || header.is_none()) {
                add(socket, header, None);
            }
        }
        // By http, a carrier's certificate is one that no client could show.
        if !in_header.is_empty() || (!on_socket.is_empty() && !may_show) {
            for carrier in &self.carriers {
                for socket in &sockets {
                    for header in &headers {
                        add(socket, header, Some(*carrier));
                    }
                }
            }
        }
        trials.retain(|trial| trial.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Reached(_))));
        trials
    }

    /// The headers that plugins of either side read, one at a time and all at once.
    fn header_lines(&self, instances: &[usize]) -> Vec<Rc<[HeaderLine]>> {
        let mut lines: Vec<HeaderLine> = Vec::new();
        for instance in instances {
            if let Source::Header(name, format, _) = self.bench.instances.all[*instance].source {
                let line = (name.clone(), format);
                if !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        let mut ways: Vec<Rc<[HeaderLine]>> = lines.iter().map(|line| Rc::from([line.clone()])).collect();
        let mut whole: Vec<HeaderLine> = Vec::new();
        for line in lines {
            if !whole.iter().any(|(name, _)| *name == line.0) {
                whole.push(line);
            }
        }
        if whole.len() > 1 {
            ways.push(whole.into());
        }
        ways
    }

    fn try_one(
        &self,
        request: &PlannedRequest,
        asked: (&Sender, IpAddr),
        instances: &[usize],
        routes: [Option<usize>; 2],
    ) -> Option<[Outcome; 2]> {
        let ask = |side: usize| {
            let verdict = self.bench.ask(side, request, asked, instances)?;
            // A request that takes another route for whoever sends it is another request.
            (verdict.route == routes[side]).then(|| self.outcome(side, verdict))
        };
        Some([ask(0)?, ask(1)?])
    }

    fn outcome(&self, side: usize, verdict: Verdict) -> Outcome {
        let Verdict {
            outcome,
            route,
            plugin,
            consumer,
            principals,
        } = verdict;
        if let Err(rejection) = outcome {
            return Outcome::Refused {
                status: rejection.status(),
                reason: rejection.reason(),
                plugin,
            };
        }
        let chain = route.and_then(|route| self.bench.sides[side].snapshot.routes.get(route));
        let found = |plugin: &str| {
            let slot = chain.and_then(|route| route.chain.slot(plugin));
            slot.and_then(|slot| self.bench.instances.position(slot.for_everybody()?))
        };
        let last = principals.iter().rev().find(|principal| principal.consumer == consumer);
        let last = last.and_then(|principal| {
            let by = match principal.proof {
                Proof::Socket(_) => By::Socket,
                Proof::Header(_) => By::Header,
                Proof::Bearer(_) => return None,
            };
            Some((by, found(&principal.plugin)?))
        });
        Outcome::Reached(match (consumer, last) {
            (Some(key), Some((by, instance))) => As::Consumer { key, by, instance },
            (Some(key), None) => As::Anonymous(key),
            (None, Some((by, instance))) => As::Certificate { by, instance },
            (None, None) => As::Nobody,
        })
    }
}

/// An address of each side's `trusted_ips`; with edges any will do, as their certificate counts.
fn carriers(sides: &[Side; 2]) -> Vec<IpAddr> {
    let mut carriers: Vec<IpAddr> = Vec::new();
    for Side { snapshot, .. } in sides {
        let first = snapshot.sources.addresses.first().map(|network| network.network());
        let edges = snapshot.sources.edges.as_ref().map(|_| USUAL_ADDRESS);
        for carrier in first.into_iter().chain(edges) {
            if !carriers.contains(&carrier) {
                carriers.push(carrier);
            }
        }
    }
    carriers
}
