//! One entry of a route's `paths`.

use regex::bytes::{Regex, RegexBuilder};

use super::MatchedPath;
use super::path::{escape, normalise, normalised_route_path};

/// A program beyond this is refused rather than run on every request, in octets.
const SIZE_LIMIT: usize = 1 << 20;
/// What one matching thread may remember of a program, in octets.
const CACHE_LIMIT: usize = 1 << 19;

/// What the normalised path must look like.
#[derive(Clone, Debug)]
pub(super) enum PathPattern {
    /// The route has no paths.
    Any,
    /// A plain string prefix, not segment aware: `/route` takes `/routereq`.
    Prefix(Box<str>),
    /// `~…`, anchored at the start.
    Regex {
        program: Regex,
        /// Text with which every matching path begins, so that the regex need not be tried on others.
        literal: Box<str>,
    },
}

impl PathPattern {
    /// Errors carry Kong's wording where Kong has one.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.strip_prefix('~') {
            Some(pattern) if pattern.starts_with('/') => Self::regex(pattern),
            None if text.starts_with('/') => Self::prefix(text),
            Some(_) | None => Err("should start with: / (fixed path) or ~/ (regex path)".into()),
        }
    }

    /// Text that a matching path begins with: where the pattern is filed in the index.
    pub(super) fn begins_with(&self) -> &str {
        match self {
            Self::Any => "",
            Self::Prefix(prefix) => prefix,
            Self::Regex { literal, .. } => literal,
        }
    }

    /// How much of the path is taken; `None` if it does not match.
    pub(super) fn matched(&self, path: &str) -> Option<MatchedPath> {
        match self {
            Self::Any => Some(MatchedPath::Nothing),
            Self::Prefix(prefix) => path
                .starts_with(&**prefix)
                .then_some(MatchedPath::Prefix(prefix.len())),
            Self::Regex { program, .. } => program
                .find(path.as_bytes())
                .map(|found| MatchedPath::Regex(found.end())),
        }
    }

    fn prefix(text: &str) -> Result<Self, String> {
        if let Some(normal) = normalised_route_path(text) {
            return Err(format!("non-normalized path, consider use '{normal}' instead"));
        }
        match normalise(text) {
            Ok(_) => Ok(Self::Prefix(escape(text).into())),
            Err(error) => Err(format!("invalid path: '{text}' ({error})")),
        }
    }

    fn regex(pattern: &str) -> Result<Self, String> {
        let invalid = |why: &str| format!("invalid regex: '{pattern}' ({why})");
        // Normal paths hold neither, so such a regex would silently never match.
        if let Some(never) = pattern
            .chars()
            .find(|character| *character == ' ' || !character.is_ascii())
        {
            return Err(invalid(&format!(
                "paths are matched with spaces and non-ASCII characters percent-encoded: write '{}' for '{never}'",
                escape(never.encode_utf8(&mut [0; 4]))
            )));
        }
        // By itself first: `a)(b` must not become valid by the parentheses around it.
        compile(pattern)
            .and_then(|_| compile(&format!("^(?:{pattern})")))
            .map(|program| Self::Regex {
                program,
                literal: literal_prefix(pattern).into(),
            })
            .map_err(|error| invalid(&explain(&error)))
    }
}

/// Why a regex was refused, in one line without the drawing of where.
pub(super) fn explain(error: &regex::Error) -> String {
    if let regex::Error::CompiledTooBig(limit) = error {
        return format!("it needs more than {limit} bytes");
    }
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

/// Normal paths are ASCII, so ASCII classes say the same as Unicode ones at a fraction of the size; only what cannot
/// be said without Unicode (`\p{L}`) is compiled with it.
fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    let build = |unicode| {
        RegexBuilder::new(pattern)
            .unicode(unicode)
            .size_limit(SIZE_LIMIT)
            .dfa_size_limit(CACHE_LIMIT)
            .build()
    };
    build(false).or_else(|_| build(true))
}

/// The text that every match of a regex begins with; shorter than it could be wherever there is the least doubt.
fn literal_prefix(pattern: &str) -> String {
    let mut literal = String::new();
    if may_alternate(pattern) {
        return literal;
    }
    let mut characters = pattern.chars().peekable();
    while let Some(character) = characters.next() {
        let meant = match character {
            '\\' => characters.next().filter(char::is_ascii_punctuation),
            plain if plain.is_ascii_alphanumeric() || "/-_~!@%&=:;,'\"".contains(plain) => Some(plain),
            _ => None,
        };
        // A quantifier may mean "not at all", even `+` (`a+*`).
        match (meant, characters.peek()) {
            (None, _) | (_, Some('?' | '*' | '+' | '{')) => break,
            (Some(meant), _) => literal.push(meant),
        }
    }
    literal
}

