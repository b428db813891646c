//! A text that a path regex takes: to ask the router where such a request goes.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// A sample is for people to read, and repetitions of repetitions multiply.
const LONGEST: usize = 256;

/// A short text that the pattern (without its `~`) takes, where one is easily found. Look-around is not looked at:
/// whoever uses the sample has to match it.
pub(super) fn of(pattern: &str) -> Option<String> {
    let parse = |unicode| {
        let mut builder = ParserBuilder::new();
        builder.unicode(unicode).utf8(false).build().parse(pattern).ok()
    };
    let mut sample = String::new();
    append(&parse(false).or_else(|| parse(true))?, &mut sample)?;
    Some(sample)
}

fn append(pattern: &Hir, sample: &mut String) -> Option<()> {
    if sample.len() > LONGEST {
        return None;
    }
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => sample.push_str(std::str::from_utf8(&literal.0).ok()?),
        HirKind::Class(class) => sample.push(member(class)?),
        HirKind::Repetition(repetition) => {
            for _ in 0..repetition.min {
                append(&repetition.sub, sample)?;
            }
        }
        HirKind::Capture(capture) => append(&capture.sub, sample)?,
        HirKind::Concat(parts) => parts.iter().try_for_each(|part| append(part, sample))?,
        HirKind::Alternation(branches) => append(branches.first()?, sample)?,
    }
    Some(())
}

/// A character of a class that may stand in a path as it is, one that people would write if there is one.
fn member(class: &Class) -> Option<char> {
    let takes = |wanted: char| match class {
        Class::Unicode(class) => class
            .ranges()
            .iter()
            .any(|range| (range.start()..=range.end()).contains(&wanted)),
        Class::Bytes(class) => {
            let octet = u8::try_from(wanted).ok();
            octet.is_some_and(|octet| {
                class
                    .ranges()
                    .iter()
                    .any(|range| (range.start()..=range.end()).contains(&octet))
            })
        }
    };
    let readable = ['1', 'a', 'A'].into_iter();
    readable
        .chain('0'..='9')
        .chain('a'..='z')
        .chain('A'..='Z')
        .chain("-._~/".chars())
        .find(|one| takes(*one))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_taken_by_its_pattern() {
        for (pattern, sample) in [
            (r"/users/\d+$", Some("/users/1")),
            (r"/users/(?<id>[^/]+)/orders", Some("/users/1/orders")),
            (r"/a.*", Some("/a")),
            (r"/(?i)admin", Some("/Admin")),
            (r"/v[12]{3}/(b|c)?", Some("/v111/")),
            (r"/[\x00-\x1f]", None),
            (r"/(", None),
            (r"/(((a{100}){100}){100})", None),
        ] {
            let found = of(pattern);
            if let Some(found) = &found {
                let program = regex::Regex::new(&format!("^(?:{pattern})")).unwrap();
                assert!(program.is_match(found), "{pattern} {found}");
            }
            assert_eq!(
                found.as_deref().map(str::to_ascii_lowercase),
                sample.map(str::to_ascii_lowercase),
                "{pattern}"
            );
        }
    }
}
