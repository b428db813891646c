//! What becomes of everybody at a pair of routes: where the old configuration leads a request, and where the new one does.

use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;
use ipnet::IpNet;

use super::RequestKey;
use super::attempt::Attempt;
use super::bench::{Bench, Readers, Sender, USUAL_ADDRESS};
use super::bonds::KnownOwners;
use super::chain_facts::{ChainFacts, addresses, after};
use super::classes::{CertificateClass, PassClass};
use super::grants::grants;
use super::instances::Source;
use super::names::Interned;
use super::passes::PassKind;
use super::presented::{shortest_limit, ways};
use super::request::{PlannedRequest, Scheme};
use super::shown::HeaderLine;
use super::side::Side;
use super::slot_key::SlotKey;
use super::trial::{As, By, Outcome, Trial};
use crate::document::PluginConfig;
use crate::exchange::Proof;
use crate::identity::SourceRule;
use crate::plugin::openid_connect::OpenIdConnect;
use crate::proxy::verdict::Verdict;
use crate::snapshot::Route;

/// Names that are tried beside another one in one token.
const OTHERS: usize = 8;

/// What is the same for many pairs of routes is tried once.
pub(super) struct Stages<'b, 's> {
    pub(super) bench: &'b Bench<'s>,
    facts: [Vec<Rc<ChainFacts<'s>>>; 2],
    /// By side, by route: which chain it runs, as a number.
    chains: [Vec<u32>; 2],
    carriers: Vec<IpAddr>,
    trust_differs: bool,
    /// Whether any plugin reads shared secrets as base64.
    has_base64: bool,
    known: HashMap<StageKey, Rc<[Trial]>>,
}

/// All that a decision can depend on, the sender aside.
#[derive(PartialEq, Eq, Hash)]
struct StageKey {
    sides: [Gate; 2],
    scheme: Scheme,
    /// Where a plugin looks at them: headers and query.
    beside: Option<(Vec<(String, String)>, String)>,
    is_open_preflight: bool,
    has_fields: bool,
    is_one_service: bool,
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
            let mut numbers: Interned<Vec<(Arc<str>, SlotKey<'_>)>> = Interned::default();
            let routes = bench.sides[side].snapshot.routes.iter();
            routes
                .map(|route| {
                    let slots = route.chain.slots().iter();
                    let keys = slots.map(|slot| (Arc::clone(&slot.name), SlotKey::of(slot)));
                    let number = numbers.number(keys.collect());
                    if number as usize == facts[side].len() {
                        facts[side].push(Rc::new(ChainFacts::of(&route.chain, bench)));
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
            trust_differs: trust_differs(bench.sides),
            has_base64: has_base64(bench.sides),
            known: HashMap::new(),
        }
    }

    /// What becomes of everybody who sends this request.
    pub(super) fn at(&mut self, of: &RequestKey, request: &PlannedRequest) -> Rc<[Trial]> {
        let gates = [0, 1].map(|side: usize| self.gate(side, of.routes[side], request));
        let key = StageKey {
            sides: gates,
            scheme: request.scheme,
            beside: of.beside.clone(),
            is_open_preflight: of.is_open_preflight,
            has_fields: of.has_fields,
            is_one_service: self.is_one_service(of.routes),
        };
        if let Some(known) = self.known.get(&key) {
            return Rc::clone(known);
        }
        let trials: Rc<[Trial]> = self.try_all(of.routes, request).into();
        self.known.insert(key, Rc::clone(&trials));
        trials
    }

    fn is_one_service(&self, routes: [Option<usize>; 2]) -> bool {
        let service = |side: usize| {
            let route = self.bench.sides[side].snapshot.routes.get(routes[side]?)?;
            route.service.as_ref().map(|service| &*service.name)
        };
        service(0) == service(1)
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
        let of_both = || facts.iter().copied().flatten();
        let instances: Vec<usize> = of_both()
            .flat_map(|facts| facts.instances.iter().copied())
            .collect();
        let source = |instance: usize| self.bench.instances.all[instance].source;
        let (on_socket, in_header): (Vec<usize>, Vec<usize>) = instances
            .iter()
            .copied()
            .partition(|instance| source(*instance) == Source::Socket);
        let edges_are_named = self
            .bench
            .sides
            .iter()
            .any(|side| side.snapshot.sources.edges.is_some());
        let certificates = |instances: &[usize], is_wanted: bool| -> Vec<Option<Rc<CertificateClass>>> {
            let found = is_wanted.then(|| self.bench.classes(instances, &facts));
            let some = found.into_iter().flatten().map(Rc::new).map(Some);
            std::iter::once(None).chain(some).collect()
        };
        let has_headers = !in_header.is_empty();
        let sockets = certificates(
            &on_socket,
            !on_socket.is_empty() || (edges_are_named && has_headers),
        );
        let headers = certificates(&in_header, has_headers);
        let plugins = || of_both().flat_map(|facts| facts.plugins.iter().copied());
        let others = self.others(&facts);
        let grants = grants(&facts, self.bench.signer.as_ref(), &others);
        let ways = ways(plugins(), grants, self.has_base64);
        let kinds: Vec<PassKind> = ways.iter().map(|way| way.kind).collect();
        let passes = self
            .bench
            .pass_classes(&kinds, &facts)
            .into_iter()
            .map(Rc::new)
            .map(Some);
        let passes: Vec<Option<Rc<PassClass>>> = std::iter::once(None).chain(passes).collect();
        let anybody_may_carry = in_header
            .iter()
            .any(|instance| matches!(source(*instance), Source::Header(_, _, SourceRule::AnyAddress)));
        let may_show = request.scheme == Scheme::Https;
        let takers = [0, 1].map(|side: usize| facts[side].map_or_else(Vec::new, ChainFacts::takers));
        let mut trial = Attempt {
            stages: self,
            request,
            routes,
            lines: self.header_lines(&in_header),
            addresses: addresses(&facts, USUAL_ADDRESS),
            limit: shortest_limit(plugins()),
            ways: ways.into_iter().map(Rc::new).collect(),
            bonds: [0, 1].map(|side: usize| facts[side].map_or_else(Vec::new, |facts| facts.bonds.clone())),
            token_finders: of_both()
                .flat_map(|facts| facts.token_finders.iter().copied())
                .collect(),
            readers: Readers {
                asking: takers.clone().map(asking),
                instances,
            },
            takers,
            is_one_service: self.is_one_service(routes),
            known_owners: KnownOwners::default(),
            trials: Vec::new(),
        };
        let everybody = (&*sockets, &*headers, &*passes);
        let is_carried = has_headers || (!on_socket.is_empty() && !may_show) || self.trust_differs;
        let carriers = if is_carried { &self.carriers[..] } else { &[] };
        trial.add_all(everybody, (may_show, anybody_may_carry), carriers);
        trial.trials
    }

    /// Of each kind of names in providers' tokens two: whoever is named beside one of them is another.
    fn others(&self, facts: &[Option<&ChainFacts<'s>>; 2]) -> Vec<(Box<str>, usize, Vec<usize>)> {
        let bench = self.bench;
        let classes = bench.pass_classes(&[PassKind::AccessToken], facts);
        let mut others = Vec::new();
        for class in classes {
            let passes = class
                .members
                .iter()
                .flat_map(|members| &bench.people.pass_classes[*members]);
            let two = passes.take(2);
            others.extend(two.map(|pass| (bench.passes[*pass].name.clone(), *pass, class.members.clone())));
        }
        others.truncate(OTHERS);
        others
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

    pub(super) fn try_one(
        &self,
        request: &PlannedRequest,
        (sender, client): (&Sender, IpAddr),
        readers: &Readers<'_>,
        routes: [Option<usize>; 2],
    ) -> Option<[Outcome; 2]> {
        let ask = |side: usize, sender: &Sender| {
            let verdict = self.bench.ask(side, request, (sender, client), readers)?;
            // A request that takes another route for whoever sends it is another request.
            (verdict.route == routes[side]).then_some(verdict)
        };
        // What signs for a public key is the same however a plugin reads secrets; what stands for it here is not.
        let otherwise = sender.pass.as_ref().and_then(|(pass, presentation, limit)| {
            self.bench.passes[*pass].is_asymmetric.then(|| Sender {
                pass: Some((*pass, Rc::new(presentation.signed_otherwise()), *limit)),
                ..sender.clone()
            })
        });
        let has_proved = |verdict: &Verdict| {
            let mut proofs = verdict.principals.iter().map(|principal| &principal.proof);
            proofs.any(|proof| matches!(proof, Proof::Bearer(_)))
        };
        let best = |side: usize| {
            let verdict = ask(side, sender)?;
            let other = otherwise
                .as_ref()
                .filter(|_| !has_proved(&verdict))
                .and_then(|otherwise| ask(side, otherwise))
                .filter(has_proved);
            Some(self.outcome(side, other.unwrap_or(verdict)))
        };
        Some([best(0)?, best(1)?])
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
                consumer,
            };
        }
        let chain = route.and_then(|route| self.bench.sides[side].snapshot.routes.get(route));
        let found = |plugin: &str| chain?.chain.slot(plugin)?.for_everybody();
        let last = principals
            .iter()
            .rev()
            .find(|principal| principal.consumer == consumer);
        let last = last.map(|principal| {
            let by = match principal.proof {
                Proof::Socket(_) => By::Socket,
                Proof::Header(_) => By::Header,
                Proof::Bearer(_) => By::Pass,
            };
            let finder = found(&principal.plugin).and_then(|plugin| match by {
                By::Socket | By::Header => self.bench.instances.position(plugin),
                By::Pass => self.bench.token_finders.position(plugin),
            });
            (by, finder)
        });
        Outcome::Reached(match (consumer, last) {
            (Some(key), Some((by, finder))) => As::Consumer { key, by, finder },
            (Some(key), None) => As::Anonymous(key),
            (None, Some((By::Pass, _))) => As::Bearer,
            (None, Some((by, Some(instance)))) => As::Certificate { by, instance },
            (None, Some((_, None)) | None) => As::Nobody,
        })
    }
}

/// An address of each kind that the two sides' `trusted_ips` tell apart; with edges any will do, as their certificate
/// counts.
fn carriers(sides: &[Side; 2]) -> Vec<IpAddr> {
    let trusted = |address: IpAddr| {
        let has = |network: &IpNet| network.contains(&address);
        [0, 1].map(|side: usize| sides[side].snapshot.sources.addresses.iter().any(has))
    };
    let networks = sides.iter().flat_map(|side| &side.snapshot.sources.addresses);
    let addresses = networks.flat_map(|network| {
        let borders = [Some(network.network()), after(network.broadcast())];
        borders.into_iter().flatten()
    });
    let mut carriers: Vec<IpAddr> = Vec::new();
    let mut known: Vec<[bool; 2]> = vec![[false, false]];
    for address in addresses {
        let by = trusted(address);
        if !known.contains(&by) {
            known.push(by);
            carriers.push(address);
        }
    }
    let mut edges = sides.iter().map(|side| side.snapshot.sources.edges.is_some());
    if edges.any(|has| has) {
        carriers.push(USUAL_ADDRESS);
    }
    carriers
}

/// Whether the sides believe different addresses.
fn trust_differs(sides: &[Side; 2]) -> bool {
    let [old, new] = sides;
    old.snapshot.sources.addresses != new.snapshot.sources.addresses
}

fn asking(takers: Vec<&OpenIdConnect>) -> Vec<&OpenIdConnect> {
    let mut asking = takers;
    asking.retain(|plugin| plugin.parts().introspector.is_some());
    asking
}

fn has_base64(sides: &[Side; 2]) -> bool {
    let mut plugins = sides.iter().flat_map(|side| &side.document.plugins);
    plugins.any(|plugin| matches!(&plugin.config, PluginConfig::Jwt(config) if config.secret_is_base64))
}
