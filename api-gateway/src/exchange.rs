//! One request on its way through the plugins: what is known of it, and what is to be written upstream.

use std::net::IpAddr;
use std::sync::Arc;

use http::Uri;
use http::header::{COOKIE, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use rustls::pki_types::UnixTime;
use transport::forwarded_cert::{fold, folds_to};

use crate::consumer::{Consumer, ConsumerKey, Consumers};
use crate::credential::Fingerprint;
use crate::form::Form;
use crate::identity::{CarriedCertificates, Carrier, ClientIdentity, Connection, HeaderSources};
use crate::plugin::errand::Errand;
use crate::plugin::openid_connect::TokenEvidence;
use crate::plugin::openid_connect::possession::Binding;
use crate::plugin::openid_connect::provider::Provider;
use crate::proxy::owned_headers as name;
use crate::query;

/// A request, its connection, and whom it has been found to come from so far.
#[derive(Debug)]
pub struct Exchange<'r> {
    /// How it came.
    pub arrival: Arrival<'r>,
    /// Where it goes.
    pub matched: Matched<'r>,
    /// All consumers.
    pub consumers: &'r Consumers,
    /// Certificate headers, set aside at entry.
    pub carried: CarriedCertificates,
    /// Method, URI and the client's headers.
    pub head: Parts,
    /// What is known of the fields of its body.
    pub form: Form,
    /// Whom it comes from.
    pub caller: Caller,
    /// Headers to write upstream, in the order they were stamped; a later one of a name replaces an earlier one.
    stamps: Vec<(HeaderName, HeaderValue)>,
    /// What holds a credential that the upstream is not to see. The client's request stays whole until it is sent: a
    /// later plugin may look for its own credential in the same place.
    hidden: Hidden,
    /// Tokens that are good only beside a certificate that is to be judged yet.
    pub bindings: Vec<Binding>,
    /// What a plugin that refused would have to know. It has refused all the same.
    pub errand: Option<Box<Errand>>,
    /// The provider whose keys were asked for on behalf of this request.
    pub answered: Option<Arc<Provider>>,
    /// Headers to write into the answer, whoever gives it.
    pub answer_headers: Vec<(HeaderName, HeaderValue)>,
}

/// Parts of a request that do not go upstream.
#[derive(Debug, Default)]
struct Hidden {
    headers: Vec<HeaderName>,
    /// By their decoded names.
    arguments: Vec<Arc<str>>,
    cookies: Vec<Arc<str>>,
    fields: Vec<Arc<str>>,
}

/// How a request came: by which connection, from whom, when.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'r> {
    /// The connection.
    pub connection: &'r Connection,
    /// The standing of that connection's peer.
    pub carrier: &'r Carrier,
    /// Where certificate headers may come from.
    pub sources: &'r HeaderSources,
    /// The client's address: the peer's, or what a carrier that is believed says. `None`: it says what is no address.
    pub client_ip: Option<IpAddr>,
    /// When it came.
    pub now: UnixTime,
}

/// The route that a request takes, as far as plugins may look.
#[derive(Clone, Copy, Debug, Default)]
pub struct Matched<'r> {
    /// The route's name, else its id.
    pub route: &'r str,
    /// The service's, if there is one.
    pub service: Option<&'r str>,
    /// `http` or `https`, as the client speaks.
    pub scheme: &'static str,
    /// The host that the request is for, with the port if it has one.
    pub host: &'r str,
}

/// Whom a request comes from, as far as it is known at a plugin's turn. Kong keeps the last word only; so does this,
/// and beside it every principal stays on record for the log.
#[derive(Debug, Default)]
pub struct Caller {
    /// The consumer, if one was found.
    pub consumer: Option<ConsumerKey>,
    /// The credential that proved it. Absent for an anonymous consumer.
    pub credential: Option<Credential>,
    /// Groups that the credential itself named. An empty list is not the same as none.
    pub authenticated_groups: Option<Arc<AuthenticatedGroups>>,
    /// Everybody who was authenticated, in order.
    pub principals: Vec<Principal>,
}

/// Groups that a credential named.
#[derive(Debug)]
pub struct AuthenticatedGroups {
    /// Their names.
    pub names: Box<[Box<str>]>,
    /// `X-Authenticated-Groups`; `None` where it would be read as other groups than these.
    pub header: Option<HeaderValue>,
}

/// What proved the caller.
#[derive(Clone, Debug, Default)]
pub struct Credential {
    /// `X-Credential-Identifier`.
    pub identifier: Option<HeaderValue>,
}

