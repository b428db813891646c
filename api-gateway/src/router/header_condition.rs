//! A header that a route demands.

use http::{HeaderMap, HeaderName};
use regex::bytes::{Regex, RegexBuilder};

use super::lower_case::{LOWER_CASE_BUFFER, lower_case};
use super::path_pattern::explain;

/// A program beyond this is refused rather than run on every request, in octets.
const SIZE_LIMIT: usize = 1 << 20;

/// One header name with the values of which any will do.
#[derive(Clone, Debug)]
pub(super) struct HeaderCondition {
    pub(super) name: FoldedName,
    /// In lower case.
    pub(super) values: Vec<Box<[u8]>>,
    patterns: Vec<Regex>,
}

impl HeaderCondition {
    /// Kong lower-cases values and the text of patterns alike (`~*\D` is `\d` there, and so it is here).
    pub(super) fn parse(name: &str, values: &[String]) -> Result<Self, String> {
        let name = FoldedName::parse(name)?;
        if values.is_empty() {
            return Err(format!("'{}': length must be at least 1", name.0));
        }
        let mut condition = Self {
            name,
            values: Vec::new(),
            patterns: Vec::new(),
        };
        for value in values {
            let lower = value.to_ascii_lowercase();
            match lower.strip_prefix("~*") {
                Some(pattern) => condition.patterns.push(compile(pattern)?),
                None => condition.values.push(lower.into_bytes().into()),
            }
        }
        Ok(condition)
    }

    /// Whether any line of any spelling of the header has a wanted value.
    pub(super) fn matches(&self, headers: &HeaderMap) -> bool {
        self.name.lines(headers).any(|line| {
            let mut buffer = LOWER_CASE_BUFFER;
            let value = lower_case(line, &mut buffer);
            self.values.iter().any(|wanted| **wanted == *value)
                || self.patterns.iter().any(|pattern| pattern.is_match(&value))
        })
    }

    /// Whether the condition can be looked up by value.
    pub(super) fn is_exact(&self) -> bool {
        self.patterns.is_empty()
    }
}

/// A header name in lower case with `-` for `_`: to the router `X_Team` and `x-team` are one name, as in Kong.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct FoldedName(Box<str>);

impl FoldedName {
    fn parse(name: &str) -> Result<Self, String> {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            return Err(format!("'{name}' is not a valid header name"));
        }
        let folded = name.to_ascii_lowercase().replace('_', "-");
        if folded == "host" {
            return Err(
                "cannot contain 'host' header, which must be specified in the 'hosts' attribute".into(),
            );
        }
        Ok(Self(folded.into()))
    }

    /// The values of all lines whose name folds to this one.
    pub(super) fn lines<'h>(&self, headers: &'h HeaderMap) -> impl Iterator<Item = &'h [u8]> {
        headers
            .iter()
            .filter(|(name, _)| self.is(name))
            .map(|(_, value)| value.as_bytes())
    }

    fn is(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        name.len() == self.0.len()
            && name
                .bytes()
                .zip(self.0.bytes())
                .all(|(got, wanted)| got == wanted || got == b'_' && wanted == b'-')
    }
}

fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .size_limit(SIZE_LIMIT)
        .build()
        .map_err(|error| format!("invalid regex: '{pattern}' ({})", explain(&error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(name: &str, values: &[&str]) -> Result<HeaderCondition, String> {
        HeaderCondition::parse(name, &values.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let parsed = lines.iter().map(|(name, value)| {
            (
                name.parse::<HeaderName>().unwrap(),
                http::HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            )
        });
        let mut map = HeaderMap::new();
        parsed.for_each(|(name, value)| {
            map.append(name, value);
        });
        map
    }

    #[test]
    fn any_line_of_any_spelling_will_do() {
        let long = "V".repeat(300);
        for (values, lines, expected) in [
            (&["blue"][..], &[("x-team", "blue")][..], true),
            (&["blue"], &[("x_team", "blue")], true),
            (&["blue"], &[("X-TEAM", "BLUE")], true),
            (&["Blue"], &[("x-team", "blue")], true),
            (&["blue"], &[("x-team", "red"), ("x_team", "blue")], true),
            (&["blue", "green"], &[("x-team", "green")], true),
            (&["blue"], &[("x-team", "bluer")], false),
            (&["blue"], &[("x-teams", "blue")], false),
            (&["blue"], &[("xxteam", "blue")], false),
            (&["blue"], &[], false),
            (&[&long], &[("x-team", &long)], true),
            (&["~*^b.*e$"], &[("x-team", "BLUE")], true),
            (&["~*^B.*E$"], &[("x-team", "blue")], true),
            (&["~*lu"], &[("x-team", "blue")], true),
            (&["~*^lu"], &[("x-team", "blue")], false),
            (&["~*^\\D+$"], &[("x-team", "123")], true),
            (&["~*^\\D+$"], &[("x-team", "blue")], false),
        ] {
            let condition = condition("X-Team", values).unwrap();
            assert_eq!(
                condition.matches(&headers(lines)),
                expected,
                "{values:?} {lines:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_matched_is_refused() {
        for (name, values, message) in [
            ("x-a", &[][..], "length must be at least 1"),
            ("Host", &["a"], "'hosts' attribute"),
            ("x a", &["a"], "not a valid header name"),
            ("x-a", &["~*(?=a)"], "invalid regex: '(?=a)' (look-around"),
        ] {
            let error = condition(name, values).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }
}
