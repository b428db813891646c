//! `acls`: which ACL groups a consumer has.

use uuid::Uuid;

use super::tree::Place;

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
