//! Names and tags.

use super::reader::At;
use super::rule;

/// The name of a service, route, group or plugin instance.
pub(super) fn name(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    let accepted = |character: char| {
        !character.is_ascii() || character.is_ascii_alphanumeric() || ".-_~".contains(character)
    };
    if text.chars().all(accepted) {
        return Some(text);
    }
    at.refuse(
        "invalid-value",
        format!(
            "invalid value '{text}': the only accepted ascii characters are alphanumerics or ., -, _, and ~"
        ),
    )
}

/// A set of labels.
pub(super) fn tags(at: At<'_>) -> Option<Vec<String>> {
    rule::set(tag)(at)
}

fn tag(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    let accepted = |character: char| {
        !character.is_ascii()
            || character == ' '
            || (character.is_ascii_graphic() && !",/".contains(character))
    };
    if text.chars().all(accepted) {
        return Some(text);
    }
    at.refuse(
        "invalid-value",
        format!(
            "invalid tag '{text}': expected printable ascii (except `,` and `/`) or valid utf-8 sequences"
        ),
    )
}
