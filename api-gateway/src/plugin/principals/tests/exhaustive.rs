//! Everybody who can be on record, against every rule, and against what a page of plain sets says of it.

use std::collections::BTreeSet;

use super::*;

/// What one plugin has found: nobody, or a consumer or none, with groups of the credential's own or none.
type Finding = Option<(Option<&'static str>, Option<&'static str>)>;

fn possible() -> Vec<Finding> {
    let named = CONSUMERS.iter().map(|row| Some(row.0));
    let consumers: Vec<Option<&str>> = std::iter::once(None).chain(named).collect();
    let mut all = vec![None];
    for consumer in consumers {
        for groups in [None, Some(""), Some("partners"), Some("apps other")] {
            all.push(Some((consumer, groups)));
        }
    }
    all
}

/// `same`, as it is written.
const BONDS: [Option<&str>; 6] = [
    None,
    Some("consumer"),
    Some("custom_id"),
    Some("tag:org:"),
    Some("tag:env:"),
    Some("tag:ORG:"),
];
const ALLOWS: [[Option<&str>; 2]; 4] = [
    [None, None],
    [Some("partners"), None],
    [None, Some("apps partners")],
    [Some("partners apps"), Some("partners")],
];

fn bond(same: &str, keys: &[ConsumerKey]) -> Bond {
    match same.strip_prefix("tag:") {
        Some(prefix) => tags(prefix, keys),
        None if same == "consumer" => Bond::Consumer,
        None => Bond::CustomId,
    }
}

fn row(consumer: &str) -> &'static Row {
    CONSUMERS.iter().find(|row| row.0 == consumer).unwrap()
}

/// What a consumer has that `same` is about.
fn marks(same: &str, consumer: Option<&str>) -> BTreeSet<String> {
    let Some(row) = consumer.map(row) else {
        return BTreeSet::new();
    };
    match same.strip_prefix("tag:") {
        Some(prefix) => {
            let tags = row.4.iter().filter(|tag| tag.starts_with(prefix));
            tags.map(ToString::to_string).collect()
        }
        None if same == "consumer" => BTreeSet::from([row.0.to_owned()]),
        None => row.1.map(str::to_owned).into_iter().collect(),
    }
}

fn expected(
    found: &[Finding],
    same: Option<&str>,
    allow: &[Option<&str>],
    precedence: Precedence,
) -> Result<(), &'static str> {
    let Some(found) = found.iter().copied().collect::<Option<Vec<_>>>() else {
        return Err("principal_missing");
    };
    if let Some(same) = same {
        let mut common = marks(same, found[0].0);
        for (consumer, _) in &found {
            common = common.intersection(&marks(same, *consumer)).cloned().collect();
        }
        if common.is_empty() {
            return Err("principals_differ");
        }
    }
    for ((consumer, named), allow) in found.iter().zip(allow) {
        let Some(allow) = allow else { continue };
        let of_consumer = consumer.map(|consumer| row(consumer).2);
        let own = match (of_consumer, named) {
            (Some(_), Some(named)) if precedence == Precedence::AuthenticatedGroups => named,
            (Some(own), _) => own,
            (None, Some(named)) => named,
            (None, None) => "",
        };
        let allowed: BTreeSet<&str> = allow.split_whitespace().collect();
        if !own.split_whitespace().any(|group| allowed.contains(group)) {
            return Err("acl_denied");
        }
    }
    Ok(())
}

fn check(
    required: &[&'static str],
    found: &[Finding],
    (same, allow): (Option<&str>, &[Option<&str>]),
    precedence: Precedence,
) {
    let (_, keys) = consumers();
    let names: Vec<String> = required
        .iter()
        .zip(allow)
        .map(|(name, groups)| groups.map_or_else(|| (*name).to_owned(), |groups| format!("{name}:{groups}")))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plugin = Principals {
        precedence,
        ..principals(&names, same.map(|same| bond(same, &keys)))
    };
    // Somebody whom nobody asks for comes first, and has what the others may lack.
    let mut on_record: Vec<Found> = vec![("basic-auth", Some("acme"), Some("partners"))];
    for (name, one) in required.iter().zip(found) {
        on_record.extend(one.map(|(consumer, groups)| (*name, consumer, groups)));
    }
    assert_eq!(
        judge(&plugin, &on_record).map(drop),
        expected(found, same, allow, precedence),
        "{names:?} {same:?} {precedence:?}: {on_record:?}"
    );
}

#[test]
fn any_two_by_any_rule() {
    let possible = possible();
    for first in &possible {
        for second in &possible {
            for same in BONDS {
                for allow in &ALLOWS {
                    for precedence in [Precedence::ConsumersGroups, Precedence::AuthenticatedGroups] {
                        check(BOTH, &[*first, *second], (same, allow), precedence);
                    }
                }
            }
        }
    }
}

#[test]
fn any_three_by_any_bond() {
    let mut possible = possible();
    // Groups are judged one by one: what two show of them, three would not add to.
    possible.retain(|one| one.is_none_or(|(_, groups)| groups.is_none()));
    for first in &possible {
        for second in &possible {
            for third in &possible {
                for same in BONDS {
                    let found = [*first, *second, *third];
                    let rule = (same, &[None, None, None][..]);
                    check(THREE, &found, rule, Precedence::ConsumersGroups);
                }
            }
        }
    }
}
