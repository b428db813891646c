//! `consumers`, `consumer_groups` and who belongs to which group.

use uuid::Uuid;

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
