//! Layered node settings (work in progress: the merge follows).

mod origins;

pub use origins::{Loaded, Origins};
