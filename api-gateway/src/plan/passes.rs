//! Keys, passwords and tokens of consumers: what somebody brings who has one, and which of them no rule can tell apart.
//!
//! Keys stand in the documents and are sent as they are. Of passwords and of what tokens are signed with, a document may
//! hold only what they are compared with: so before anything is tried, each is replaced, in both documents alike, by one
//! that is known here. What was the same stays the same, and what was different stays different.

use std::collections::{BTreeSet, HashMap};

use aws_lc_rs::digest;
use rustls::pki_types::UnixTime;

use super::instances::Led;
use super::side::Side;
use super::token_finders::TokenFinders;
use crate::consumer::ConsumerKey;
use crate::document::{Document, End};
use crate::identity::hexadecimal;
use crate::plugin::Plugin;
use crate::secret::Secret;
use crate::snapshot::Snapshot;
use crate::token::Algorithm;

/// What is put in the place of secrets: of those that both documents have or only the old one, and of those that only the
/// new one has. Both can be read as base64 too.
pub(super) const SUPPOSED: [&str; 2] = [
    "c3VwcG9zZWQgaW4gdGhlIHBsYWNlIG9mIGEgc2VjcmV0LCBvbmUu",
    "c3VwcG9zZWQgaW4gdGhlIHBsYWNlIG9mIGEgc2VjcmV0LCB0d28u",
];

/// A name, a key or a password that nobody has.
const NOBODY: &str = "nobody-has-this-one";

/// Kinds of credentials that somebody has beside certificates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PassKind {
    /// For `key-auth`.
    Key,
    /// For `basic-auth`.
    Password,
    /// For `jwt`.
    Token,
    /// For `openid-connect`.
    AccessToken,
}

/// A credential, and whose it is by either document.
#[derive(Clone, Debug)]
pub(super) struct Pass {
    pub(super) kind: PassKind,
    /// The user name, or what tokens are signed for; nothing of a key.
    pub(super) name: Box<str>,
    /// What proves it: the key, the password, or what tokens are signed with.
    pub(super) secret: Secret,
    /// Whether others can only verify its tokens.
    pub(super) is_asymmetric: bool,
    /// Nobody of a provider's token: whose that is, each plugin finds out in its own way.
    pub(super) owners: [Option<ConsumerKey>; 2],
    /// Of a provider's token: whom each way to find out leads to.
    pub(super) led: Box<[Led]>,
}

/// What tells a credential from another one.
type Identity = (PassKind, Box<str>, Box<str>);

/// Replaces secrets in both documents; gives all credentials, by consumers' ids.
pub(super) struct Substitution {
    known: HashMap<Identity, usize>,
    found: Vec<Replaced>,
    /// By kind and name: how many different secrets there are.
    versions: HashMap<(PassKind, Box<str>), usize>,
}

struct Replaced {
    pass: Pass,
    owners: [Option<uuid::Uuid>; 2],
    supposed: &'static str,
}

impl Substitution {
    /// Of both documents, which are changed by it. `true`: they have to be compiled again.
    pub(super) fn of(documents: [&mut Document; 2], now: UnixTime) -> (Self, bool) {
        let mut substitution = Self {
            known: HashMap::new(),
            found: Vec::new(),
            versions: HashMap::new(),
        };
        let mut has_changed = false;
        let known = known_passwords(documents.each_ref().map(|document| &**document));
        for (side, document) in documents.into_iter().enumerate() {
            for key in &document.keyauth_credentials {
                let is_over = matches!(key.end, End::At(end) if end < now.as_secs());
                let owner = (!is_over).then_some(key.consumer);
                let text = key.key.expose();
                substitution.add(side, (PassKind::Key, "", text), owner, (Some(text), false));
            }
            let is_transformed = document.is_transformed;
            for entity in &mut document.basicauth_credentials {
                let stored = entity.password.value.expose();
                let name = entity.username.clone();
                let hash = stored.to_ascii_lowercase();
                let candidates = known.get(&*name).into_iter().flatten();
                let is_it = |text: &&Secret| kong_hash(text.expose(), entity.consumer) == hash;
                let identity = if is_transformed {
                    format!("text {stored}")
                } else if let Some(text) = candidates.clone().find(is_it) {
                    format!("text {}", text.expose())
                } else {
                    format!("{hash} {}", entity.consumer)
                };
                let owner = Some(entity.consumer);
                let text =
                    substitution.add(side, (PassKind::Password, &name, &identity), owner, (None, false));
                entity.password.value = Secret::new(if is_transformed {
                    text.to_owned()
                } else {
                    kong_hash(text, entity.consumer)
                });
                has_changed = true;
            }
            for entity in &mut document.jwt_secrets {
                let is_asymmetric = !entity.algorithm.is_symmetric();
                let source = if is_asymmetric {
                    &entity.rsa_public_key
                } else {
                    &entity.secret
                };
                let Some(source) = source.clone() else { continue };
                let identity = format!("{} {}", entity.algorithm.name(), source.value.expose());
                let name = entity.key.clone();
                let owner = Some(entity.consumer);
                let text = substitution.add(
                    side,
                    (PassKind::Token, &name, &identity),
                    owner,
                    (None, is_asymmetric),
                );
                let mut source = source;
                source.value = Secret::new(text);
                entity.secret = Some(source);
                entity.rsa_public_key = None;
                entity.algorithm = Algorithm::Hs256;
                has_changed = true;
            }
        }
        (substitution, has_changed)
    }

