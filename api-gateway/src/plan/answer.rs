//! What a plan says of one access: what either side answers and why, and what to send to see it.

use std::rc::Rc;

use super::bench::USUAL_ADDRESS;
use super::change::{
    Access, Answer, AnswerVerdict, CertificateName, PassName, PassState, TokenClaims, Witness,
};
use super::classes::CertificateClass;
use super::diff::{Diff, Identity};
use super::grants::Grant;
use super::names::NameShape;
use super::request::PlannedRequest;
use super::trial::{Outcome, Trial};
use crate::consumer::ConsumerKey;

impl Diff<'_, '_> {
    pub(super) fn access(
        &self,
        routes: [Option<usize>; 2],
        request: &PlannedRequest,
        trial: &Trial,
        side: usize,
    ) -> Access {
        let name = |side: usize| {
            let route = self.bench.sides[side].snapshot.routes.get(routes[side]?)?;
            Some(route.name.to_string())
        };
        let certificate = |class: &Option<Rc<CertificateClass>>, shown: Option<(u32, usize)>| {
            let (name, holder) = class.as_ref().and(shown)?;
            let name = &self.bench.people.names[name as usize];
            Some(CertificateName {
                name: name.text.to_string(),
                kind: match name.shape {
                    NameShape::Common => "CN",
                    NameShape::Alternative(_) => "SAN",
                    NameShape::Beside => "CN beside a SAN",
                    NameShape::Subject => "subject",
                },
                by: self.certificate_by(holder),
            })
        };
        let lines = trial.sender.lines.iter();
        Access {
            route: name(side).unwrap_or_default(),
            service: self.service(side, routes).unwrap_or_default().to_owned(),
            answers: [0, 1].map(|side: usize| self.answer(side, routes, &trial.outcomes, name(side))),
            witness: Witness {
                request: request.clone(),
                socket: certificate(&trial.brings.socket, trial.sender.socket),
                header: certificate(&trial.brings.header, trial.sender.header),
                header_names: lines.map(|(name, _)| name.to_string()).collect(),
                pass: trial.sender.pass.as_ref().map(|(pass, presentation, _)| {
                    let owner = |side: usize| {
                        let key = self.pass_owner(side, routes[side], *pass)?;
                        Some(self.bench.sides[side].consumer_name(key))
                    };
                    let owners = [owner(0), owner(1)];
                    let pass = &self.bench.passes[*pass];
                    PassName {
                        state: PassState {
                            kind: pass.kind,
                            lifetime: presentation.lifetime,
                            is_odd: presentation
                                .grant
                                .as_ref()
                                .is_some_and(|grant| grant.oddity.is_some()),
                        },
                        name: pass.name.to_string(),
                        owners,
                        place: presentation.place(),
                        grant: presentation.grant.as_ref().and_then(|grant| grant.told()),
                        token: presentation
                            .grant
                            .as_ref()
                            .map(|grant| self.token(grant, &pass.name)),
                    }
                }),
                is_carried: trial.sender.carrier.is_some(),
                from: Some(trial.client).filter(|client| *client != USUAL_ADDRESS),
            },
        }
    }

    fn token(&self, grant: &Grant, name: &str) -> TokenClaims {
        let signer = self.bench.signer.as_ref();
        TokenClaims {
            claims: grant.claims_for(name),
            voucher: signer.map_or("", |signer| signer.name(grant.voucher)).to_owned(),
            is_bound: grant.is_bound,
            is_opaque: grant.is_opaque,
        }
    }

    /// Whose a key, a password or a token is to a route's plugins.
    fn pass_owner(&self, side: usize, route: Option<usize>, pass: usize) -> Option<ConsumerKey> {
        if let Some(key) = self.bench.passes[pass].owners[side] {
            return Some(key);
        }
        let route = self.bench.sides[side].snapshot.routes.get(route?)?;
        let plugins = route.chain.slots().iter().flat_map(|slot| slot.configurations());
        let mut finders = plugins.filter_map(|plugin| self.bench.token_finders.position(plugin));
        let (_, key) = finders.find_map(|finder| self.bench.token_owner(pass, finder))?;
        Some(key)
    }

    fn answer(
        &self,
        side: usize,
        routes: [Option<usize>; 2],
        outcomes: &[Outcome; 2],
        route: Option<String>,
    ) -> Answer {
        let own = &self.bench.sides[side];
        let mut answer = Answer {
            verdict: AnswerVerdict::Refused {
                status: 0,
                reason: "",
            },
            place: routes[side].and_then(|route| own.place_of_route(route)),
            route,
            plugin: None,
            consumer_place: None,
            past: None,
        };
        match &outcomes[side] {
            Outcome::Reached(who) => {
                let consumer = match self.identity(side, *who) {
                    Identity::Nobody | Identity::Certificate | Identity::Bearer => None,
                    Identity::Anonymous(name) | Identity::Consumer(name) => Some(name),
                };
                let key = who.consumer();
                answer.consumer_place = key.and_then(|key| own.place_of_consumer(key));
                // What refuses on the other side and does not here.
                if let Outcome::Refused {
                    plugin: Some(plugin), ..
                } = &outcomes[1 - side]
                {
                    let place = routes[side].and_then(|route| own.place_of_plugin(route, plugin, key));
                    answer.past = place.map(|place| (plugin.to_string(), place));
                }
                let service = self.service(side, routes).unwrap_or_default().to_owned();
                answer.verdict = AnswerVerdict::Reached { service, consumer };
            }
            Outcome::Refused {
                status,
                reason,
                plugin,
                consumer,
            } => {
                let status = status.as_u16();
                answer.verdict = AnswerVerdict::Refused { status, reason };
                if let (Some(plugin), Some(route)) = (plugin, routes[side]) {
                    answer.place = own.place_of_plugin(route, plugin, *consumer);
                    answer.plugin = Some(plugin.to_string());
                }
            }
        }
        answer
    }
}
