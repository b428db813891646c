//! `key-auth`: the consumer whose key the request has, in a header, in an argument of the query or in a field of the body.

use std::sync::Arc;

use http::HeaderName;
use rustls::pki_types::UnixTime;

use super::credential_auth::{CredentialAuth, Visibility};
use super::errand::Errand;
use crate::credential::{Fingerprint, Keys, Owner};
use crate::exchange::{BearerIdentity, Exchange};
use crate::form::Form;
use crate::query;
use crate::rejection::{CredentialFault, Rejection};

/// A compiled `key-auth`.
#[derive(Debug)]
pub struct KeyAuth {
    /// When it authenticates, and what happens on failure.
    pub auth: CredentialAuth,
    /// `key_names`, in the order of looking.
    pub names: Box<[KeyName]>,
    /// `key_in_header`, `key_in_query`, `key_in_body`.
    pub places: Places,
    /// `hide_credentials`.
    pub visibility: Visibility,
    /// All keys of the document.
    pub keys: Arc<Keys>,
}

/// A name under which a key may come.
#[derive(Debug)]
pub struct KeyName {
    /// As an argument of the query or a field of the body: its case counts.
    pub argument: Arc<str>,
    /// As a header, in lower case.
    pub header: HeaderName,
}

/// Where a key may come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// In a header.
    pub header: bool,
    /// In the query.
    pub query: bool,
    /// In the body.
    pub body: bool,
}

/// What there is under a name.
enum Value {
    Absent,
    Empty,
    One(Fingerprint),
    Several,
    /// There may be something in the body, which nobody has read.
    Unread,
}

impl Value {
    fn of(key: &[u8]) -> Self {
        if key.is_empty() {
            Self::Empty
        } else {
            Self::One(Keys::fingerprint(key))
        }
    }
}

impl KeyAuth {
    /// Authenticates by the first name under which there is anything.
    pub fn access(&self, plugin: &Arc<str>, exchange: &mut Exchange<'_>) -> Result<(), Rejection> {
        if self.auth.stands_back(exchange) {
            return Ok(());
        }
        let found = self.find(exchange);
        self.auth.settle(exchange, plugin, found)
    }

    fn find(&self, exchange: &mut Exchange<'_>) -> Result<&Owner, CredentialFault> {
        for name in &self.names {
            let mut value = self.look(name, exchange);
            // What is to be hidden has to be read, whichever place the key is in.
            if self.hides_fields() && exchange.form.is_unread() && !matches!(value, Value::Absent) {
                value = Value::Unread;
            }
            // Several too, which Kong leaves: whoever is anonymous by them would show them to the upstream.
            if self.visibility == Visibility::Hidden && !matches!(value, Value::Absent) {
                hide(name, exchange);
            }
            return match value {
                Value::Absent => continue,
                Value::Empty => Err(CredentialFault::KeyMissing),
                Value::Several => Err(CredentialFault::KeyDuplicate),
                Value::Unread => {
                    exchange.errand = Some(Box::new(Errand::Fields));
                    Err(CredentialFault::KeyMissing)
                }
                Value::One(key) => match self.keys.find(key) {
                    None => Err(CredentialFault::KeyUnknown),
                    Some(owner) if owner.is_over(exchange.arrival.now) => Err(CredentialFault::KeyExpired),
                    Some(owner) => Ok(owner),
                },
            };
        }
        Err(CredentialFault::KeyMissing)
    }

    fn hides_fields(&self) -> bool {
        self.places.body && self.visibility == Visibility::Hidden
    }

    /// A header goes before an argument of the same name, and that before a field of the body.
    fn look(&self, name: &KeyName, exchange: &Exchange<'_>) -> Value {
        if self.places.header {
            let mut lines =
                spellings(name, exchange).flat_map(|spelling| exchange.head.headers.get_all(spelling));
            match (lines.next(), lines.next()) {
                (None, _) => {}
                (Some(key), None) => return Value::of(key.as_bytes()),
                (Some(_), Some(_)) => return Value::Several,
            }
        }
        let query = exchange.head.uri.query().filter(|_| self.places.query);
        let mut values = query::arguments(query.unwrap_or_default())
            .filter(|argument| *argument.name == *name.argument.as_bytes());
        match (values.next(), values.next()) {
            (None, _) => {}
            (Some(_), Some(_)) => return Value::Several,
            // Without `=` it is no text for Kong, and the next place is tried.
            (Some(argument), None) => {
                if let Some(value) = argument.value {
                    return Value::of(&value);
                }
            }
        }
        self.look_into_body(name, &exchange.form)
    }

    fn look_into_body(&self, name: &KeyName, form: &Form) -> Value {
        if !self.places.body {
            return Value::Absent;
        }
        if form.is_unread() {
            return Value::Unread;
        }
        match &*form.values(name.argument.as_bytes()) {
            [] | [None] => Value::Absent,
            [Some(value)] => Value::of(value),
            [_, _, ..] => Value::Several,
        }
    }

    /// Whose key an answer under way was admitted by, if it is still good.
    pub fn find_again(&self, identity: &BearerIdentity, now: UnixTime) -> Option<&Owner> {
        let owner = self.keys.find(identity.mark?)?;
        (!owner.is_over(now)).then_some(owner)
    }
}

/// The names of a request's headers that are this one with `_` for `-` or the other way round: programs behind us may
/// take them for one. A key in two of them came twice.
fn spellings<'e>(name: &KeyName, exchange: &'e Exchange<'_>) -> impl Iterator<Item = &'e HeaderName> {
    let folded = |octet: &u8| if *octet == b'_' { b'-' } else { *octet };
    let wanted = name.header.as_str().as_bytes();
    exchange.head.headers.keys().filter(move |other| {
        let other = other.as_str().as_bytes();
        other.len() == wanted.len() && other.iter().map(folded).eq(wanted.iter().map(folded))
    })
}

/// In every place that the name could mean, whether it was looked at or not, as Kong does; in a body that nobody looks into
/// nothing is hidden, as for Kong.
fn hide(name: &KeyName, exchange: &mut Exchange<'_>) {
    let headers: Vec<HeaderName> = spellings(name, exchange).cloned().collect();
    for header in headers {
        exchange.hide_header(header);
    }
    exchange.hide_argument(Arc::clone(&name.argument));
    exchange.hide_field(Arc::clone(&name.argument));
}
