//! How a key, a password or a token is brought: in each place where a plugin of either side looks, one at a time.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, COOKIE, HeaderName};
use rustls::pki_types::UnixTime;
use serde_json::{Map, Value, json};

use super::grants::Grant;
use super::passes::{Pass, PassKind};
use super::shape::unique;
use crate::plugin::Plugin;
use crate::plugin::openid_connect::source::TOKEN_HEADERS;

/// Where it is, and what of it can be chosen by whoever brings it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Presentation {
    pub(super) kind: PassKind,
    place: Place,
    /// Of a token: by which claim it names its credential.
    claim: Box<str>,
    pub(super) lifetime: Lifetime,
    form: Form,
    /// Of a provider's token: what it says.
    pub(super) grant: Option<Rc<Grant>>,
}

/// What writing one takes.
pub(super) struct Writing<'w> {
    pub(super) now: UnixTime,
    /// Seconds that a token may last.
    pub(super) limit: u64,
    /// What its provider signed.
    pub(super) access_token: Option<&'w str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The whole value.
    Header(HeaderName),
    /// After a scheme.
    Authorized(HeaderName, &'static str),
    Argument(Box<str>),
    Cookie(Box<str>),
    /// Of a form in the body.
    Field(Box<str>),
}

impl Place {
    /// Whether who looks here sees what is there.
    fn holds(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Header(own) | Self::Authorized(own, _),
                Self::Header(other) | Self::Authorized(other, _),
            ) => own == other,
            (one, other) => one == other,
        }
    }
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

/// Where plugins look for each kind, and what they look at.
#[derive(Default)]
struct Looks {
    /// Of each plugin.
    places: Vec<(PassKind, Vec<Place>)>,
    claims: Vec<Box<str>>,
    end_is_looked_at: bool,
}

