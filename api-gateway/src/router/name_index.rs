//! Values by name pattern: exact names in a map, wildcards in one tree read from each end.

use std::collections::HashMap;

use super::name_pattern::NamePattern;
use super::prefix_trie::PrefixTrie;

/// Values by [`NamePattern`]; finding those of a name costs the name's length, whatever the number of patterns.
#[derive(Debug)]
pub(super) struct NameIndex<T> {
    exact: HashMap<Box<[u8]>, T>,
    /// Keys are reversed.
    suffixes: PrefixTrie<T>,
    prefixes: PrefixTrie<T>,
}

impl<T> Default for NameIndex<T> {
    fn default() -> Self {
        Self {
            exact: HashMap::new(),
            suffixes: PrefixTrie::default(),
            prefixes: PrefixTrie::default(),
        }
    }
}

impl<T: Default> NameIndex<T> {
    /// The value of a pattern, made where there is none yet.
    pub(super) fn entry(&mut self, pattern: &NamePattern) -> &mut T {
        match pattern {
            NamePattern::Exact(name) => self.exact.entry(name.clone()).or_default(),
            NamePattern::Suffix(suffix) => self
                .suffixes
                .entry(&suffix.iter().rev().copied().collect::<Vec<u8>>()),
            NamePattern::Prefix(prefix) => self.prefixes.entry(prefix),
        }
    }
}

impl<T> NameIndex<T> {
    /// Calls `visit` with the value of every pattern that means `name`, which is in lower case; the exact one first.
    pub(super) fn visit<'t>(&'t self, name: &[u8], mut visit: impl FnMut(&'t T)) {
        if let Some(value) = self.exact.get(name) {
            visit(value);
        }
        self.suffixes.visit(name.iter().rev().copied(), &mut visit);
        self.prefixes.visit(name.iter().copied(), &mut visit);
    }

    /// All values, in no order.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.exact
            .values_mut()
            .chain(self.suffixes.values_mut())
            .chain(self.prefixes.values_mut())
    }
}
