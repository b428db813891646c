//! How a key, a password or a token is brought: in each place where a plugin of either side looks, one at a time.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use rustls::pki_types::UnixTime;
use serde_json::{Map, Value, json};

use super::passes::{Pass, PassKind};
use super::shape::unique;
use crate::plugin::Plugin;

/// Where it is, and what of it can be chosen by whoever brings it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Presentation {
    pub(super) kind: PassKind,
    place: Place,
    /// Of a token: by which claim it names its credential.
    claim: Box<str>,
    pub(super) lifetime: Lifetime,
    form: Form,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The whole value.
    Header(HeaderName),
    /// After a scheme.
    Authorized(HeaderName, &'static str),
    Argument(Box<str>),
    Cookie(Box<str>),
}

/// When a token ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lifetime {
    /// In a moment.
    Short,
    /// In many years.
    Long,
    /// It has ended.
    Over,
    /// It says nothing of it.
    Unsaid,
}

/// What it is signed with, where what is shared can be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Base64,
}

/// Every way in which something can be brought to these plugins.
pub(super) fn ways<'p>(plugins: impl Iterator<Item = &'p Plugin>) -> Vec<Presentation> {
    let mut ways = Vec::new();
    for plugin in plugins {
        let way = |kind, place| Presentation {
            kind,
            place,
            claim: Box::default(),
            lifetime: Lifetime::Short,
            form: Form::Plain,
        };
        match plugin {
            Plugin::KeyAuth(plugin) => {
                for name in &plugin.names {
                    if plugin.places.header {
                        ways.push(way(PassKind::Key, Place::Header(name.header.clone())));
                    }
                    if plugin.places.query {
                        ways.push(way(PassKind::Key, Place::Argument((&*name.argument).into())));
                    }
                }
            }
            Plugin::BasicAuth(_) => {
                ways.push(way(PassKind::Password, Place::Authorized(AUTHORIZATION, "Basic")));
            }
            Plugin::Jwt(plugin) => {
                let places = &plugin.places;
                let headers = places.headers.iter().map(|name| Place::Authorized(name.clone(), "Bearer"));
                let arguments = places.arguments.iter().cloned().map(Place::Argument);
                let cookies = places.cookies.iter().cloned().map(Place::Cookie);
                for place in headers.chain(arguments).chain(cookies) {
                    for lifetime in [Lifetime::Short, Lifetime::Long, Lifetime::Over, Lifetime::Unsaid] {
                        for form in [Form::Plain, Form::Base64] {
                            ways.push(Presentation {
                                kind: PassKind::Token,
                                place: place.clone(),
                                claim: plugin.key_claim.clone(),
                                lifetime,
                                form,
                            });
                        }
                    }
                }
            }
            Plugin::Acl(_)
            | Plugin::CorrelationId(_)
            | Plugin::HeaderCertAuth(_)
            | Plugin::IpRestriction(_)
            | Plugin::MtlsAuth(_)
            | Plugin::Principals(_)
            | Plugin::RequestTermination(_) => {}
        }
    }
    unique(ways)
}

/// The longest that a token may last for every plugin that looks at it, in seconds.
pub(super) fn shortest_limit<'p>(plugins: impl Iterator<Item = &'p Plugin>) -> u64 {
    let limits = plugins.filter_map(|plugin| match plugin {
        Plugin::Jwt(plugin) => plugin.rules.furthest_end.map(|limit| limit.as_secs()),
        _ => None,
    });
    limits.min().unwrap_or(60).clamp(1, 60)
}

impl Presentation {
    /// The same, signed as the other reading of what is shared says.
    pub(super) fn signed_otherwise(&self) -> Self {
        Self {
            form: match self.form {
                Form::Plain => Form::Base64,
                Form::Base64 => Form::Plain,
            },
            ..self.clone()
        }
    }

    pub(super) fn is_plain(&self) -> bool {
        self.form == Form::Plain
    }

    /// A header, or an argument of the query.
    pub(super) fn written(&self, pass: &Pass, now: UnixTime, limit: u64) -> Written {
        let value = match pass.kind {
            PassKind::Key => pass.secret.expose().to_owned(),
            PassKind::Password => STANDARD.encode(format!("{}:{}", pass.name, pass.secret.expose())),
            PassKind::Token => self.token(pass, now, limit),
        };
        match &self.place {
            Place::Header(name) => Written::Header(name.clone(), value),
            Place::Authorized(name, scheme) => Written::Header(name.clone(), format!("{scheme} {value}")),
            Place::Argument(name) => {
                let mut encoded = form_urlencoded::Serializer::new(String::new());
                encoded.append_pair(name, &value);
                Written::Argument(encoded.finish())
            }
            Place::Cookie(name) => Written::Header(COOKIE, format!("{name}={value}")),
        }
    }

    fn token(&self, pass: &Pass, now: UnixTime, limit: u64) -> String {
        let now = now.as_secs();
        let end = match self.lifetime {
            Lifetime::Short => Some(now + limit),
            Lifetime::Long => Some(now + (10 * 365 * 86_400)),
            Lifetime::Over => Some(now.saturating_sub(60)),
            Lifetime::Unsaid => None,
        };
        let mut claims = Map::new();
        claims.insert(self.claim.to_string(), json!(&*pass.name));
        claims.insert("nbf".to_owned(), json!(now.saturating_sub(60)));
        if let Some(end) = end {
            claims.insert("exp".to_owned(), json!(end));
        }
        let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = encoded(json!({"alg": "HS256", "typ": "JWT"}));
        let signed = format!("{head}.{}", encoded(Value::Object(claims)));
        let text = pass.secret.expose();
        let octets = match self.form {
            Form::Plain => text.as_bytes().to_vec(),
            Form::Base64 => STANDARD.decode(text).unwrap_or_else(|_| text.as_bytes().to_vec()),
        };
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, &octets);
        let signature = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }

    /// Where it is, for a reader of a plan.
    pub(super) fn place(&self) -> String {
        match &self.place {
            Place::Header(name) | Place::Authorized(name, _) => format!("header {name}"),
            Place::Argument(name) => format!("argument {name}"),
            Place::Cookie(name) => format!("cookie {name}"),
        }
    }
}

/// What is added to a request.
pub(super) enum Written {
    Header(HeaderName, String),
    /// `name=value`, encoded.
    Argument(String),
}
