//! `consumers`, `consumer_groups` and who belongs to which group.

use uuid::Uuid;

use super::entity::Entity;
use super::entries::Collection;
use super::reader::Context;
use super::rule;
use super::tree::Place;

/// Somebody that requests are made for. At least one of the two names is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consumer {
    /// The id, given or derived from the username.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The unique name.
    pub username: Option<String>,
    /// The unique name in somebody else's books.
    pub custom_id: Option<String>,
    /// Labels.
    pub tags: Vec<String>,
}

/// A named set of consumers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroup {
    /// The id, given or derived from the name.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The unique name.
    pub name: String,
    /// Labels.
    pub tags: Vec<String>,
}

/// One consumer's membership in one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerGroupConsumer {
    /// The id, given or derived from both parts.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The member: an id of [`super::Document::consumers`].
    pub consumer: Uuid,
    /// The group: an id of [`super::Document::consumer_groups`].
    pub consumer_group: Uuid,
}

pub(super) fn read(mut entity: Entity<'_>, context: &Context<'_>) -> Option<Consumer> {
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let username = fields.optional("username", rule::text);
    let custom_id = fields.optional("custom_id", rule::text);
    // What Kong Enterprise exports beside them: 0 is a consumer of the proxy, others are developers and administrators.
    fields.optional("type", rule::between::<u8>(0..=0));
    fields.ignored("username_lower");
    if !fields.has("username") && !fields.has("custom_id") {
        fields.at.refuse::<()>(
            "entity-check",
            "at least one of these fields must be non-empty: 'custom_id', 'username'",
        );
    }
    if let Some(custom_id) = &custom_id {
        context.unique(Collection::Consumers, "custom_id", custom_id, fields.at);
    }
    fields.close();
    Some(Consumer {
        id: id?,
        place,
        username,
        custom_id,
        tags,
    })
}

pub(super) fn read_group(mut entity: Entity<'_>) -> Option<ConsumerGroup> {
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let name = fields.required("name", rule::text);
    fields.close();
    Some(ConsumerGroup {
        id: id?,
        place,
        name: name?,
        tags,
    })
}

pub(super) fn read_membership(
    mut entity: Entity<'_>,
    context: &Context<'_>,
) -> Option<ConsumerGroupConsumer> {
    let consumer = entity.reference("consumer", Collection::Consumers);
    let consumer_group = entity.reference("consumer_group", Collection::ConsumerGroups);
    entity.tags();
    let (fields, place, id) = entity.parts();
    let at = fields.at;
    fields.close();
    let (consumer, consumer_group) = (consumer?.value, consumer_group?.value);
    let derived = super::id::of_parts(
        Collection::ConsumerGroupConsumers,
        &[&consumer_group.to_string(), &consumer.to_string()],
    );
    context.unique_parts(
        Collection::ConsumerGroupConsumers,
        format_args!("this consumer and consumer_group"),
        derived,
        at,
    );
    Some(ConsumerGroupConsumer {
        id: id.unwrap_or(derived),
        place,
        consumer,
        consumer_group,
    })
}
