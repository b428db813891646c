//! `acls`: which ACL groups a consumer has.

use uuid::Uuid;

use super::entity::Entity;
use super::entries::Collection;
use super::reader::Context;
use super::tree::Place;
use super::{id, rule};

/// One consumer's ACL group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    /// The id, given or derived from consumer and group.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The consumer: an id of [`super::Document::consumers`].
    pub consumer: Uuid,
    /// The group's name; compared exactly.
    pub group: String,
    /// Labels.
    pub tags: Vec<String>,
}

pub(super) fn read(mut entity: Entity<'_>, context: &Context<'_>) -> Option<Acl> {
    let consumer = entity.reference("consumer", Collection::Consumers);
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let group = fields.required("group", rule::text);
    let at = fields.at;
    fields.close();
    let (consumer, group) = (consumer?.value, group?);
    let derived = id::of_parts(Collection::Acls, &[&consumer.to_string(), &group]);
    context.unique_parts(
        Collection::Acls,
        format_args!("group '{group}' of this consumer"),
        derived,
        at,
    );
    Some(Acl {
        id: id.unwrap_or(derived),
        place,
        consumer,
        group,
        tags,
    })
}