/// Whether a `|` outside of all groups may be there.
fn may_alternate(pattern: &str) -> bool {
    // In `(?x)` mode a `#` starts a comment, in which brackets mean nothing; a class may begin with its own bracket.
    if ["#", "[]", "[^]"]
        .iter()
        .any(|doubtful| pattern.contains(doubtful))
    {
        return true;
    }
    let (mut groups, mut classes) = (0_usize, 0_usize);
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        match (character, classes) {
            ('\\', _) => {
                characters.next();
            }
            ('[', _) => classes += 1,
            (']', 1..) => classes -= 1,
            ('(', 0) => groups += 1,
            (')', 0) => groups = groups.saturating_sub(1),
            ('|', 0) if groups == 0 => return true,
            _ => {}
        }
    }
    // Brackets that do not balance were misread.
    classes != 0 || groups != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_match_as_prefix_or_anchored_regex() {
        use MatchedPath::{Prefix, Regex};
        for (pattern, path, expected) in [
            ("/route", "/route", Some(Prefix(6))),
            ("/route", "/routereq", Some(Prefix(6))),
            ("/route", "/rout", None),
            ("/route", "/x/route", None),
            ("/Route", "/route", None),
            ("/a b", "/a%20b/c", Some(Prefix(6))),
            ("/é", "/%C3%A9", Some(Prefix(7))),
            ("~/\\d+", "/42/x", Some(Regex(3))),
            ("~/\\d+$", "/42/x", None),
            ("~/\\d+", "/x/42", None),
            (
                "~/users/(?<id>[^/]+)/orders",
                "/users/7/orders/1",
                Some(Regex(15)),
            ),
            ("~/a|/b", "/b", Some(Regex(2))),
            ("~/a|/b", "/x/b", None),
            ("~/a\\/b\\.c\\-d", "/a/b.c-d", Some(Regex(8))),
            ("~/(?i)ab", "/AB", Some(Regex(3))),
            ("~/\\p{Lu}", "/A", Some(Regex(2))),
            ("~/\\p{Lu}", "/a", None),
            ("~/a%2Fb", "/a%2Fb", Some(Regex(6))),
            ("~/a?", "/b", Some(Regex(1))),
        ] {
            let parsed = PathPattern::parse(pattern).unwrap();
            assert_eq!(parsed.matched(path), expected, "{pattern} {path}");
            assert!(
                expected.is_none() || path.starts_with(parsed.begins_with()),
                "{pattern} {path}"
            );
        }
    }

    #[test]
    fn what_cannot_be_matched_is_refused_with_a_reason() {
        for (pattern, message) in [
            ("route", "should start with: / (fixed path) or ~/ (regex path)"),
            ("~route", "should start with: / (fixed path) or ~/ (regex path)"),
            ("", "should start with: / (fixed path) or ~/ (regex path)"),
            ("/a//b", "non-normalized path, consider use '/a/b' instead"),
            ("/a/%2e%2e/b", "non-normalized path, consider use '/b' instead"),
            (
                "/a%zz",
                "invalid path: '/a%zz' (path holds a '%' that is not followed by two hex digits)",
            ),
            ("/a?b", "invalid path: '/a?b' (path holds a '?' or '#')"),
            ("~/(", "invalid regex: '/(' (unclosed group)"),
            ("~/a)|(?:.*", "invalid regex: '/a)|(?:.*' (unopened group)"),
            (
                "~/a(?!b)",
                "invalid regex: '/a(?!b)' (look-around, including look-ahead and look-behind, is not supported)",
            ),
            (
                "~/(a)\\1",
                "invalid regex: '/(a)\\1' (backreferences are not supported)",
            ),
            (
                "~/(?:a{1000}){1000}",
                "invalid regex: '/(?:a{1000}){1000}' (it needs more than 1048576 bytes)",
            ),
            (
                "~/a b",
                "invalid regex: '/a b' (paths are matched with spaces and non-ASCII characters percent-encoded: \
                 write '%20' for ' ')",
            ),
        ] {
            assert_eq!(PathPattern::parse(pattern).unwrap_err(), message, "{pattern}");
        }
    }

    #[test]
    fn the_literal_start_of_a_regex_is_never_too_long() {
        for (pattern, literal) in [
            ("/users/\\d+", "/users/"),
            ("/users/(?<id>x)", "/users/"),
            ("/a/(b|c)", "/a/"),
            ("/a\\.json$", "/a.json"),
            ("/ab?c", "/a"),
            ("/ab*", "/a"),
            ("/ab+*", "/a"),
            ("/ab{0}", "/a"),
            ("/a.b", "/a"),
            ("/a[|]b", "/a"),
            ("/a\\d", "/a"),
            ("/a|/b", ""),
            ("/(a)|/b", ""),
            ("/ab[](]x|/b[])]", ""),
            ("/a#b", ""),
        ] {
            assert_eq!(literal_prefix(pattern), literal, "{pattern}");
        }
    }
}
