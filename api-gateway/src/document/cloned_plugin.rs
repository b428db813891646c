//! `cloned_plugins`: a second name, with a priority of its own, for a plugin (Kong 3.15).

use uuid::Uuid;

use super::plugin::PluginKind;
use super::tree::Place;

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
