//! Tags: only those of YAML's core types mean anything here, and only what they say anyway.

use saphyr_parser::Tag;

use super::tree::{Place, SyntaxProblem};

/// `!!SUFFIX`, written in whatever way.
pub(super) fn is_core(tag: &Tag, suffix: &str) -> bool {
    tag.is_yaml_core_schema() && tag.suffix == suffix
}

/// A lone `!`: not what an unquoted word looks like, but text.
pub(super) fn is_non_specific(tag: &Tag) -> bool {
    (tag.handle == "!" && tag.suffix.is_empty()) || (tag.handle.is_empty() && tag.suffix == "!")
}

/// The value has no tag, or this one.
pub(super) fn only_tag(tag: Option<&Tag>, suffix: &str, place: Place) -> Result<(), SyntaxProblem> {
    match tag {
        Some(tag) if !is_core(tag, suffix) => Err(refused_tag(tag, place)),
        Some(_) | None => Ok(()),
    }
}

/// A key is a word: its tag may say so and nothing else. (The parser makes a copy of a tag's prefix for each tag, however
/// long it is, so that tags that are passed over would cost the square of the text.)
pub(super) fn key_tag(tag: Option<&Tag>, place: Place) -> Result<(), SyntaxProblem> {
    match tag {
        Some(tag) if !is_core(tag, "str") && !is_non_specific(tag) => Err(refused_tag(tag, place)),
        Some(_) | None => Ok(()),
    }
}

/// Says that a tag is not for this value.
pub(super) fn refused_tag(tag: &Tag, place: Place) -> SyntaxProblem {
    SyntaxProblem::syntax(
        place,
        &format!("the tag {}{} is not one for this value", tag.handle, tag.suffix),
    )
}
