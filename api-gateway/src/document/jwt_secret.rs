//! `jwt_secrets`: what consumers sign their tokens with.

use uuid::Uuid;

use super::entity::Entity;
use super::entries::Collection;
use super::reader::{At, Context};
use super::tree::{Located, Place};
use super::{id, rule};
use crate::secret::Secret;
use crate::token::Algorithm;

/// A secret or a public key that stands for a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JwtSecret {
    /// The id, given or derived from the key.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The consumer: an id of [`super::Document::consumers`].
    pub consumer: Uuid,
    /// By what tokens name it; no two share one. Not secret.
    pub key: String,
    /// The algorithm that its tokens must have.
    pub algorithm: Algorithm,
    /// What is shared with whoever signs; there with HS*.
    pub secret: Option<Located<Secret>>,
    /// PEM of a public key of any type; there with all others. Kept from being printed: private keys get pasted.
    pub rsa_public_key: Option<Located<Secret>>,
    /// Labels.
    pub tags: Vec<String>,
}

pub(super) fn read(mut entity: Entity<'_>, context: &Context<'_>) -> Option<JwtSecret> {
    let consumer = entity.reference("consumer", Collection::Consumers);
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let key = fields.required("key", |at| {
        let key = rule::text(at)?;
        if key.contains(char::is_control) {
            let message = "a key with a control character cannot be sent upstream as X-Credential-Identifier";
            return at.refuse("invalid-value", message);
        }
        Some(key)
    });
    // One that cannot be read is told; nothing is asked of the other fields then.
    let algorithm = fields.optional("algorithm", algorithm);
    let has_algorithm = fields.has("algorithm");
    let algorithm = algorithm.or((!has_algorithm).then_some(Algorithm::Hs256));
    let secret = fields.optional("secret", rule::located(rule::secret));
    let rsa_public_key = fields.optional("rsa_public_key", rule::located(rule::secret));
    match algorithm {
        Some(algorithm) if algorithm.is_symmetric() && !fields.has("secret") => {
            let message =
                "required field missing: Kong would draw one that nobody knows, and no token would be good";
            fields.refuse::<()>("secret", "required-field-missing", message);
        }
        Some(algorithm) if !algorithm.is_symmetric() && !fields.has("rsa_public_key") => {
            let message = format!("required field missing: {algorithm} is verified with a public key");
            fields.refuse::<()>("rsa_public_key", "required-field-missing", message);
        }
        Some(_) | None => {}
    }
    let at = fields.at;
    fields.close();
    let (consumer, key) = (consumer?.value, key?);
    let derived = id::of_parts(Collection::JwtSecrets, &[&key]);
    context.unique_parts(
        Collection::JwtSecrets,
        format_args!("key set to '{key}'"),
        derived,
        at,
    );
    Some(JwtSecret {
        id: id.unwrap_or(derived),
        place,
        consumer,
        key,
        algorithm: algorithm?,
        secret,
        rsa_public_key,
        tags,
    })
}

fn algorithm(at: At<'_>) -> Option<Algorithm> {
    let text = rule::text(at)?;
    // Of the names in a token one more is known; Kong's document has not got that.
    if let Some(algorithm) = Algorithm::ALL.into_iter().find(|known| known.name() == text) {
        return Some(algorithm);
    }
    let names = Algorithm::ALL.map(Algorithm::name);
    at.refuse("invalid-value", format!("expected one of: {}", names.join(", ")))
}
