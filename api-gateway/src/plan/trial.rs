//! One sender of one request, and what becomes of it on either side.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::StatusCode;

use super::bench::Sender;
use super::bonds::Related;
use super::change::{Credential, HeaderSource, PassState, Relation};
use super::classes::{CertificateClass, PassClass};
use crate::consumer::ConsumerKey;

/// By whom a request is made, and what becomes of it on either side.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) brings: Brings,
    pub(super) sender: Sender,
    pub(super) client: IpAddr,
    pub(super) outcomes: [Outcome; 2],
}

/// What a sender has, in classes.
#[derive(Clone, Debug, Default)]
pub(super) struct Brings {
    /// The peer's certificate.
    pub(super) socket: Option<Rc<CertificateClass>>,
    /// The certificate in headers.
    pub(super) header: Option<Rc<CertificateClass>>,
    /// A key, a password or a token.
    pub(super) pass: Option<Rc<PassClass>>,
    /// How they belong together, where that is asked.
    pub(super) relation: Relation,
    /// Then, of whom each is that belongs to others in this way.
    pub(super) owners: Option<Rc<Related>>,
}

impl Brings {
    fn count(&self) -> usize {
        [self.socket.is_some(), self.header.is_some(), self.pass.is_some()]
            .into_iter()
            .map(usize::from)
            .sum()
    }

    fn is_part_of(&self, other: &Self) -> bool {
        fn is_part<T>(less: Option<&Rc<T>>, more: Option<&Rc<T>>) -> bool {
            let both = less.zip(more);
            less.is_none() || both.is_some_and(|(less, more)| Rc::ptr_eq(less, more))
        }
        is_part(self.socket.as_ref(), other.socket.as_ref())
            && is_part(self.header.as_ref(), other.header.as_ref())
            && is_part(self.pass.as_ref(), other.pass.as_ref())
            && (self.count() < 2 || self.relation == other.relation)
    }
}

impl Trial {
    /// What the sender brings.
    pub(super) fn credential(&self) -> Credential {
        let is_carried = self.sender.carrier.is_some();
        Credential {
            socket: self.brings.socket.is_some(),
            header: self.brings.header.as_ref().map(|_| {
                if is_carried {
                    HeaderSource::Carrier
                } else {
                    HeaderSource::Anybody
                }
            }),
            pass: self.sender.pass.as_ref().map(|(_, presentation, _)| PassState {
                kind: presentation.kind,
                lifetime: presentation.lifetime,
                is_odd: presentation
                    .grant
                    .as_ref()
                    .is_some_and(|grant| grant.oddity.is_some()),
            }),
        }
    }

    /// Whether a provider's token names somebody else beside.
    pub(super) fn names_another(&self) -> bool {
        let grant = self.sender.pass.as_ref();
        let grant = grant.and_then(|(_, presentation, _)| presentation.grant.as_ref());
        grant.is_some_and(|grant| grant.other.is_some())
    }

    /// The groups that a provider's token names.
    pub(super) fn groups(&self) -> Vec<String> {
        let grant = self.sender.pass.as_ref();
        let grant = grant.and_then(|(_, presentation, _)| presentation.grant.as_ref());
        grant.map_or_else(Vec::new, |grant| grant.groups.clone())
    }

    /// Whether whoever can do the other can do this, with something less.
    pub(super) fn brings_less_than(&self, other: &Self) -> bool {
        let is_bare = self.brings.count() == 0;
        let presentation = |trial: &Self| trial.sender.pass.as_ref().map(|(_, way, _)| Rc::clone(way));
        self.client == other.client
            && (is_bare || self.sender.carrier == other.sender.carrier)
            && self.brings.is_part_of(&other.brings)
            && (self.brings.header.is_none() || self.sender.lines == other.sender.lines)
            && (self.brings.pass.is_none() || presentation(self) == presentation(other))
            && self.brings.count() < other.brings.count()
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Reached(As),
    Refused {
        status: StatusCode,
        reason: &'static str,
        plugin: Option<Arc<str>>,
        /// As whom the request was refused, if somebody was found before.
        consumer: Option<ConsumerKey>,
    },
}

/// As whom it reaches the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    /// Nobody was looked for.
    Nobody,
    /// The holder of a certificate, without a consumer.
    Certificate { instance: usize, by: By },
    /// Whoever has a token, without a consumer.
    Bearer,
    /// The consumer that stands for everybody else.
    Anonymous(ConsumerKey),
    /// The consumer that a credential names; how the plugin finds him, if by a name: what reads certificates, or the way
    /// from a provider's token, by its position.
    Consumer {
        key: ConsumerKey,
        by: By,
        finder: Option<usize>,
    },
}

impl As {
    /// The consumer, if there is one.
    pub(super) fn consumer(self) -> Option<ConsumerKey> {
        match self {
            Self::Anonymous(key) | Self::Consumer { key, .. } => Some(key),
            Self::Nobody | Self::Certificate { .. } | Self::Bearer => None,
        }
    }
}

/// Where the credential came from that had the last word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum By {
    Socket,
    Header,
    Pass,
}
