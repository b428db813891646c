//! What a token must say, and what follows from what it says: `*_required`, `claims_forbidden`, consumer, groups, headers.

use std::collections::HashMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::consumer::{CertifiedName, ConsumerKey, Consumers, Found};
use crate::exchange::{AuthenticatedGroups, Credential};
use crate::plugin::acl::joined;
use crate::rejection::TokenFault;
use crate::token::{ClaimPath, Required, words};

/// The rules of one instance.
#[derive(Debug)]
pub struct Rules {
    /// Claims that must hold certain words.
    pub demands: Box<[Demand]>,
    /// `claims_forbidden`.
    pub forbidden: Box<[Box<str>]>,
    /// How a token becomes a consumer; `None`: it does not.
    pub consumer: Option<ConsumerRule>,
    /// `credential_claim`.
    pub credential: Option<ClaimPath>,
    /// `authenticated_groups_claim`.
    pub groups: Option<ClaimPath>,
    /// `upstream_headers_*`: the upstream's headers, and what is written there.
    pub headers: Box<[(HeaderName, ClaimPath)]>,
}

/// `scopes_required` of `scopes_claim`, and its brothers.
#[derive(Debug)]
pub struct Demand {
    /// `scope`, `audience`, `group` or `role`: for the log.
    pub what: &'static str,
    /// Where it stands.
    pub path: ClaimPath,
    /// What has to stand there.
    pub required: Required,
}

/// `consumer_claim` and what goes with it.
#[derive(Debug)]
pub struct ConsumerRule {
    /// Where the name stands, in the order of trying.
    pub paths: Box<[ClaimPath]>,
    /// `consumer_by`, in the order of trying.
    pub by: Box<[ConsumerBy]>,
    /// Usernames in lower case, for `by_username_ignore_case`; `None`: several consumers.
    pub ignoring_case: Option<Arc<HashMap<Box<str>, Option<ConsumerKey>>>>,
    /// `consumer_optional`.
    pub missing: MissingConsumer,
}

/// What a consumer is found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerBy {
    /// `custom_id`.
    CustomId,
    /// `username`.
    Username,
    /// `id`.
    Id,
}

/// `consumer_optional`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingConsumer {
    /// 403.
    Refused,
    /// The request goes on without a consumer.
    Accepted,
}

/// What follows from a token.
#[derive(Debug)]
pub struct Outcome {
    /// Whom it names.
    pub consumer: Option<ConsumerKey>,
    /// What it is known by.
    pub credential: Credential,
    /// The groups that it names.
    pub groups: Option<Arc<AuthenticatedGroups>>,
    /// Headers for the upstream.
    pub stamps: Box<[(HeaderName, HeaderValue)]>,
}

impl Rules {
    /// Judges claims that were vouched for.
    pub fn judge(&self, claims: &Map<String, Value>, consumers: &Consumers) -> Result<Outcome, TokenFault> {
        if let Some(name) = self.forbidden.iter().find(|name| claims.contains_key(&***name)) {
            return Err(TokenFault::Claim(
                format!("the claim '{name}' is forbidden").into(),
            ));
        }
        for Demand { what, path, required } in &self.demands {
            if !path.find(claims).is_some_and(|claim| required.is_met_by(claim)) {
                return Err(TokenFault::Claim(
                    format!("the claim '{path}' lacks the {what} that is required").into(),
                ));
            }
        }
        let consumer = match &self.consumer {
            Some(rule) => rule.find(claims, consumers)?,
            None => None,
        };
        let credential = self.credential.as_ref().and_then(|path| path.find(claims));
        let identifier = credential.and_then(text_of);
        Ok(Outcome {
            consumer,
            credential: Credential {
                identifier: identifier.and_then(|text| HeaderValue::try_from(text).ok()),
            },
            groups: self.groups.as_ref().map(|path| Arc::new(groups(path, claims))),
            stamps: self
                .headers
                .iter()
                .filter_map(|(name, path)| Some((name.clone(), header(path.find(claims)?)?)))
                .collect(),
        })
    }
}

