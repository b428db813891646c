//! Consumers, and how a name in a certificate finds one. All look-ups are indexes made when the document is compiled:
//! a million consumers cost a request what ten do.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderValue;
use uuid::Uuid;

/// A consumer as the request path needs it: header values are made once, here.
#[derive(Debug)]
pub struct Consumer {
    /// Its id.
    pub id: Uuid,
    /// `X-Consumer-ID`.
    pub id_header: HeaderValue,
    /// Its unique name.
    pub username: Option<Name>,
    /// Its unique id in somebody else's system.
    pub custom_id: Option<Name>,
    /// The groups of its `acls`, in the document's order; shared by all consumers with the same.
    pub groups: Arc<[Box<str>]>,
    /// `X-Consumer-Groups`: those groups, `, ` between them.
    pub groups_header: HeaderValue,
    /// The names of its consumer groups; an `acl` looks at them only with `include_consumer_groups`.
    pub consumer_groups: Arc<[Box<str>]>,
}

/// A name that is sent upstream: as text to compare, as a header value to send.
#[derive(Debug)]
pub struct Name {
    /// As written.
    pub text: Box<str>,
    /// The same octets.
    pub header: HeaderValue,
}

impl Name {
    /// `None` for text that no header line can carry.
    pub fn new(text: &str) -> Option<Self> {
        Some(Self {
            text: text.into(),
            header: HeaderValue::from_bytes(text.as_bytes()).ok()?,
        })
    }
}

/// A consumer's place in its [`Consumers`]; good for the snapshot that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConsumerKey(u32);

impl ConsumerKey {
    /// Its place in the order of [`Consumers::iter`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A name that a certificate holds, and with it how it may be compared (decision 4: exact octets, but DNS names and
/// the domain of an e-mail address without regard to ASCII case).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertifiedName {
    /// An e-mail address.
    Email(Box<str>),
    /// A DNS name.
    Dns(Box<str>),
    /// A URI, an IP address, an attribute of a directory name or the common name.
    Exact(Box<str>),
}

impl CertifiedName {
    /// As the certificate has it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(text) | Self::Dns(text) | Self::Exact(text) => text,
        }
    }

    /// With the case folded that does not count; `None` where nothing folds.
    fn folded(&self) -> Option<String> {
        let folded = match self {
            Self::Email(text) => fold_domain(text).into_owned(),
            Self::Dns(text) => fold(text).into_owned(),
            Self::Exact(_) => return None,
        };
        Some(folded)
    }
}

/// The local part stays as it is: RFC 5321 §2.4 leaves its case to the receiving host.
fn fold_domain(address: &str) -> Cow<'_, str> {
    match address.rsplit_once('@') {
        Some((local, domain)) => match fold(domain) {
            Cow::Borrowed(_) => Cow::Borrowed(address),
            Cow::Owned(domain) => Cow::Owned(format!("{local}@{domain}")),
        },
        None => Cow::Borrowed(address),
    }
}

/// Copied only where there is something to fold: hardly a name has any.
fn fold(text: &str) -> Cow<'_, str> {
    if text.bytes().any(|octet| octet.is_ascii_uppercase()) {
        Cow::Owned(text.to_ascii_lowercase())
    } else {
        Cow::Borrowed(text)
    }
}

/// What a look-up found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<T> {
    /// Nobody.
    Nobody,
    /// Exactly one.
    One(T),
    /// Several that differ in case alone, or in nothing: nobody can say who is meant.
    Ambiguous,
}

/// Values by name, where a name may also be met in another case.
#[derive(Debug)]
pub struct NameIndex<T> {
    /// `None`: several values under one name.
    exact: HashMap<Box<str>, Option<T>>,
    /// Names that a folded spelling finds although they are written otherwise. `None`: several.
    by_domain: HashMap<String, Option<T>>,
    by_dns: HashMap<String, Option<T>>,
}

impl<T> Default for NameIndex<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            by_domain: HashMap::new(),
            by_dns: HashMap::new(),
        }
    }
}

impl<T: Copy + PartialEq> NameIndex<T> {
    /// Adds a name. Of two with equal values the first stays; two with different ones mean nobody.
    pub fn add(&mut self, name: &str, value: T) {
        for (index, folded) in [
            (&mut self.by_domain, fold_domain(name)),
            (&mut self.by_dns, fold(name)),
        ] {
            if let Cow::Owned(folded) = folded {
                index
                    .entry(folded)
                    .and_modify(|known| *known = known.filter(|known| *known == value))
                    .or_insert(Some(value));
            }
        }
        self.exact
            .entry(name.into())
            .and_modify(|known| *known = known.filter(|known| *known == value))
            .or_insert(Some(value));
    }

