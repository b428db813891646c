//! The tags of one prefix, as numbers: which consumer has which.

use std::collections::HashMap;

use crate::consumer::ConsumerKey;

/// Tags that begin with a prefix, and their bearers. Made when the document is compiled, shared by all who ask for it.
#[derive(Debug, Default)]
pub struct Tags {
    prefix: Box<str>,
    by_consumer: HashMap<ConsumerKey, Box<[u32]>>,
}

impl Tags {
    /// Those of these consumers. A tag is compared octet by octet.
    pub fn with_prefix<'t, T>(prefix: &str, consumers: impl Iterator<Item = (ConsumerKey, T)>) -> Self
    where
        T: Iterator<Item = &'t str>,
    {
        let mut numbers: HashMap<&'t str, u32> = HashMap::new();
        let mut by_consumer = HashMap::new();
        for (consumer, tags) in consumers {
            let own: Box<[u32]> = tags
                .filter(|tag| tag.starts_with(prefix))
                .map(|tag| {
                    let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                    *numbers.entry(tag).or_insert(next)
                })
                .collect();
            if !own.is_empty() {
                by_consumer.insert(consumer, own);
            }
        }
        Self {
            prefix: prefix.into(),
            by_consumer,
        }
    }

    /// What they begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Whether nobody has one.
    pub fn is_empty(&self) -> bool {
        self.by_consumer.is_empty()
    }

    /// The numbers of those that a consumer has.
    pub fn of(&self, consumer: ConsumerKey) -> &[u32] {
        self.by_consumer.get(&consumer).map_or(&[], |own| own)
    }

    /// Whether there is one that all of these have. Nobody has none in common.
    pub fn any_in_common<I>(&self, consumers: impl Fn() -> I) -> bool
    where
        I: Iterator<Item = ConsumerKey>,
    {
        let Some(first) = consumers().next() else {
            return false;
        };
        self.of(first).iter().any(|tag| {
            consumers()
                .skip(1)
                .all(|consumer| self.of(consumer).contains(tag))
        })
    }
}
