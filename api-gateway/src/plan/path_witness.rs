//! Paths for regular expressions: for every set of them that one path can satisfy, the shortest such path.
//!
//! All expressions of both documents, and the plain paths that begin like one of them, are one automaton. Whatever a path
//! satisfies by its beginning it satisfies for good, so a state of the automaton says which of them the path so far
//! satisfies, and every set that there is belongs to some state. States are visited breadth first: the first path to a set
//! is a shortest one.

use std::collections::{HashSet, VecDeque};

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input, MatchKind};

use crate::router::path::normalise;

/// States that are visited at most, and octets that they may take.
const MOST_STATES: usize = 60_000;
const MOST_OCTETS: usize = 256 << 20;
/// Longest path.
const LONGEST: usize = 256;
/// Octets of a path, those that a reader would write first. A percent sign begins an escape, which is not tried.
const ALPHABET: &[u8] = b"a1/b0cxdefghijklmnopqrstuvwyz23456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-_.~!$&'()*+,;=:@";

/// A path, and the positions of the patterns that it satisfies.
pub(super) struct PathWitness {
    pub(super) path: String,
    pub(super) satisfied: Vec<usize>,
}

/// Where a state was reached from, and by which octet.
#[derive(Clone, Copy)]
struct Step {
    before: Option<usize>,
    octet: u8,
    length: usize,
}

/// For these patterns, each anchored at the start of the path only, a path for every set of them; where there are too many
/// states, for as many sets as were found.
pub(super) fn witnesses(patterns: &[String]) -> Vec<PathWitness> {
    [false, true]
        .into_iter()
        .find_map(|unicode| automaton(patterns, unicode))
        .and_then(|automaton| search(&automaton))
        .unwrap_or_default()
}

fn automaton(patterns: &[String], unicode: bool) -> Option<DFA> {
    let lasting: Vec<String> = patterns
        .iter()
        .map(|pattern| format!("(?:{pattern})(?s-u:.*)"))
        .collect();
    DFA::builder()
        .configure(
            DFA::config()
                .match_kind(MatchKind::All)
                .cache_capacity(MOST_OCTETS)
                .minimum_cache_clear_count(Some(0)),
        )
        .syntax(syntax::Config::new().unicode(unicode).utf8(false))
        .thompson(thompson::Config::new().utf8(false))
        .build_many(&lasting)
        .ok()
}

fn search(automaton: &DFA) -> Option<Vec<PathWitness>> {
    let mut cache = automaton.create_cache();
    let input = Input::new(b"").anchored(Anchored::Yes);
    let start = automaton.start_state_forward(&mut cache, &input).ok()?;
    let start = automaton.next_state(&mut cache, start, b'/').ok()?;
    let first = Step {
        before: None,
        octet: b'/',
        length: 1,
    };
    let mut steps = vec![first];
    let mut seen: HashSet<LazyStateID> = HashSet::from([start]);
    let mut queue = VecDeque::from([(start, 0)]);
    let mut found: Vec<PathWitness> = Vec::new();
    let mut sets: HashSet<Vec<usize>> = HashSet::new();
    while let Some((state, at)) = queue.pop_front() {
        let Ok(satisfied) = satisfied(automaton, &mut cache, state) else {
            break;
        };
        if !satisfied.is_empty() && !sets.contains(&satisfied) {
            let path = path(&steps, at);
            if normalise(&path).is_ok_and(|normal| normal == path) {
                sets.insert(satisfied.clone());
                found.push(PathWitness { path, satisfied });
            }
        }
        if steps[at].length >= LONGEST || steps.len() >= MOST_STATES {
            continue;
        }
        for octet in ALPHABET {
            // No normal path has an empty segment.
            if *octet == b'/' && steps[at].octet == b'/' {
                continue;
            }
            let Ok(next) = automaton.next_state(&mut cache, state, *octet) else {
                return Some(found);
            };
            if !next.is_dead() && !next.is_quit() && seen.insert(next) {
                let step = Step {
                    before: Some(at),
                    octet: *octet,
                    length: steps[at].length + 1,
                };
                queue.push_back((next, steps.len()));
                steps.push(step);
            }
        }
    }
    Some(found)
}

/// The patterns that a path satisfies that ends in a state.
fn satisfied(automaton: &DFA, cache: &mut Cache, state: LazyStateID) -> Result<Vec<usize>, ()> {
    let end = automaton.next_eoi_state(cache, state).map_err(drop)?;
    if !end.is_match() {
        return Ok(Vec::new());
    }
    let count = automaton.match_len(cache, end);
    let mut all: Vec<usize> = (0..count)
        .map(|index| automaton.match_pattern(cache, end, index).as_usize())
        .collect();
    all.sort_unstable();
    Ok(all)
}

fn path(steps: &[Step], at: usize) -> String {
    let mut octets = Vec::with_capacity(steps[at].length);
    let mut next = Some(at);
    while let Some(step) = next.and_then(|at| steps.get(at)) {
        octets.push(char::from(step.octet));
        next = step.before;
    }
    octets.iter().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[&str]) -> Vec<(String, Vec<usize>)> {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        let witnesses = witnesses(&patterns).into_iter();
        let mut found: Vec<_> = witnesses
            .map(|PathWitness { path, satisfied }| (path, satisfied))
            .collect();
        found.sort();
        found
    }

    #[test]
    fn every_set_of_patterns_that_a_path_can_satisfy_has_a_path() {
        for (patterns, expected) in [
            // Narrowed.
            (
                &[r"/a/\d+", r"/a/\d{3}"][..],
                &[("/a/1", &[0][..]), ("/a/111", &[0, 1])][..],
            ),
            // Meeting in what no sample of either has.
            (
                &["/[a-f]+z$", "/[d-k]+z$"],
                &[("/az", &[0]), ("/dz", &[0, 1]), ("/gz", &[1])],
            ),
            // A plain path within.
            (
                &["/x/.*/y", "/x/q"],
                &[("/x/a/y", &[0]), ("/x/q", &[1]), ("/x/q/y", &[0, 1])],
            ),
            (&["/a|/b", "/a"], &[("/a", &[0, 1]), ("/b", &[0])]),
            // Ends that must be there.
            (&["/v1$", "/v1"], &[("/v1", &[0, 1]), ("/v1a", &[1])]),
        ] {
            let expected: Vec<(String, Vec<usize>)> = expected
                .iter()
                .map(|(path, set)| ((*path).to_owned(), set.to_vec()))
                .collect();
            assert_eq!(found(patterns), expected, "{patterns:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_or_grows_too_large_has_what_was_found() {
        assert!(found(&["/("]).is_empty());
        let large = r"/(a|b)*a(a|b){40}$";
        assert!(found(&[large, "/c"]).iter().any(|(path, _)| path == "/c"));
    }
}