impl Looks {
    fn note(&mut self, plugin: &Plugin) {
        let cookie = |name: &str| Place::Cookie(name.into());
        match plugin {
            Plugin::KeyAuth(plugin) => {
                let names = plugin.names.iter().flat_map(|name| {
                    let header = Place::Header(name.header.clone());
                    let argument = Place::Argument((&*name.argument).into());
                    let field = Place::Field((&*name.argument).into());
                    let header = plugin.places.header.then_some(header);
                    let argument = plugin.places.query.then_some(argument);
                    let field = plugin.places.body.then_some(field);
                    header.into_iter().chain(argument).chain(field)
                });
                self.places.push((PassKind::Key, names.collect()));
            }
            Plugin::BasicAuth(_) => {
                let place = Place::Authorized(AUTHORIZATION, "Basic");
                self.places.push((PassKind::Password, vec![place]));
            }
            Plugin::Jwt(plugin) => {
                let places = &plugin.places;
                let headers = places.headers.iter();
                let headers = headers.map(|name| Place::Authorized(name.clone(), "Bearer"));
                let arguments = places.arguments.iter().cloned().map(Place::Argument);
                let cookies = places.cookies.iter().map(|name| cookie(name));
                let places = headers.chain(arguments).chain(cookies);
                self.places.push((PassKind::Token, places.collect()));
                self.claims.push(plugin.key_claim.clone());
                self.end_is_looked_at |= plugin.rules.expiry || plugin.rules.furthest_end.is_some();
            }
            Plugin::OpenIdConnect(plugin) => {
                let sources = &plugin.parts().sources;
                let others = TOKEN_HEADERS.into_iter().map(Place::Header);
                let headers = std::iter::once(Place::Authorized(AUTHORIZATION, "Bearer")).chain(others);
                let headers = headers.filter(|_| sources.headers);
                let query = sources.query.then(|| Place::Argument("access_token".into()));
                let cookie = sources.cookie.as_ref().map(|name| cookie(name));
                let field = sources.body.then(|| Place::Field("access_token".into()));
                let places = headers.chain(query).chain(cookie).chain(field);
                self.places.push((PassKind::AccessToken, places.collect()));
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

    /// Where something of a kind can be, one of each place that these plugins tell apart: what one is meant for, another
    /// may find too.
    fn distinct(&self, kind: PassKind) -> Vec<Place> {
        let of_kind = self.places.iter().filter(|(of, _)| *of == kind);
        let all = unique(of_kind.flat_map(|(_, places)| places.clone()).collect());
        let mut seen: Vec<Vec<bool>> = Vec::new();
        let mut kept = Vec::new();
        for place in all {
            let looked_at = |(_, places): &(PassKind, Vec<Place>)| places.iter().any(|own| own.holds(&place));
            let by = self.places.iter().map(looked_at).collect();
            if !seen.contains(&by) {
                seen.push(by);
                kept.push(place);
            }
        }
        kept
    }
}

/// Every way in which something can be brought to these plugins, of which they make something else.
pub(super) fn ways<'p>(
    plugins: impl Iterator<Item = &'p Plugin>,
    grants: Vec<Grant>,
    has_base64: bool,
) -> Vec<Presentation> {
    let mut looks = Looks::default();
    plugins.for_each(|plugin| looks.note(plugin));
    let way = |kind, place| Presentation {
        kind,
        place,
        claim: Box::default(),
        lifetime: Lifetime::Short,
        form: Form::Plain,
        grant: None,
    };
    let keys = looks.distinct(PassKind::Key).into_iter();
    let passwords = looks.distinct(PassKind::Password).into_iter();
    let mut ways: Vec<Presentation> = keys.map(|place| way(PassKind::Key, place)).collect();
    ways.extend(passwords.map(|place| way(PassKind::Password, place)));
    let lifetimes = [Lifetime::Short, Lifetime::Long, Lifetime::Over, Lifetime::Unsaid];
    let lifetimes = &lifetimes[..if looks.end_is_looked_at {
        lifetimes.len()
    } else {
        1
    }];
    let forms = [Form::Plain, Form::Base64];
    let forms = &forms[..if has_base64 { forms.len() } else { 1 }];
    for place in looks.distinct(PassKind::Token) {
        for claim in unique(looks.claims.clone()) {
            for lifetime in lifetimes {
                ways.extend(forms.iter().map(|form| Presentation {
                    claim: claim.clone(),
                    lifetime: *lifetime,
                    form: *form,
                    ..way(PassKind::Token, place.clone())
                }));
            }
        }
    }
    let grants: Vec<Rc<Grant>> = grants.into_iter().map(Rc::new).collect();
    for place in looks.distinct(PassKind::AccessToken) {
        ways.extend(grants.iter().map(|grant| Presentation {
            grant: Some(Rc::clone(grant)),
            ..way(PassKind::AccessToken, place.clone())
        }));
    }
    ways
}

/// The longest that a token may last for every plugin that looks at it, in seconds.
pub(super) fn shortest_limit<'p>(plugins: impl Iterator<Item = &'p Plugin>) -> u64 {
    let limit = |plugin: &Plugin| match plugin {
        Plugin::Jwt(plugin) => plugin.rules.furthest_end.map(|limit| limit.as_secs()),
        Plugin::Acl(_)
        | Plugin::BasicAuth(_)
        | Plugin::CorrelationId(_)
        | Plugin::HeaderCertAuth(_)
        | Plugin::IpRestriction(_)
        | Plugin::KeyAuth(_)
        | Plugin::MtlsAuth(_)
        | Plugin::OpenIdConnect(_)
        | Plugin::Principals(_)
        | Plugin::RequestTermination(_) => None,
    };
    let limits = plugins.filter_map(limit);
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

    /// The thing itself.
    pub(super) fn value(&self, pass: &Pass, writing: &Writing<'_>) -> String {
        match pass.kind {
            PassKind::Key => pass.secret.expose().to_owned(),
            PassKind::Password => STANDARD.encode(format!("{}:{}", pass.name, pass.secret.expose())),
            PassKind::Token => self.token(pass, writing),
            PassKind::AccessToken => writing.access_token.unwrap_or_default().to_owned(),
        }
    }

    /// Where it is: a header, or an argument of the query.
    pub(super) fn written(&self, value: String) -> Written {
        match &self.place {
            Place::Header(name) => Written::Header(name.clone(), value),
            Place::Authorized(name, scheme) => Written::Header(name.clone(), format!("{scheme} {value}")),
            Place::Argument(name) | Place::Field(name) => {
                let mut encoded = form_urlencoded::Serializer::new(String::new());
                encoded.append_pair(name, &value);
                let encoded = encoded.finish();
                if matches!(self.place, Place::Field(_)) {
                    Written::Form(encoded)
                } else {
                    Written::Argument(encoded)
                }
            }
            Place::Cookie(name) => Written::Header(COOKIE, format!("{name}={value}")),
        }
    }

    fn token(&self, pass: &Pass, writing: &Writing<'_>) -> String {
        let now = writing.now.as_secs();
        let end = match self.lifetime {
            Lifetime::Short => Some(now + writing.limit),
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
            Place::Field(name) => format!("field {name}"),
        }
    }
}

/// What is added to a request.
pub(super) enum Written {
    Header(HeaderName, String),
    /// `name=value`, encoded.
    Argument(String),
    /// The same, as the body.
    Form(String),
}
