//! `keyauth_credentials`: consumers' API keys.

use uuid::Uuid;

use super::entity::Entity;
use super::entries::Collection;
use super::reader::{At, Context};
use super::tree::Place;
use super::{id, rule};
use crate::secret::Secret;

/// A key that stands for a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyauthCredential {
    /// The id, given or derived from the key.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The consumer: an id of [`super::Document::consumers`].
    pub consumer: Uuid,
    /// The key; no two credentials share one.
    pub key: Secret,
    /// When it ends.
    pub end: End,
    /// Labels.
    pub tags: Vec<String>,
}

/// `ttl`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Never.
    Never,
    /// At this second since 1970: `created_at` and `ttl` together.
    At(u64),
    /// So many seconds after the document was loaded: there is no `created_at`.
    AfterLoad(u64),
}

/// Seconds that a `ttl` may have: Kong's limit.
const LONGEST_TTL: i64 = 100_000_000;

pub(super) fn read(mut entity: Entity<'_>, context: &Context<'_>) -> Option<KeyauthCredential> {
    let consumer = entity.reference("consumer", Collection::Consumers);
    let tags = entity.tags();
    let created_at = entity.created_at();
    let (mut fields, place, id) = entity.parts();
    let key = fields.required("key", key);
    let ttl = fields.optional("ttl", |at| {
        let ttl: u64 = rule::between(0..=LONGEST_TTL)(at)?;
        if ttl > 0 && created_at.is_none() {
            at.warn(
                "counted-from-load",
                "without created_at the ttl begins anew with every start and every reload, as it does for Kong",
            );
        }
        Some(ttl)
    });
    let at = fields.at;
    fields.close();
    let end = match (ttl, created_at) {
        (None | Some(0), _) => End::Never,
        (Some(ttl), Some(created_at)) => End::At(created_at.saturating_add(ttl)),
        (Some(ttl), None) => End::AfterLoad(ttl),
    };
    let (consumer, key) = (consumer?.value, key?);
    let derived = id::of_parts(Collection::KeyauthCredentials, &[key.expose()]);
    context.unique_parts(
        Collection::KeyauthCredentials,
        format_args!("the same key"),
        derived,
        at,
    );
    Some(KeyauthCredential {
        id: id.unwrap_or(derived),
        place,
        consumer,
        key,
        end,
        tags,
    })
}

/// Short keys can be tried. Whether a long one can be guessed, nobody sees from its length.
const SHORTEST_KEY: usize = 16;

fn key(at: At<'_>) -> Option<Secret> {
    let key = rule::secret(at)?;
    if key.expose().len() < SHORTEST_KEY {
        at.warn(
            "weak-credential",
            format!("a key of less than {SHORTEST_KEY} characters can be found by trying"),
        );
    }
    Some(key)
}
