//! A plan as scripts read it: everything.

use serde_json::{Value, json};
use transport::verify::supposed::Standing;

use super::change::{
    Access, Answer, AnswerVerdict, CertificateBy, CertificateName, Change, Credential, Direction, PassName,
    Relation, TokenClaims, Who, Witness,
};
use super::{Plan, Unseen};

impl Plan {
    /// An array of changes.
    pub fn json(&self) -> Value {
        self.changes.iter().map(Change::json).collect()
    }
}

impl Unseen {
    pub(super) fn json(&self) -> Value {
        let demands: Value = self.demands.iter().map(|kind| kind.word()).collect();
        json!({"route": self.route, "demands": demands})
    }
}

impl Change {
    fn json(&self) -> Value {
        json!({
            "direction": match self.direction {
                Direction::Gain => "gain",
                Direction::Loss => "loss",
                Direction::Other => "other",
            },
            "credential": self.credential.word(),
            "owners": match self.relation {
                Relation::Any => Value::Null,
                Relation::Apart => "different".into(),
                Relation::Akin => "sharing-a-tag".into(),
                Relation::Same => "same".into(),
            },
            "who": self.who.json(),
            "certificate": certificates(&self.socket),
            "header_certificate": certificates(&self.header),
            "implied": self.is_implied,
            "accesses": self.accesses.iter().map(Access::json).collect::<Value>(),
        })
    }
}

impl Who {
    fn json(&self) -> Value {
        match self {
            Self::Anybody => json!({"kind": "anybody"}),
            Self::Holders(names) => json!({"kind": "certificate-holders", "names": names}),
            Self::Bearers(groups) => json!({"kind": "bearers", "groups": groups}),
            Self::Anonymous(name) => json!({"kind": "anonymous", "consumer": name}),
            Self::Consumers(names, groups) => {
                json!({"kind": "consumers", "consumers": names, "groups": groups})
            }
        }
    }
}

impl Access {
    fn json(&self) -> Value {
        let [old, new] = &self.answers;
        json!({
            "route": self.route,
            "service": self.service,
            "old": old.json(),
            "new": new.json(),
            "witness": self.witness.json(),
        })
    }
}

impl Answer {
    fn json(&self) -> Value {
        let mut value = match &self.verdict {
            AnswerVerdict::Reached { service, consumer } => {
                json!({"reached": true, "service": service, "consumer": consumer})
            }
            AnswerVerdict::Refused { status, reason } => {
                json!({"reached": false, "status": status, "reason": reason})
            }
        };
        value["route"] = json!(self.route);
        value["plugin"] = json!(self.plugin);
        value["place"] = json!(self.place);
        value["consumer_place"] = json!(self.consumer_place);
        value["past"] = match &self.past {
            Some((plugin, place)) => json!({"plugin": plugin, "place": place}),
            None => Value::Null,
        };
        value
    }
}

impl Witness {
    fn json(&self) -> Value {
        let mut value = self.request.json();
        let certificate = |name: &Option<CertificateName>| name.as_ref().map(CertificateName::json);
        value["from"] = json!(self.from.map(|address| address.to_string()));
        value["certificate"] = json!(certificate(&self.socket));
        value["header_certificate"] = json!(certificate(&self.header));
        value["certificate_headers"] = json!(self.header_names);
        value["secret"] = json!(self.pass.as_ref().map(PassName::json));
        value["carried"] = json!(self.is_carried);
        value
    }
}

impl PassName {
    fn json(&self) -> Value {
        let [old, new] = &self.owners;
        let bare = Credential {
            socket: false,
            header: None,
            pass: Some(self.state),
        };
        json!({
            "kind": bare.word(),
            "name": self.name,
            "place": self.place,
            "says": self.grant,
            "token": self.token.as_ref().map(TokenClaims::json),
            "old_owner": old,
            "new_owner": new,
        })
    }
}

impl TokenClaims {
    fn json(&self) -> Value {
        json!({
            "claims": self.claims,
            "by": self.voucher,
            "bound": self.is_bound,
            "opaque": self.is_opaque,
        })
    }
}

impl CertificateName {
    fn json(&self) -> Value {
        json!({"name": self.name, "kind": self.kind, "by": self.by.json()})
    }
}

impl CertificateBy {
    fn json(&self) -> Value {
        json!({
            "authority": self.authority,
            "revocation": match self.standing {
                Standing::Good => "good",
                Standing::Unknown => "unknown",
                Standing::Revoked => "revoked",
            },
        })
    }
}

fn certificates(all: &[CertificateBy]) -> Value {
    all.iter().map(CertificateBy::json).collect()
}
