//! Alternatives that share a host pattern and the start of their path. Mostly one or two; where routes differ by header
//! or SNI alone it can be all of them, and then they are looked up by those.

use std::collections::HashMap;

use super::alternative::Alternative;
use super::header_condition::FoldedName;
use super::lower_case::{LOWER_CASE_BUFFER, lower_case};
use super::name_index::NameIndex;
use super::regex_block::RegexBlock;
use super::{Matched, Names, RequestFacts};

/// Up to this many are simply walked.
const WALKED: usize = 8;

/// An alternative under one of its hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Position among the alternatives: the smaller, the better.
    pub(super) alternative: usize,
    /// The port that its host pattern asks for.
    pub(super) port: Option<u32>,
}

/// A request that looks for the best alternative that accepts it.
pub(super) struct Search<'s> {
    pub(super) facts: &'s RequestFacts<'s>,
    pub(super) names: &'s Names<'s>,
    pub(super) alternatives: &'s [Alternative],
    /// Position of the best so far, past all others where there is none.
    pub(super) best: usize,
    pub(super) found: Option<Matched>,
}

impl Search<'_> {
    /// Takes the first of the sorted entries that accepts the request, unless the best so far is better.
    fn walk(&mut self, entries: &[Entry]) {
        for entry in entries.iter().take_while(|entry| entry.alternative < self.best) {
            if entry.port.is_some_and(|port| port != self.names.port) {
                continue;
            }
            if let Some(matched) = self.alternatives[entry.alternative].judge_on_host(self.facts, self.names)
            {
                self.best = entry.alternative;
                self.found = Some(matched);
                return;
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Leaf {
    /// All of them, sorted.
    entries: Vec<Entry>,
    lookup: Lookup,
}

#[derive(Debug, Default)]
enum Lookup {
    /// Walk the entries.
    #[default]
    None,
    Same(Box<Keyed>),
    /// Over http every SNI demand is fulfilled, so that SNIs sift nothing there.
    ByScheme {
        http: Box<Keyed>,
        https: Box<Keyed>,
    },
}

impl Leaf {
    /// To be called with the best first.
    pub(super) fn push(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Builds the lookup, once all entries are there.
    pub(super) fn seal(&mut self, alternatives: &[Alternative]) {
        let some_sni = self
            .entries
            .iter()
            .any(|entry| !alternatives[entry.alternative].conditions.snis.is_empty());
        self.lookup = match (self.entries.len() > WALKED, some_sni) {
            (false, _) => Lookup::None,
            (true, false) => Lookup::Same(Keyed::new(&self.entries, alternatives, Snis::Ignored)),
            (true, true) => Lookup::ByScheme {
                http: Keyed::new(&self.entries, alternatives, Snis::Ignored),
                https: Keyed::new(&self.entries, alternatives, Snis::Compared),
            },
        };
    }

    /// Looks for something better than what the search has.
    pub(super) fn improve(&self, search: &mut Search<'_>) {
        if self
            .entries
            .first()
            .is_none_or(|first| first.alternative >= search.best)
        {
            return;
        }
        match &self.lookup {
            Lookup::None => search.walk(&self.entries),
            Lookup::Same(keyed) => keyed.improve(search),
            Lookup::ByScheme { http, https } => {
                let keyed = if search.facts.tls { https } else { http };
                keyed.improve(search);
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Snis {
    Compared,
    Ignored,
}

/// Each entry filed once: by its SNIs, or by the values of one of its headers, or unsifted.
#[derive(Debug, Default)]
struct Keyed {
    snis: NameIndex<Vec<Entry>>,
    headers: Vec<HeaderLookup>,
    unsifted: Vec<RegexBlock>,
}

#[derive(Debug)]
struct HeaderLookup {
    name: FoldedName,
    /// By value in lower case.
    by_value: HashMap<Box<[u8]>, Vec<Entry>>,
}

impl Keyed {
    fn new(entries: &[Entry], alternatives: &[Alternative], snis: Snis) -> Box<Self> {
        let mut keyed = Self::default();
        let mut unsifted = Vec::new();
        for entry in entries {
            let conditions = &alternatives[entry.alternative].conditions;
            let exact_header = conditions.headers.iter().find(|header| header.is_exact());
            if snis == Snis::Compared && !conditions.snis.is_empty() {
                conditions
                    .snis
                    .iter()
                    .for_each(|sni| keyed.snis.entry(sni).push(*entry));
            } else if let Some(header) = exact_header {
                let by_value = keyed.by_value(&header.name);
                header
                    .values
                    .iter()
                    .for_each(|value| by_value.entry(value.clone()).or_default().push(*entry));
            } else {
                unsifted.push(*entry);
            }
        }
        keyed.unsifted = RegexBlock::cut(&unsifted, alternatives);
        Box::new(keyed)
    }

    fn by_value(&mut self, name: &FoldedName) -> &mut HashMap<Box<[u8]>, Vec<Entry>> {
        let known = self.headers.iter().position(|header| header.name == *name);
        let position = known.unwrap_or_else(|| {
            self.headers.push(HeaderLookup {
                name: name.clone(),
                by_value: HashMap::new(),
            });
            self.headers.len() - 1
        });
        &mut self.headers[position].by_value
    }

    fn improve(&self, search: &mut Search<'_>) {
        if let Some(sni) = search.names.sni {
            self.snis.visit(sni, |entries| search.walk(entries));
        }
        for HeaderLookup { name, by_value } in &self.headers {
            for line in name.lines(search.facts.headers) {
                let mut buffer = LOWER_CASE_BUFFER;
                if let Some(entries) = by_value.get(&*lower_case(line, &mut buffer)) {
                    search.walk(entries);
                }
            }
        }
        for block in &self.unsifted {
            if block
                .entries
                .first()
                .is_none_or(|first| first.alternative >= search.best)
            {
                return;
            }
            if block.may_match(search.facts.path) {
                search.walk(&block.entries);
            }
        }
    }
}
