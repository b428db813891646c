//! Finds the candidates of a request: by host, then by the start of the path.

use super::alternative::Alternative;
use super::leaf::{Entry, Leaf, Search};
use super::name_index::NameIndex;
use super::prefix_trie::PrefixTrie;
use super::{Matched, Names, RequestFacts};

/// Every alternative is filed under each of its hosts (or none), and there under the text that its paths begin with.
#[derive(Debug, Default)]
pub(super) struct Index {
    hosts: NameIndex<PathIndex>,
    any_host: PathIndex,
}

#[derive(Debug)]
struct PathIndex {
    /// The best position in here: if that is not good enough, nothing is.
    best: usize,
    leaves: PrefixTrie<Leaf>,
}

impl Default for PathIndex {
    fn default() -> Self {
        Self {
            best: usize::MAX,
            leaves: PrefixTrie::default(),
        }
    }
}

impl Index {
    /// `alternatives` are sorted, best first.
    pub(super) fn new(alternatives: &[Alternative]) -> Self {
        let mut index = Self::default();
        for (position, alternative) in alternatives.iter().enumerate() {
            let begins_with = alternative.path.begins_with();
            for host in &alternative.conditions.hosts {
                let entry = Entry {
                    alternative: position,
                    port: host.port,
                };
                index.hosts.entry(&host.name).file(begins_with, entry);
            }
            if alternative.conditions.hosts.is_empty() {
                index.any_host.file(
                    begins_with,
                    Entry {
                        alternative: position,
                        port: None,
                    },
                );
            }
        }
        let buckets = index.hosts.values_mut().chain([&mut index.any_host]);
        buckets
            .flat_map(|bucket| bucket.leaves.values_mut())
            .for_each(|leaf| leaf.seal(alternatives));
        index
    }

    /// The best match of the request.
    pub(super) fn find(
        &self,
        facts: &RequestFacts<'_>,
        names: &Names<'_>,
        alternatives: &[Alternative],
    ) -> Option<Matched> {
        let mut search = Search {
            facts,
            names,
            alternatives,
            best: usize::MAX,
            found: None,
        };
        self.hosts.visit(names.host, |paths| paths.improve(&mut search));
        self.any_host.improve(&mut search);
        search.found
    }
}

impl PathIndex {
    fn file(&mut self, begins_with: &str, entry: Entry) {
        self.best = self.best.min(entry.alternative);
        self.leaves.entry(begins_with.as_bytes()).push(entry);
    }

    fn improve(&self, search: &mut Search<'_>) {
        if self.best < search.best {
            self.leaves
                .visit(search.facts.path.bytes(), |leaf| leaf.improve(search));
        }
    }
}
