//! Whether witnesses are answered as a plan says, with real certificates, keys and tokens; and whether everybody whom it
//! names could be the witness.

use std::collections::BTreeSet;

use rustls::pki_types::UnixTime;
use serde_json::Value;
use transport::verify::supposed::Standing;

use super::access_token::AccessToken;
use super::brute_force::{Caller, Card, ask};
use super::document::{HEADERS, NAMES};
use super::matches::Pair;
use super::pass::{Pass, passes};
use super::pki::{ISSUERS, Pki};
use super::said::{Said, moves};
use crate::plan::Plan;
use crate::plan::change::{
    Access, Answer, AnswerVerdict, CertificateBy, CertificateName, Change, Direction, Lifetime, PassKind,
    PassName, Who,
};

/// Changes of a plan of which everybody is tried.
const TRIED: usize = 12;

/// Each witness, with real credentials, is answered as the plan says.
pub(super) fn witnesses_hold(pair: &Pair, plan: &Plan, pki: &Pki, now: UnixTime) {
    for (position, change) in plan.changes.iter().enumerate() {
        for (which, access) in change.accesses.iter().enumerate() {
            let Some(callers) = callers_of(pair, (change, access), false) else {
                continue;
            };
            let request = &access.witness.request;
            let all: Vec<[Said; 2]> = callers
                .iter()
                .map(|caller| {
                    [0, 1].map(|side: usize| ask(&pair.sides[side], pki, (request, caller), now).unwrap())
                })
                .collect();
            let is_said =
                |said: &[Said; 2]| (0..2).all(|side: usize| is_as_said(&access.answers[side], &said[side]));
            assert!(
                all.iter().any(is_said),
                "{}\n{change}\n{:?}\n{:?}\n{:?}",
                pair.told(),
                access.witness,
                &all[..all.len().min(4)],
                &callers[..all.len().min(4)]
            );
            if position < TRIED && which == 0 {
                everybody_is_meant(pair, (change, access), pki, now);
            }
        }
    }
}

fn is_as_said(answer: &Answer, said: &Said) -> bool {
    let is_same = match &answer.verdict {
        AnswerVerdict::Reached { service, consumer } => {
            let (reached, who) = said.reached.clone().unwrap_or_default();
            reached == *service && consumer.as_ref().is_none_or(|name| who.ends_with(name.as_str()))
        }
        AnswerVerdict::Refused { status, .. } => said.reached.is_none() && said.status == *status,
    };
    is_same && said.route == answer.route
}

/// Each consumer that is named has credentials like the witness's for which the same changes.
fn everybody_is_meant(pair: &Pair, (change, access): (&Change, &Access), pki: &Pki, now: UnixTime) {
    let Who::Consumers(named, _) = &change.who else {
        return;
    };
    let Some(callers) = callers_of(pair, (change, access), true) else {
        return;
    };
    let side = usize::from(change.direction != Direction::Loss);
    let mut found: BTreeSet<String> = BTreeSet::new();
    for caller in callers {
        let request = (&access.witness.request, &caller);
        let said = [0, 1].map(|side: usize| ask(&pair.sides[side], pki, request, now));
        let [Some(old), Some(new)] = said else { continue };
        if moves(&old, &new).contains(&(change.direction, side)) {
            let reached = [old, new][side].reached.clone().unwrap();
            let name = reached.1.strip_prefix("consumer ").map(str::to_owned);
            found.extend(name.filter(|_| reached.0 == access.service));
        }
    }
    for name in named {
        assert!(
            found.contains(name),
            "{}\n{change}\n{access:?}\n{name} is not among {found:?}",
            pair.told()
        );
    }
}