    /// Whom a name means: the one that is written so, else the only one that differs in nothing but a case that does
    /// not count.
    pub fn find(&self, name: &CertifiedName) -> Found<T> {
        if let Some(value) = self.exact.get(name.as_str()) {
            return value.map_or(Found::Ambiguous, Found::One);
        }
        let Some(folded) = name.folded() else {
            return Found::Nobody;
        };
        let others = match name {
            CertifiedName::Email(_) => self.by_domain.get(&folded),
            CertifiedName::Dns(_) => self.by_dns.get(&folded),
            CertifiedName::Exact(_) => None,
        };
        match (self.exact.get(folded.as_str()), others) {
            (None, None) => Found::Nobody,
            (Some(Some(value)), None) | (None, Some(Some(value))) => Found::One(*value),
            (Some(None), None) | (Some(_), Some(_)) | (None, Some(None)) => Found::Ambiguous,
        }
    }
}

/// All consumers of a snapshot.
#[derive(Debug, Default)]
pub struct Consumers {
    all: Vec<Consumer>,
    by_id: HashMap<Uuid, ConsumerKey>,
    by_username: NameIndex<ConsumerKey>,
    by_custom_id: NameIndex<ConsumerKey>,
}

impl Consumers {
    /// Room for so many.
    pub fn with_capacity(consumers: usize) -> Self {
        Self {
            all: Vec::with_capacity(consumers),
            by_id: HashMap::with_capacity(consumers),
            by_username: NameIndex::default(),
            by_custom_id: NameIndex::default(),
        }
    }

    /// Adds a consumer.
    pub fn add(&mut self, consumer: Consumer) -> ConsumerKey {
        let key = ConsumerKey(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.by_id.insert(consumer.id, key);
        if let Some(name) = &consumer.username {
            self.by_username.add(&name.text, key);
        }
        if let Some(name) = &consumer.custom_id {
            self.by_custom_id.add(&name.text, key);
        }
        self.all.push(consumer);
        key
    }

    /// The consumer with this key. Keys are made here alone, so there always is one for a key of this snapshot.
    pub fn get(&self, key: ConsumerKey) -> Option<&Consumer> {
        self.all.get(key.0 as usize)
    }

    /// The consumer with this id.
    pub fn by_id(&self, id: Uuid) -> Option<ConsumerKey> {
        self.by_id.get(&id).copied()
    }

    /// Consumers by username.
    pub fn by_username(&self) -> &NameIndex<ConsumerKey> {
        &self.by_username
    }

    /// Consumers by custom id.
    pub fn by_custom_id(&self) -> &NameIndex<ConsumerKey> {
        &self.by_custom_id
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Consumer> {
        self.all.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(names: &[&str]) -> NameIndex<usize> {
        let mut index = NameIndex::default();
        for (number, name) in names.iter().enumerate() {
            index.add(name, number);
        }
        index
    }

    #[test]
    fn case_counts_except_in_domains() {
        let email = |text: &str| CertifiedName::Email(text.into());
        let dns = |text: &str| CertifiedName::Dns(text.into());
        let exact = |text: &str| CertifiedName::Exact(text.into());
        for (names, wanted, found) in [
            (
                &["alice@example.com"][..],
                email("alice@example.com"),
                Found::One(0),
            ),
            (&["alice@example.com"], email("alice@EXAMPLE.com"), Found::One(0)),
            (&["alice@EXAMPLE.com"], email("alice@example.com"), Found::One(0)),
            (&["alice@EXAMPLE.com"], email("alice@Example.com"), Found::One(0)),
            (&["alice@example.com"], email("Alice@example.com"), Found::Nobody),
            (
                &["a@EXAMPLE.com", "a@Example.com"],
                email("a@example.com"),
                Found::Ambiguous,
            ),
            (
                &["a@EXAMPLE.com", "a@example.com"],
                email("a@Example.com"),
                Found::Ambiguous,
            ),
            (
                &["a@EXAMPLE.com", "a@example.com"],
                email("a@example.com"),
                Found::One(1),
            ),
            (&["Client.Example.com"], dns("client.example.COM"), Found::One(0)),
            (&["client.example.com"], dns("client.example.com."), Found::Nobody),
            (&["*.example.com"], dns("a.example.com"), Found::Nobody),
            (&["alice"], exact("Alice"), Found::Nobody),
            (&["straße.example"], dns("STRASSE.example"), Found::Nobody),
            (
                &["alice+tag@example.com"],
                email("alice@example.com"),
                Found::Nobody,
            ),
            (&[], email("a@b"), Found::Nobody),
            (&["a@b.test", "a@b.test"], email("a@b.test"), Found::Ambiguous),
            (&["a@b.test", "a@b.test"], email("a@B.test"), Found::Ambiguous),
        ] {
            assert_eq!(index(names).find(&wanted), found, "{names:?} {wanted:?}");
        }
    }
}