    fn add(
        &mut self,
        side: usize,
        (kind, name, identity): (PassKind, &str, &str),
        owner: Option<uuid::Uuid>,
        (text, is_asymmetric): (Option<&str>, bool),
    ) -> &'static str {
        let identity = (kind, name.into(), identity.into());
        if let Some(known) = self
            .known
            .get(&identity)
            .and_then(|known| self.found.get_mut(*known))
        {
            known.owners[side] = owner;
            return known.supposed;
        }
        let version = self.versions.entry((kind, name.into())).or_default();
        let supposed = SUPPOSED[(*version).min(1)];
        *version += 1;
        self.known.insert(identity, self.found.len());
        let pass = Pass {
            kind,
            name: name.into(),
            secret: Secret::new(text.unwrap_or(supposed)),
            is_asymmetric,
            owners: [None, None],
            led: Box::default(),
        };
        let mut owners = [None, None];
        owners[side] = owner;
        self.found.push(Replaced {
            pass,
            owners,
            supposed,
        });
        supposed
    }

    /// The credentials, by the consumers of these snapshots; and of each kind one that nobody has.
    pub(super) fn passes(self, sides: &[Side; 2], finders: &TokenFinders<'_>) -> Vec<Pass> {
        let snapshots = [0, 1].map(|side: usize| &sides[side].snapshot);
        let owned = self.found.into_iter().map(|Replaced { mut pass, owners, .. }| {
            pass.owners = [0, 1].map(|side: usize| snapshots[side].consumers.by_id(owners[side]?));
            pass
        });
        let mut passes: Vec<Pass> = owned.collect();
        if snapshots.iter().any(|snapshot| has_provider(snapshot)) {
            passes.extend(access_tokens(sides, finders));
        }
        let kinds = [
            PassKind::Key,
            PassKind::Password,
            PassKind::Token,
            PassKind::AccessToken,
        ];
        for kind in kinds {
            passes.push(Pass {
                kind,
                name: NOBODY.into(),
                secret: Secret::new(NOBODY),
                is_asymmetric: false,
                owners: [None, None],
                led: match kind {
                    PassKind::AccessToken => finders.lead(NOBODY, sides),
                    PassKind::Key | PassKind::Password | PassKind::Token => Box::default(),
                },
            });
        }
        passes
    }
}

/// Passwords that stand in a document as they are, by their users: what is stored of one may be known to be it.
fn known_passwords(documents: [&Document; 2]) -> HashMap<String, Vec<Secret>> {
    let mut known: HashMap<String, Vec<Secret>> = HashMap::new();
    for document in documents.into_iter().filter(|document| document.is_transformed) {
        for entity in &document.basicauth_credentials {
            let passwords = known.entry(entity.username.clone()).or_default();
            passwords.push(entity.password.value.clone());
        }
    }
    known
}

/// What Kong stores of a password.
fn kong_hash(password: &str, consumer: uuid::Uuid) -> String {
    let salted = format!("{password}{consumer}");
    hexadecimal(digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, salted.as_bytes()).as_ref())
}

fn has_provider(snapshot: &Snapshot) -> bool {
    let slots = snapshot.routes.iter().flat_map(|route| route.chain.slots());
    let mut configurations = slots.flat_map(|slot| slot.configurations());
    configurations.any(|plugin| matches!(plugin, Plugin::OpenIdConnect(_)))
}

/// A token for every name by which a consumer of either side could be meant.
fn access_tokens<'t>(sides: &'t [Side; 2], finders: &'t TokenFinders<'_>) -> impl Iterator<Item = Pass> + 't {
    let mut names: BTreeSet<Box<str>> = BTreeSet::new();
    for consumer in sides.iter().flat_map(|side| side.snapshot.consumers.iter()) {
        for name in consumer.username.iter().chain(&consumer.custom_id) {
            if finders.ignore_case() {
                names.insert(in_another_case(&name.text));
            }
            names.insert(name.text.clone());
        }
        if finders.go_by_ids() {
            names.insert(consumer.id.to_string().into());
        }
    }
    names.into_iter().map(|name| Pass {
        kind: PassKind::AccessToken,
        owners: [None, None],
        led: finders.lead(&name, sides),
        name,
        secret: Secret::new(""),
        is_asymmetric: false,
    })
}

fn in_another_case(name: &str) -> Box<str> {
    let upper = name.to_uppercase();
    if upper == name { name.to_lowercase() } else { upper }.into()
}