impl ConsumerRule {
    fn find(
        &self,
        claims: &Map<String, Value>,
        consumers: &Consumers,
    ) -> Result<Option<ConsumerKey>, TokenFault> {
        let mut missing = String::new();
        for path in &self.paths {
            match self.find_by(path, claims, consumers)? {
                Ok(key) => return Ok(Some(key)),
                Err(why) => missing = format!("claim ({path}) {why} for consumer mapping"),
            }
        }
        match self.missing {
            MissingConsumer::Accepted => Ok(None),
            MissingConsumer::Refused => Err(TokenFault::Consumer(missing.into())),
        }
    }

    /// By one claim; the inner error says why it names nobody.
    fn find_by(
        &self,
        path: &ClaimPath,
        claims: &Map<String, Value>,
        consumers: &Consumers,
    ) -> Result<Result<ConsumerKey, &'static str>, TokenFault> {
        let Some(name) = path.find(claims).and_then(text_of) else {
            return Ok(Err("was not found"));
        };
        // As for certificates (decision 5): a name that a log or a header would show as another one is nobody's.
        if name.chars().any(char::is_control) {
            return Ok(Err("holds a control character, which is no name"));
        }
        match self.named(&name, consumers) {
            Found::One(key) => Ok(Ok(key)),
            // Also with `consumer_optional`: it is not nobody who is meant.
            Found::Ambiguous => {
                let why = format!("claim ({path}) names several consumers");
                Err(TokenFault::Consumer(why.into()))
            }
            Found::Nobody => Ok(Err("names no consumer")),
        }
    }

    /// Whom a name means.
    pub fn named(&self, name: &str, consumers: &Consumers) -> Found<ConsumerKey> {
        let exact = CertifiedName::Exact(name.into());
        let found = self.by.iter().map(|by| match by {
            ConsumerBy::CustomId => consumers.by_custom_id().find(&exact),
            ConsumerBy::Username => self.by_username(&exact, consumers),
            ConsumerBy::Id => Uuid::try_parse(name)
                .ok()
                .and_then(|id| consumers.by_id(id))
                .map_or(Found::Nobody, Found::One),
        });
        let mut found = found.filter(|found| *found != Found::Nobody);
        found.next().unwrap_or(Found::Nobody)
    }

    fn by_username(&self, name: &CertifiedName, consumers: &Consumers) -> Found<ConsumerKey> {
        match (consumers.by_username().find(name), &self.ignoring_case) {
            // Of ASCII alone (decision 4): `k` is also the lower case of the Kelvin sign, and that is another name.
            (Found::Nobody, Some(index)) => match index.get(name.as_str().to_ascii_lowercase().as_str()) {
                Some(Some(key)) => Found::One(*key),
                Some(None) => Found::Ambiguous,
                None => Found::Nobody,
            },
            (found, _) => found,
        }
    }
}

/// A text or a number as a name. A list has several, and nobody can say which is meant.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A token without the claim is in no group, which is not the same as saying nothing of groups.
fn groups(path: &ClaimPath, claims: &Map<String, Value>) -> AuthenticatedGroups {
    let names: Box<[Box<str>]> = path
        .find(claims)
        .map(words)
        .unwrap_or_default()
        .into_iter()
        .map(Into::into)
        .collect();
    let is_plain = names
        .iter()
        .all(|name| !name.contains(',') && !name.chars().any(char::is_control));
    let header = joined(names.iter().map(AsRef::as_ref)).filter(|_| is_plain);
    AuthenticatedGroups { names, header }
}

/// A text or a number as it is, the elements of a list between commas, anything else as JSON. `None` for what no header
/// line can carry, or what would be read as something else.
fn header(value: &Value) -> Option<HeaderValue> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let texts: Option<Vec<String>> = values.iter().map(text_of).collect();
            match texts {
                Some(texts) if texts.iter().all(|text| !text.contains(',')) => texts.join(", "),
                Some(_) | None => value.to_string(),
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    };
    if text.chars().any(char::is_control) {
        return None;
    }
    HeaderValue::from_bytes(text.as_bytes()).ok()
}