/// Whoever could be meant by a witness, or by one like it; `None` where no certificate of that kind can be had here.
fn callers_of(pair: &Pair, (change, access): (&Change, &Access), is_anybody: bool) -> Option<Vec<Caller>> {
    let witness = &access.witness;
    let has = [
        witness.socket.is_some(),
        witness.header.is_some(),
        witness.pass.is_some(),
    ];
    // Of three kinds together there are too many.
    if is_anybody && has == [true, true, true] {
        return None;
    }
    let sockets = cards(witness.socket.as_ref(), &change.socket, is_anybody)?;
    let headers = cards(witness.header.as_ref(), &change.header, is_anybody)?;
    let passes: Vec<Option<Pass>> = match &witness.pass {
        None => vec![None],
        Some(pass) => passes_of(pair, pass, is_anybody).into_iter().map(Some).collect(),
    };
    if passes.is_empty() {
        return None;
    }
    let lines: Vec<&'static str> = HEADERS
        .iter()
        .copied()
        .filter(|line| witness.header_names.iter().any(|name| name == line))
        .collect();
    let mut all = Vec::new();
    for socket in &sockets {
        for header in &headers {
            all.extend(passes.iter().map(|pass| Caller {
                socket: socket.clone(),
                header: header.clone(),
                lines: lines.clone(),
                pass: pass.clone(),
                is_carried: witness.is_carried,
                from: witness.from,
            }));
        }
    }
    Some(all)
}

fn cards(
    name: Option<&CertificateName>,
    all: &[CertificateBy],
    is_anybody: bool,
) -> Option<Vec<Option<Card>>> {
    let Some(CertificateName { name, kind, by }) = name else {
        return Some(vec![None]);
    };
    let issuer = by.authority.as_deref().unwrap_or("Unknown");
    // Only of an unknown standing can certificates be had without lists.
    let same = |other: &CertificateBy| other.authority == by.authority && other.standing == Standing::Unknown;
    if !all.iter().any(same) || *kind == "subject" {
        return None;
    }
    let card = |name: &str, kind| {
        Some(Card {
            issuer: ISSUERS.iter().position(|known| *known == issuer).unwrap(),
            name: name.to_owned(),
            kind,
        })
    };
    if !is_anybody {
        return Some(vec![card(name, kind)]);
    }
    let names = NAMES.iter();
    let kinds = if *kind == "CN" {
        vec!["CN"]
    } else {
        vec!["CN", *kind]
    };
    let all = names.flat_map(|name| kinds.iter().map(|kind| card(name, kind)));
    Some(all.collect())
}

fn passes_of(pair: &Pair, pass: &PassName, is_anybody: bool) -> Vec<Pass> {
    let is_his = |collection: &str, is_it: &dyn Fn(&Value) -> bool| {
        (0..2).all(|side: usize| {
            let entities = pair.documents[side][collection].as_array().unwrap();
            let owner = entities.iter().find(|entity| is_it(entity));
            let owner = owner.map(|entity| entity["consumer"].as_str().unwrap().to_owned());
            owner == pass.owners[side]
        })
    };
    let all = passes().into_iter().filter(|one| match (pass.state.kind, one) {
        (PassKind::Key, Pass::Key { key, .. }) => {
            let is_it = |entity: &Value| entity["key"] == *key;
            is_anybody || is_his("keyauth_credentials", &is_it)
        }
        (PassKind::Password, Pass::Password(password)) => {
            let is_it = |entity: &Value| entity["password"] == *password;
            is_anybody || is_his("basicauth_credentials", &is_it)
        }
        (PassKind::Token, Pass::Token { signer, .. }) => {
            let word = match pass.state.lifetime {
                Lifetime::Short => "token",
                Lifetime::Long => "long-lived-token",
                Lifetime::Over => "expired-token",
                Lifetime::Unsaid => "token-without-end",
            };
            one.word() == word && (is_anybody || *signer == pass.name || pass.owners == [None, None])
        }
        (PassKind::AccessToken | PassKind::Key | PassKind::Password | PassKind::Token, _) => false,
    });
    let mut all: Vec<Pass> = all.map(|one| one.at(&pass.place)).collect();
    if let Some(token) = &pass.token {
        let token = AccessToken::meant(token, &pass.place);
        all.push(Pass::Access(token.clone()));
        if is_anybody {
            let names = NAMES
                .iter()
                .flat_map(|name| [(*name).to_owned(), name.to_uppercase()]);
            all.extend(names.map(|name| Pass::Access(token.naming(&pass.name, &name))));
        }
    }
    all
}
