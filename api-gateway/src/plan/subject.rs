//! Subjects as `authenticated_group_by: DN` writes them, read back: a group of that name needs a certificate that has it.

use rcgen::{DistinguishedName, DnType};

/// The attributes that a subject in a document is likely to have.
const TYPES: [(&str, &[u64]); 10] = [
    ("CN", &[2, 5, 4, 3]),
    ("O", &[2, 5, 4, 10]),
    ("OU", &[2, 5, 4, 11]),
    ("C", &[2, 5, 4, 6]),
    ("L", &[2, 5, 4, 7]),
    ("ST", &[2, 5, 4, 8]),
    ("STREET", &[2, 5, 4, 9]),
    ("serialNumber", &[2, 5, 4, 5]),
    ("DC", &[0, 9, 2342, 19_200_300, 100, 1, 25]),
    ("UID", &[0, 9, 2342, 19_200_300, 100, 1, 1]),
];

/// The one common name of a subject.
pub(super) fn common_name(subject: &str) -> Option<String> {
    let mut names = attributes(subject)?.into_iter().filter(|(kind, _)| *kind == "CN");
    match (names.next(), names.next()) {
        (Some((_, name)), None) => Some(name),
        (Some(_) | None, _) => None,
    }
}

/// The subject for a certificate; `None` if it is none, or has what is not in the list.
pub(super) fn parse(subject: &str) -> Option<DistinguishedName> {
    let mut name = DistinguishedName::new();
    // The most specific is written first and stands last.
    for (kind, value) in attributes(subject)?.into_iter().rev() {
        let (_, identifier) = TYPES.iter().find(|(known, _)| *known == kind)?;
        name.push(DnType::from_oid(identifier), value);
    }
    Some(name)
}

fn attributes(subject: &str) -> Option<Vec<(&str, String)>> {
    let mut parts: Vec<&str> = Vec::new();
    let (mut begin, mut is_escaped) = (0, false);
    for (at, character) in subject.char_indices() {
        match character {
            ',' if !is_escaped => {
                parts.push(&subject[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    parts.push(&subject[begin..]);
    let attribute = |part: &'_ str| {
        let (kind, value) = part.split_once('=')?;
        let mut plain = String::with_capacity(value.len());
        let mut characters = value.chars();
        while let Some(character) = characters.next() {
            plain.push(if character == '\\' {
                characters.next()?
            } else {
                character
            });
        }
        Some((kind.len(), plain))
    };
    parts
        .into_iter()
        .map(|part| attribute(part).map(|(length, value)| (&part[..length], value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_read_as_they_are_written() {
        for (subject, common) in [
            ("CN=alice", Some("alice")),
            ("CN=alice,O=Example\\, Inc.", Some("alice")),
            ("O=Example,C=DE", None),
            ("CN=a,CN=b", None),
            ("partners", None),
        ] {
            assert_eq!(common_name(subject).as_deref(), common, "{subject}");
        }
        assert!(parse("partners").is_none());
        assert!(parse("X=unknown").is_none());
        assert!(parse("CN=alice,OU=x,O=Example\\, Inc.").is_some());
    }
}
