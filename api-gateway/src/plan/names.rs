//! Names that a certificate could hold, and which of them no rule of either document can tell apart.
//!
//! There may be a hundred thousand consumers; what is decided depends on their groups, on how they are found, and on what
//! is configured for one of them alone. Names that every look-up of both documents leads to consumers of one kind are a
//! class, and one of a class is tried for all.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::consumer::CertifiedName;

/// A name in a certificate.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct PlannedName {
    pub(super) text: Box<str>,
    pub(super) shape: NameShape,
}

/// Where in the certificate it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum NameShape {
    /// The common name, in a certificate without alternative names.
    Common,
    /// The only alternative name, in a certificate without a common name.
    Alternative(Kind),
    /// The common name, beside an alternative name that nobody has.
    Beside,
    /// The whole subject, without alternative names.
    Subject,
}

/// Kinds of alternative names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Email,
    Dns,
    Uri,
    Ip(IpAddr),
}

/// An alternative name that nobody has.
pub(super) const STRANGER: &str = "somebody.somewhere.example";

impl Kind {
    /// What a text looks like; `None` for what no alternative name can be.
    pub(super) fn of(text: &str) -> Option<Self> {
        if text.is_empty() || !text.is_ascii() || text.bytes().any(|octet| octet.is_ascii_control()) {
            return None;
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            // Another spelling of an address is never what a certificate is read as.
            return (address.to_string() == text).then_some(Self::Ip(address));
        }
        if text.contains("://") {
            return Some(Self::Uri);
        }
        if text.contains('@') {
            return Some(Self::Email);
        }
        let is_label = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.*".contains(&octet);
        text.bytes().all(is_label).then_some(Self::Dns)
    }
}

impl PlannedName {
    /// The names to look up, as the request path reads them from such a certificate; with and without the common name
    /// beside an alternative one.
    pub(super) fn certified(&self, is_common_name_always_tried: bool) -> Vec<CertifiedName> {
        let exact = || CertifiedName::Exact(self.text.clone());
        match self.shape {
            NameShape::Common | NameShape::Alternative(Kind::Uri | Kind::Ip(_)) => vec![exact()],
            NameShape::Alternative(Kind::Email) => vec![CertifiedName::Email(self.text.clone())],
            NameShape::Alternative(Kind::Dns) => vec![CertifiedName::Dns(self.text.clone())],
            NameShape::Beside => {
                let stranger = CertifiedName::Dns(STRANGER.into());
                let common = is_common_name_always_tried.then(exact);
                std::iter::once(stranger).chain(common).collect()
            }
            NameShape::Subject => {
                let common = super::subject::common_name(&self.text);
                common
                    .map(|name| CertifiedName::Exact(name.into()))
                    .into_iter()
                    .collect()
            }
        }
    }

    /// The group that `authenticated_group_by: CN` makes of it.
    pub(super) fn common_name(&self) -> Option<Box<str>> {
        match self.shape {
            NameShape::Common | NameShape::Beside => Some(self.text.clone()),
            NameShape::Alternative(_) => None,
            NameShape::Subject => super::subject::common_name(&self.text).map(Into::into),
        }
    }

    /// The group that `authenticated_group_by: DN` makes of it.
    pub(super) fn distinguished_name(&self) -> Box<str> {
        match self.shape {
            NameShape::Common | NameShape::Beside => format!("CN={}", self.text).into(),
            NameShape::Alternative(_) => Box::default(),
            NameShape::Subject => self.text.clone(),
        }
    }
}

/// Values by number, each once.
#[derive(Debug)]
pub(super) struct Interned<K>(HashMap<K, u32>);

impl<K> Default for Interned<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: std::hash::Hash + Eq> Interned<K> {
    pub(super) fn number(&mut self, value: K) -> u32 {
        let next = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        *self.0.entry(value).or_insert(next)
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    pub(super) fn known(&self, value: &K) -> Option<u32> {
        self.0.get(value).copied()
    }
}
