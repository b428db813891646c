//! Many regexes under one literal beginning (`~/v\d+/users`, `~/v\d+/orders`, …): asked by the block whether any of
//! them matches, before each of them is.

use regex::bytes::{RegexSet, RegexSetBuilder};

use super::alternative::Alternative;
use super::leaf::Entry;
use super::path_pattern::PathPattern;

/// Regexes per block: few enough for a small automaton, enough to save most of the attempts.
const SIZE: usize = 32;

/// Some neighbours among sorted entries.
#[derive(Debug)]
pub(super) struct RegexBlock {
    /// Absent where the entries are not all regexes.
    any: Option<RegexSet>,
    pub(super) entries: Vec<Entry>,
}

impl RegexBlock {
    /// Cuts sorted entries into blocks.
    pub(super) fn cut(entries: &[Entry], alternatives: &[Alternative]) -> Vec<Self> {
        let block = |entries: &[Entry]| Self {
            any: any(entries, alternatives),
            entries: entries.to_vec(),
        };
        entries.chunks(SIZE).map(block).collect()
    }

    /// False where none of the entries can match.
    pub(super) fn may_match(&self, path: &str) -> bool {
        self.any.as_ref().is_none_or(|any| any.is_match(path.as_bytes()))
    }
}

/// Where the set cannot be built (it grew too large), the regexes are simply tried: the set only saves time.
fn any(entries: &[Entry], alternatives: &[Alternative]) -> Option<RegexSet> {
    let programs = entries
        .iter()
        .map(|entry| match &alternatives[entry.alternative].path {
            PathPattern::Regex { program, .. } => Some(program.as_str()),
            PathPattern::Any | PathPattern::Prefix(_) => None,
        });
    let programs = programs.collect::<Option<Vec<&str>>>()?;
    let build = |unicode| RegexSetBuilder::new(&programs).unicode(unicode).build();
    build(false).or_else(|_| build(true)).ok()
}
