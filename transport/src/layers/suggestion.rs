//! "Did you mean": the known name that a mistyped one is nearest to.

/// No name that anybody mistypes is longer, in octets. The comparison takes time by the product of both lengths.
const LONGEST: usize = 128;

/// The candidate nearest to a word, if it is near: at most a third of the word may differ. Case, `-` and `_` do not
/// count as differences.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let wanted = folded(word);
    let most = (wanted.len() / 3).max(1);
    candidates
        .into_iter()
        // An edit changes the length by one at the most.
        .filter(|candidate| candidate.chars().count().abs_diff(wanted.len()) <= most)
        .map(|candidate| (distance(&wanted, &folded(candidate)), candidate))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn folded(word: &str) -> Vec<char> {
    word.chars()
        .map(|letter| {
            if letter == '-' {
                '_'
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect()
}

/// Edits from one word to the other; two neighbours swapped are one edit (optimal string alignment).
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from[i - 1] == *b && to[j - 1] == *a {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["address", "protocol", "target_group", "tls"];
        for (word, expected) in [
            ("adress", Some("address")),
            ("adderss", Some("address")),
            ("target-group", Some("target_group")),
            ("targetgroups", Some("target_group")),
            ("TLS", Some("tls")),
            ("tsl", Some("tls")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
        assert_eq!(nearest("a", []), None);
        let (long, longer) = ("a".repeat(LONGEST), "a".repeat(LONGEST + 1));
        assert_eq!(nearest(&long, [long.as_str()]), Some(long.as_str()));
        assert_eq!(nearest(&longer, [long.as_str()]), None);
    }
}
