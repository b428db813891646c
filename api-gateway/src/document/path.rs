//! Paths of services and routes.

use crate::router::path::normalise;

use super::reader::{At, Format};
use super::rule;

/// The path of a service.
pub(super) fn service_path(at: At<'_>) -> Option<String> {
    let text = rule::text(at)?;
    if !text.starts_with('/') {
        return at.refuse("invalid-path", "should start with: /");
    }
    if text.contains("//") {
        return at.refuse("invalid-path", "must not have empty segments");
    }
    let accepted = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~/%:@!$&'()*+,;=".contains(&byte);
    if !text.bytes().all(accepted) {
        return at.refuse(
            "invalid-path",
            format!("invalid path: '{text}' (characters outside of the reserved list of RFC 3986 found)"),
        );
    }
    percent_encoded(at, text)
}

/// A path of a route in the form of format 3.0: `/prefix` or `~/regex`. What the router has to say about it is left to
/// the router.
pub(super) fn route_path(at: At<'_>) -> Option<String> {
    let written = rule::text(at)?;
    let text = match at.context.format {
        Format::Three => written,
        Format::BeforeThree => migrated(written),
    };
    if !text.starts_with('/') && !text.starts_with("~/") {
        return at.refuse(
            "invalid-path",
            "should start with: / (fixed path) or ~/ (regex path)",
        );
    }
    if text.contains("//") {
        return at.refuse("invalid-path", "must not have empty segments");
    }
    let prefix = percent_encoded(at, text)?;
    if prefix.starts_with('/') && prefix.contains(['\\', '[', ']', '{', '}', '|', '^', '?']) {
        at.warn(
            "looks-like-a-regex",
            format!("'{prefix}' is a plain prefix and matches only itself: a regex path begins with ~"),
        );
    }
    Some(prefix)
}

/// The same text, if two hexadecimal digits follow each percent sign.
fn percent_encoded(at: At<'_>, text: String) -> Option<String> {
    for (position, _) in text.match_indices('%') {
        let mut digits = text.bytes().skip(position + 1);
        let is_hexadecimal = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_hexdigit());
        if !is_hexadecimal(digits.next()) || !is_hexadecimal(digits.next()) {
            let wrong: String = text
                .chars()
                .skip_while(|character| *character != '%')
                .take(3)
                .collect();
            return at.refuse("invalid-path", format!("invalid url-encoded value: '{wrong}'"));
        }
    }
    Some(text)
}

/// What a path of format 1.1 or 2.1 is in format 3.0: there a path that looks like a regex was one.
fn migrated(path: String) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~/%".contains(&byte);
    if !path.bytes().all(plain) {
        return format!("~{path}");
    }
    match normalise(&path) {
        Ok(normal) => normal.into_owned(),
        // The router says why.
        Err(_) => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_path_that_looks_like_a_regex_is_one() {
        for (path, in_three) in [
            ("/a.b", "/a.b"),
            ("/a/./%61", "/a/a"),
            ("/a/\\d+", "~/a/\\d+"),
            ("/a$", "~/a$"),
            ("/(a|b)", "~/(a|b)"),
        ] {
            assert_eq!(migrated(path.to_owned()), in_three, "{path}");
        }
    }
}
