//! Texts that a path regex matches: `check` and `plan` show requests that take a route.

use std::collections::HashSet;

use regex_syntax::Parser;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Samples per expression.
const MOST: usize = 8;
/// Longest sample, in octets.
const LONGEST: usize = 512;
/// A class with so many members is meant as a list.
const SMALL: usize = 4;
/// What a class is sampled by, if it has it: what a reader would write.
const LIKELY: &[u8] = b"a1b0cxAZ-_./ ";

/// A text that matches from the start and may stand in a path as it is, where one is easily found.
pub(crate) fn plain_sample(pattern: &str) -> Option<String> {
    plain_samples(pattern).next()
}

/// The samples that may stand in a path as they are: one of each branch, if there are not too many.
pub(crate) fn plain_samples(pattern: &str) -> impl Iterator<Item = String> {
    let is_plain = |text: &String| {
        text.bytes()
            .all(|octet| octet.is_ascii_alphanumeric() || b"-._~/".contains(&octet))
    };
    samples(pattern).into_iter().filter(is_plain)
}

/// Some texts that match from the start, the shortest ways first; none for an expression that cannot be read.
pub(crate) fn samples(pattern: &str) -> Vec<String> {
    let read = |unicode| {
        let mut builder = regex_syntax::ParserBuilder::new();
        let mut parser = builder.unicode(unicode).utf8(false).build();
        parser.parse(pattern).ok()
    };
    let parsed = read(false).or_else(|| Parser::new().parse(pattern).ok());
    let mut samples: Vec<String> = parsed
        .map(|hir| texts(&hir))
        .unwrap_or_default()
        .into_iter()
        .filter_map(|text| String::from_utf8(text).ok())
        .collect();
    samples.dedup();
    samples
}

fn texts(hir: &Hir) -> Vec<Vec<u8>> {
    match hir.kind() {
        // Where an assertion does not hold, the request takes no route, and nothing is claimed for it.
        HirKind::Empty | HirKind::Look(_) => vec![Vec::new()],
        HirKind::Literal(literal) => vec![literal.0.to_vec()],
        HirKind::Class(class) => members(class),
        HirKind::Repetition(repetition) => {
            let once = texts(&repetition.sub);
            let least = repetition.min;
            let most = repetition.max.unwrap_or(least.saturating_add(1));
            let counts = [least, least.saturating_add(1).min(most)];
            let mut all: Vec<Vec<u8>> = Vec::new();
            for count in counts {
                let count = count as usize;
                let short = once
                    .iter()
                    .filter(|text| text.len().saturating_mul(count) <= LONGEST);
                all.extend(short.map(|text| text.repeat(count)));
            }
            bounded(all)
        }
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Concat(parts) => parts.iter().fold(vec![Vec::new()], |begun, part| {
            let ends = texts(part);
            let joined = ends
                .iter()
                .flat_map(|end| begun.iter().map(move |begin| [begin.as_slice(), end].concat()));
            bounded(joined.filter(|text| text.len() <= LONGEST).collect())
        }),
        HirKind::Alternation(branches) => {
            let mut all: Vec<Vec<u8>> = Vec::new();
            let mut each: Vec<_> = branches.iter().map(|branch| texts(branch).into_iter()).collect();
            // One of every branch before a second of any.
            while all.len() < MOST {
                let before = all.len();
                all.extend(each.iter_mut().filter_map(Iterator::next));
                if all.len() == before {
                    break;
                }
            }
            bounded(all)
        }
    }
}

fn bounded(all: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut all = distinct(all);
    all.truncate(MOST);
    all
}

fn distinct(mut all: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut seen = HashSet::new();
    all.retain(|text| seen.insert(text.clone()));
    all
}

/// Some members of a class, the likely ones first: all of a small one, as `(a|b|c)` is read as one.
fn members(class: &Class) -> Vec<Vec<u8>> {
    let has = |octet: u8| match class {
        Class::Bytes(class) => class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&octet)),
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&char::from(octet))),
    };
    let likely = LIKELY.iter().copied().chain(b'!'..=b'~');
    let found: Vec<Vec<u8>> = likely
        .filter(|octet| has(*octet))
        .map(|octet| vec![octet])
        .collect();
    let mut found = distinct(found);
    found.truncate(if found.len() <= SMALL { SMALL } else { 2 });
    if found.is_empty() {
        let first = match class {
            Class::Bytes(class) => class.ranges().first().map(|range| vec![range.start()]),
            Class::Unicode(class) => class
                .ranges()
                .first()
                .map(|range| range.start().to_string().into_bytes()),
        };
        found.extend(first);
    }
    found
}

#[cfg(test)]
mod tests {
    use regex::bytes::Regex;

    use super::*;

    #[test]
    fn samples_match() {
        for pattern in [
            r"/users/\d+",
            r"/users/(?<id>[^/]+)/orders$",
            r"/(a|b|c)/x",
            r"/a{2,3}b?",
            r"/v\d+/[a-z]{3}",
            r"/(?i)ab",
            r"/\p{L}+",
            r"/a|/b",
            r"/x.*y",
        ] {
            let samples = samples(pattern);
            assert!(!samples.is_empty(), "{pattern}");
            let regex = Regex::new(&format!("^(?:{pattern})")).unwrap();
            for sample in samples {
                assert!(regex.is_match(sample.as_bytes()), "{pattern} {sample:?}");
            }
        }
    }

    #[test]
    fn every_branch_is_sampled() {
        let found = samples("/(a|b|c)");
        assert_eq!(found, ["/a", "/b", "/c"]);
    }

    #[test]
    fn a_plain_sample_is_what_people_write() {
        for (pattern, sample) in [
            (r"/users/\d+$", Some("/users/1")),
            (r"/users/(?<id>[^/]+)/orders", Some("/users/a/orders")),
            (r"/a.*", Some("/a")),
            (r"/v[12]{3}/(b|c)?", Some("/v111/")),
            (r"/[\x00-\x1f]", None),
            (r"/(", None),
            (r"/(((a{100}){100}){100})", None),
            (r"/(a{1000}){1000}", None),
        ] {
            assert_eq!(plain_sample(pattern).as_deref(), sample, "{pattern}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_is_too_long_has_none() {
        assert_eq!(samples("/("), Vec::<String>::new());
        assert_eq!(samples("/a{1000}"), Vec::<String>::new());
    }
}
