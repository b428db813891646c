//! `cloned_plugins`: a second name, with a priority of its own, for a plugin (Kong 3.15).

use std::collections::HashMap;

use transport::finding::Finding;
use uuid::Uuid;

use super::entity::Entity;
use super::entries::{Collection, Entries};
use super::plugin::PluginKind;
use super::reader::{At, Context};
use super::tree::{Node, Place, Value};
use super::{name, rule};

/// A plugin under another name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClonedPlugin {
    /// The id, given or derived from the name.
    pub id: Uuid,
    /// Where the entity begins.
    pub place: Place,
    /// The new name.
    pub name: String,
    /// What it is a clone of.
    pub reference: PluginKind,
    /// Where it runs; the original's priority if it is not given.
    pub priority: i32,
    /// Labels.
    pub tags: Vec<String>,
}

/// How many clones Kong allows of one plugin.
const MOST_CLONES: usize = 5;

pub(super) fn read(mut entity: Entity<'_>) -> Option<ClonedPlugin> {
    let tags = entity.tags();
    let (mut fields, place, id) = entity.parts();
    let name = fields.required("name", own_name);
    let reference = fields.required("ref", original);
    let priority = fields.optional("priority", rule::between(i32::MIN.into()..=i32::MAX.into()));
    fields.close();
    let reference = reference?;
    Some(ClonedPlugin {
        id: id?,
        place,
        name: name?,
        reference,
        priority: priority.unwrap_or(reference.priority()),
        tags,
    })
}

/// The names that the document's clones have. Problems are not told here but where the entities are read.
pub(super) fn names(entries: &Entries<'_>) -> HashMap<String, (PluginKind, i32)> {
    let clones = entries
        .iter()
        .filter(|(_, entry)| entry.collection == Collection::ClonedPlugins);
    clones
        .filter_map(|(_, entry)| {
            let name = entry.node.get("name").and_then(Node::text)?;
            let reference = entry.node.get("ref").and_then(Node::text)?;
            let kind = CLONABLE.into_iter().find(|kind| kind.name() == reference)?;
            let priority = match entry.node.get("priority").map(|node| &node.value) {
                Some(Value::Int(priority)) => i32::try_from(*priority).ok()?,
                _ => kind.priority(),
            };
            Some((name.to_owned(), (kind, priority)))
        })
        .collect()
}

/// Tells if there are more clones of one plugin than Kong allows.
pub(super) fn check_number(context: &Context<'_>, clones: &[ClonedPlugin]) {
    for kind in CLONABLE {
        let mut of_kind = clones.iter().filter(|clone| clone.reference == kind);
        if let Some(one_too_many) = of_kind.nth(MOST_CLONES) {
            let message = format!("at most {MOST_CLONES} clones of '{}' are allowed", kind.name());
            let origin = context.log.origin(one_too_many.place);
            context.log.push(Finding::error(
                "too-many-clones",
                origin,
                "cloned_plugins",
                message,
            ));
        }
    }
}

/// Those of Kong's clonable plugins that this gateway has.
const CLONABLE: [PluginKind; 3] = [PluginKind::Acl, PluginKind::IpRestriction, PluginKind::KeyAuth];

fn own_name(at: At<'_>) -> Option<String> {
    let name = name::name(at)?;
    if PluginKind::ALL.iter().any(|kind| kind.name() == name) {
        return at.refuse(
            "invalid-value",
            format!("'{name}' is the name of a plugin already"),
        );
    }
    Some(name)
}

fn original(at: At<'_>) -> Option<PluginKind> {
    let text = rule::text(at)?;
    if let Some(kind) = CLONABLE.into_iter().find(|kind| kind.name() == text) {
        return Some(kind);
    }
    let clonable: Vec<&str> = CLONABLE.iter().map(|kind| kind.name()).collect();
    at.refuse(
        "invalid-value",
        format!(
            "'{text}' cannot be cloned: expected one of: {}",
            clonable.join(", ")
        ),
    )
}
