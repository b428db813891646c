//! `basicauth_credentials`: consumers' user names and passwords.

use uuid::Uuid;

use super::entity::Entity;
use super::entries::Collection;
use super::reader::Context;
use super::tree::{Located, Place};
use super::{id, rule};
use crate::secret::Secret;

/// A user name and a password that stand for a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicauthCredential {
    /// The id, given or derived from the user name.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The consumer: an id of [`super::Document::consumers`].
    pub consumer: Uuid,
    /// The user name; no two credentials share one.
    pub username: String,
    /// The password as it is, or what Kong stores of it (`_transform: false`).
    pub password: Located<Secret>,
    /// Labels.
    pub tags: Vec<String>,
}

pub(super) fn read(mut entity: Entity<'_>, context: &Context<'_>) -> Option<BasicauthCredential> {
    let consumer = entity.reference("consumer", Collection::Consumers);
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let username = fields.required("username", |at| {
        let username = rule::text(at)?;
        if username.contains(|character: char| character == ':' || character.is_control()) {
            return at.refuse(
                "invalid-value",
                "a user name with a colon or a control character in it can never be sent (RFC 7617)",
            );
        }
        Some(username)
    });
    let password = fields.required("password", rule::located(rule::secret));
    let at = fields.at;
    fields.close();
    let (consumer, username) = (consumer?.value, username?);
    let derived = id::of_parts(Collection::BasicauthCredentials, &[&username]);
    context.unique_parts(
        Collection::BasicauthCredentials,
        format_args!("username set to '{username}'"),
        derived,
        at,
    );
    Some(BasicauthCredential {
        id: id.unwrap_or(derived),
        place,
        consumer,
        username,
        password: password?,
        tags,
    })
}