/// One authentication that succeeded.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The plugin's name as configured.
    pub plugin: Arc<str>,
    /// Whom it found.
    pub consumer: Option<ConsumerKey>,
    /// The credential that a consumer was found by.
    pub credential: Option<Credential>,
    /// Groups that this credential named; a later one's are not this one's.
    pub groups: Option<Arc<AuthenticatedGroups>>,
    /// What it rests on.
    pub proof: Proof,
}

/// What an authentication rests on.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A certificate, whose key was proved on this connection.
    Socket(Arc<ClientIdentity>),
    /// A certificate that somebody carried who may. Its key was proved to them, not to us.
    Header(Arc<ClientIdentity>),
    /// Something that proves nothing but that its bearer has it: a token, a key, a password.
    Bearer(Arc<BearerIdentity>),
}

/// The owner of a bearer credential that was accepted. Never the credential itself.
#[derive(Debug)]
pub struct BearerIdentity {
    /// Whose it is by its own words: a token's `sub`, the name of a key. Empty where it says nothing.
    pub subject: Box<str>,
    /// Until when it is good.
    pub valid_until: Option<UnixTime>,
    /// What finds the credential again, if it stands in the document.
    pub mark: Option<Fingerprint>,
    /// What it rests on, if it is a token that a provider vouched for: to be judged again.
    pub token: Option<TokenEvidence>,
}

impl Proof {
    /// The word in the log line.
    pub fn evidence(&self) -> &'static str {
        match self {
            Self::Socket(_) => "socket",
            Self::Header(_) => "header",
            Self::Bearer(_) => "token",
        }
    }

    /// The certificate, if it is one.
    pub fn certificate(&self) -> Option<&Arc<ClientIdentity>> {
        match self {
            Self::Socket(identity) | Self::Header(identity) => Some(identity),
            Self::Bearer(_) => None,
        }
    }

    /// Whose credential it is, as it says itself.
    pub fn subject(&self) -> &str {
        match self {
            Self::Socket(identity) | Self::Header(identity) => &identity.subject,
            Self::Bearer(identity) => &identity.subject,
        }
    }

    /// Whether the key that vouched for it has been taken back.
    pub fn is_withdrawn(&self) -> bool {
        match self {
            Self::Socket(_) | Self::Header(_) => false,
            Self::Bearer(identity) => identity.token.as_ref().is_some_and(TokenEvidence::is_withdrawn),
        }
    }

    /// Until when it is good; `None`: it has no end of its own.
    pub fn valid_until(&self) -> Option<UnixTime> {
        match self {
            Self::Socket(identity) | Self::Header(identity) => Some(identity.valid_until),
            Self::Bearer(identity) => identity.valid_until,
        }
    }
}

impl<'r> Exchange<'r> {
    /// A request at entry, from nobody yet.
    pub fn new(
        arrival: Arrival<'r>,
        matched: Matched<'r>,
        consumers: &'r Consumers,
        (head, form, carried): (Parts, Form, CarriedCertificates),
    ) -> Self {
        Self {
            arrival,
            matched,
            consumers,
            carried,
            head,
            form,
            caller: Caller::default(),
            stamps: Vec::new(),
            hidden: Hidden::default(),
            bindings: Vec::new(),
            errand: None,
            answered: None,
            answer_headers: Vec::new(),
        }
    }

    /// Writes a header upstream.
    pub fn stamp(&mut self, name: HeaderName, value: HeaderValue) {
        self.stamps.push((name, value));
    }

    /// Takes back what was to be written upstream under these names: somebody else is the caller now.
    pub fn withdraw(&mut self, names: &[HeaderName]) {
        self.stamps.retain(|(name, _)| !names.contains(name));
    }

    /// Keeps all lines of a header from the upstream, unless the gateway itself writes it.
    pub fn hide_header(&mut self, name: HeaderName) {
        self.hidden.headers.push(name);
    }

    /// The same for every header whose name another program could take for this one (`X_User` for `X-User`).
    pub fn hide_spellings(&mut self, name: &HeaderName) {
        let wanted = fold(name.as_str());
        let names = self.head.headers.keys();
        let spellings = names.filter(|other| folds_to(other.as_str(), &wanted));
        self.hidden.headers.extend(spellings.cloned());
    }

    /// Keeps all arguments of this name from the upstream, in whatever spelling; those of others go on as they came.
    pub fn hide_argument(&mut self, name: Arc<str>) {
        self.hidden.arguments.push(name);
    }

