//! Whom plugins can find: by a name that a consumer has, or by what the document holds for him.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};

use transport::certificate::Certificate;
use uuid::Uuid;

use super::duty::{Authentication, Evidence, KnownBy};
use crate::compile::ancestry::is_below;
use crate::document::{Consumer, Document};

/// How one plugin finds consumers, or several together do. Two that are equal find the same people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Reach {
    known_by: BTreeSet<KnownBy>,
    /// What is looked at for consumers.
    evidence: BTreeSet<Evidence>,
    /// CAs that are trusted with what is looked at.
    trusted: BTreeSet<(Evidence, Uuid)>,
    /// By name in a configuration.
    named: BTreeSet<Uuid>,
}

impl Reach {
    pub(super) fn add(&mut self, own: &Authentication<'_>) {
        self.add_credentials(own);
        self.named
            .extend(own.anonymous.and_then(|named| named.value.consumer));
    }

    /// The same without the anonymous consumer, who shows nothing.
    pub(super) fn add_credentials(&mut self, own: &Authentication<'_>) {
        self.known_by.extend(&own.known_by);
        self.named
            .extend(own.default.and_then(|named| named.value.consumer));
        if own.finds_consumers() {
            self.evidence.insert(own.evidence);
            let trusted = own.authorities.iter().map(|id| (own.evidence, id.value));
            self.trusted.extend(trusted);
        }
    }

    /// Whether anybody could be found at all.
    pub(super) fn is_any(&self) -> bool {
        !self.evidence.is_empty() || !self.named.is_empty()
    }
}

/// What the document holds for its consumers.
pub(super) struct Holdings<'d> {
    /// Keys, passwords, tokens: whose there are.
    credentials: HashSet<(Evidence, Uuid)>,
    /// Names in certificates that are mapped by hand, for a CA or for any.
    mapped: HashMap<(Evidence, Uuid), Vec<Option<Uuid>>>,
    authorities: Authorities<'d>,
}

impl<'d> Holdings<'d> {
    pub(super) fn of(document: &'d Document) -> Self {
        let keys = document.keyauth_credentials.iter();
        let passwords = document.basicauth_credentials.iter();
        let secrets = document.jwt_secrets.iter();
        let credentials = keys
            .map(|key| (Evidence::Key, key.consumer))
            .chain(passwords.map(|password| (Evidence::Password, password.consumer)))
            .chain(secrets.map(|secret| (Evidence::OwnToken, secret.consumer)));
        let mut mapped: HashMap<(Evidence, Uuid), Vec<Option<Uuid>>> = HashMap::new();
        for (kind, mappings) in [
            (Evidence::Socket, &document.mtls_auth_credentials),
            (Evidence::Header, &document.header_cert_auth_credentials),
        ] {
            for mapping in mappings {
                let authority = mapping.ca_certificate.map(|id| id.value);
                mapped
                    .entry((kind, mapping.consumer))
                    .or_default()
                    .push(authority);
            }
        }
        Self {
            credentials: credentials.collect(),
            mapped,
            authorities: Authorities {
                document,
                parsed: OnceCell::new(),
                below: RefCell::default(),
            },
        }
    }

    /// Whether a consumer is within reach.
    pub(super) fn are_within(&self, reach: &Reach, consumer: &Consumer) -> bool {
        let is_known = |by| reach.known_by.contains(&by);
        let can_match = |evidence: Evidence, mapped: &Option<Uuid>| {
            mapped.is_none_or(|authority| self.authorities.can_vouch(reach, evidence, authority))
        };
        let holds = |evidence: &Evidence| {
            let key = (*evidence, consumer.id);
            let mut mapped = self.mapped.get(&key).into_iter().flatten();
            self.credentials.contains(&key) || mapped.any(|authority| can_match(*evidence, authority))
        };
        is_known(KnownBy::Id)
            || is_known(KnownBy::Username) && consumer.username.is_some()
            || is_known(KnownBy::CustomId) && consumer.custom_id.is_some()
            || reach.named.contains(&consumer.id)
            || reach.evidence.iter().any(holds)
    }
}

/// Which CAs may be on a path that a plugin verifies.
struct Authorities<'d> {
    document: &'d Document,
    /// Those of the document that can be read, by their ids. Few documents need them here.
    parsed: OnceCell<Vec<(Uuid, Certificate)>>,
    /// Whether the first is below the second: a signature is checked for that.
    below: RefCell<HashMap<(Uuid, Uuid), bool>>,
}

impl Authorities<'_> {
    /// Whether a certificate that is trusted with this evidence can have `authority` on its path: the client brings those
    /// that are between.
    fn can_vouch(&self, reach: &Reach, evidence: Evidence, authority: Uuid) -> bool {
        if reach.trusted.contains(&(evidence, authority)) {
            return true;
        }
        let mut trusted = reach.trusted.iter().filter(|(kind, _)| *kind == evidence);
        trusted.any(|(_, above)| self.is_below(authority, *above))
    }

    fn is_below(&self, authority: Uuid, above: Uuid) -> bool {
        let key = (authority, above);
        if let Some(known) = self.below.borrow().get(&key) {
            return *known;
        }
        let all = self.parsed();
        let one = |id: Uuid| all.iter().find(|(own, _)| *own == id);
        let found = match (one(authority), one(above)) {
            (Some((_, authority)), Some((_, above))) => is_below(authority, std::slice::from_ref(above), all),
            // What cannot be read has been told, and nothing is built on it.
            (None, _) | (_, None) => true,
        };
        self.below.borrow_mut().insert(key, found);
        found
    }

    fn parsed(&self) -> &[(Uuid, Certificate)] {
        self.parsed.get_or_init(|| {
            let all = self.document.ca_certificates.iter();
            all.filter_map(|entity| {
                let certificate = Certificate::parse(entity.certificate.value.clone()).ok()?;
                Some((entity.id, certificate))
            })
            .collect()
        })
    }
}
