//! A plan, and what brute force finds, in one form that can be compared: each access by itself.

use std::collections::BTreeSet;

use transport::verify::supposed::Standing;

use crate::plan::Plan;
use crate::plan::change::{CertificateBy, Direction, Relation, Who};

/// An access that somebody gains or loses.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Flat {
    pub(super) direction: Direction,
    pub(super) credential: String,
    /// Who issued the certificates, if there are any; `unknown` for nobody whom the documents know.
    pub(super) socket: Option<String>,
    pub(super) header: Option<String>,
    pub(super) relation: Relation,
    pub(super) who: String,
    pub(super) route: String,
    pub(super) service: String,
}

impl Flat {
    /// The same by a token of any lifetime, as it is told where nobody looks at the end.
    pub(super) fn of_any_token(&self) -> Self {
        let mut flat = self.clone();
        for lifetime in ["long-lived-token", "expired-token", "token-without-end"] {
            flat.credential = flat.credential.replace(lifetime, "token");
        }
        flat
    }
}

/// Everything in a plan that does not follow from something else in it, as far as it is about certificates of which
/// nothing is known but that they are good: others cannot be had without revocation lists.
pub(super) fn flat(plan: &Plan) -> BTreeSet<Flat> {
    let mut all = BTreeSet::new();
    for change in plan.changes.iter().filter(|change| !change.is_implied) {
        let people: Vec<String> = match &change.who {
            Who::Anybody => vec!["anybody".to_owned()],
            Who::Holders(_) => vec!["holder".to_owned()],
            Who::Bearers(_) => vec!["bearer".to_owned()],
            Who::Anonymous(name) => vec![format!("anonymous {name}")],
            Who::Consumers(names, _) => names.iter().map(|name| format!("consumer {name}")).collect(),
        };
        let (sockets, headers) = (issuers(&change.socket), issuers(&change.header));
        for access in &change.accesses {
            for who in &people {
                for socket in &sockets {
                    for header in &headers {
                        all.insert(Flat {
                            direction: change.direction,
                            // Brute force does not ask what is demanded.
                            credential: change
                                .credential
                                .word()
                                .replace("incomplete-access-token", "access-token"),
                            socket: socket.clone(),
                            header: header.clone(),
                            relation: change.relation,
                            who: who.clone(),
                            route: access.route.clone(),
                            service: access.service.clone(),
                        });
                    }
                }
            }
        }
    }
    all
}

fn issuers(certificates: &[CertificateBy]) -> Vec<Option<String>> {
    if certificates.is_empty() {
        return vec![None];
    }
    certificates
        .iter()
        .filter(|certificate| certificate.standing == Standing::Unknown)
        .map(|certificate| {
            Some(
                certificate
                    .authority
                    .clone()
                    .unwrap_or_else(|| "Unknown".to_owned()),
            )
        })
        .collect()
}