    /// Keeps all cookies of this name from the upstream.
    pub fn hide_cookie(&mut self, name: Arc<str>) {
        self.hidden.cookies.push(name);
    }

    /// Keeps all fields of this name in the body from the upstream.
    pub fn hide_field(&mut self, name: Arc<str>) {
        self.hidden.fields.push(name);
    }

    /// Makes `key` the consumer, with its headers. Kong lets the later of two authentications overwrite the earlier.
    pub fn authenticate(&mut self, key: ConsumerKey, credential: Option<Credential>) {
        self.caller.consumer = Some(key);
        self.caller.credential = credential;
    }

    /// Takes what is hidden out of the request that goes upstream, then writes what is known of the caller, and every
    /// stamp.
    pub fn write_headers(&mut self) {
        for name in self.hidden.headers.drain(..) {
            self.head.headers.remove(name);
        }
        self.hide_arguments();
        self.hide_cookies();
        self.form.take_out(&self.hidden.fields);
        let headers = &mut self.head.headers;
        let consumer = self.caller.consumer.and_then(|key| self.consumers.get(key));
        if let Some(consumer) = consumer {
            headers.insert(name::CONSUMER_ID, consumer.id_header.clone());
            if let Some(username) = &consumer.username {
                headers.insert(name::CONSUMER_USERNAME, username.header.clone());
            }
            if let Some(custom_id) = &consumer.custom_id {
                headers.insert(name::CONSUMER_CUSTOM_ID, custom_id.header.clone());
            }
        }
        match &self.caller.credential {
            // A token names one also where it names no consumer.
            Some(credential) => {
                if let Some(identifier) = &credential.identifier {
                    headers.insert(name::CREDENTIAL_IDENTIFIER, identifier.clone());
                }
            }
            None if consumer.is_some() => {
                headers.insert(name::ANONYMOUS_CONSUMER, HeaderValue::from_static("true"));
            }
            None => {}
        }
        for (name, value) in self.stamps.drain(..) {
            headers.insert(name, value);
        }
    }

    fn hide_arguments(&mut self) {
        let hidden = std::mem::take(&mut self.hidden.arguments);
        let Some(query) = self.head.uri.query().filter(|_| !hidden.is_empty()) else {
            return;
        };
        let is_hidden = |name: &[u8]| hidden.iter().any(|hidden| hidden.as_bytes() == name);
        let path = self.head.uri.path();
        let left = match query::without(query, is_hidden) {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        let mut parts = std::mem::take(&mut self.head.uri).into_parts();
        // A query less some of its arguments is one: what is left was in a URI before.
        parts.path_and_query = PathAndQuery::try_from(left).ok();
        self.head.uri = Uri::from_parts(parts).unwrap_or_default();
    }

    fn hide_cookies(&mut self) {
        let hidden = std::mem::take(&mut self.hidden.cookies);
        let Some(line) = self.head.headers.get(COOKIE).filter(|_| !hidden.is_empty()) else {
            return;
        };
        let is_hidden = |pair: &&[u8]| {
            let name = pair.split(|octet| *octet == b'=').next().unwrap_or_default();
            hidden.iter().any(|hidden| hidden.as_bytes() == name.trim_ascii())
        };
        let pairs = line.as_bytes().split(|octet| *octet == b';');
        let left: Vec<&[u8]> = pairs
            .filter(|pair| !is_hidden(pair))
            .map(<[u8]>::trim_ascii)
            .collect();
        match HeaderValue::from_bytes(&left.join(&b"; "[..])) {
            Ok(left) if !left.is_empty() => drop(self.head.headers.insert(COOKIE, left)),
            Ok(_) | Err(_) => drop(self.head.headers.remove(COOKIE)),
        }
    }

    /// Whether everybody who was authenticated so far is the peer of the connection.
    pub fn only_the_peer_is_known(&self) -> bool {
        let mut principals = self.caller.principals.iter();
        principals.all(|principal| matches!(principal.proof, Proof::Socket(_)))
    }

    /// The consumer, if one was found.
    pub fn consumer(&self) -> Option<&'r Consumer> {
        self.caller.consumer.and_then(|key| self.consumers.get(key))
    }
}

impl Caller {
    /// Whether an authentication has succeeded: a plugin with `anonymous` set then leaves the request alone.
    pub fn is_authenticated(&self) -> bool {
        self.credential.is_some() || !self.principals.is_empty()
    }
}
