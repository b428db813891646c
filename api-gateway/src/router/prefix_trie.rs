//! A radix tree of octet strings: all keys that a text begins with, in one walk along the text.

/// Values by prefix. The walk costs the length of the text at most, whatever the number of keys.
#[derive(Debug)]
pub(super) struct PrefixTrie<T> {
    /// The first is the root; children refer to positions.
    nodes: Vec<Node<T>>,
}

#[derive(Debug)]
struct Node<T> {
    /// What the text must go on with, after the parent's label.
    label: Box<[u8]>,
    /// Sorted by the first octet of the child's label.
    children: Vec<(u8, usize)>,
    value: Option<T>,
}

impl<T> Default for PrefixTrie<T> {
    fn default() -> Self {
        Self { nodes: Vec::new() }
    }
}

impl<T: Default> PrefixTrie<T> {
    /// The value of a key, made where there is none yet.
    pub(super) fn entry(&mut self, key: &[u8]) -> &mut T {
        if self.nodes.is_empty() {
            self.add(&[]);
        }
        let (mut position, mut rest) = (0, key);
        while let Some((first, _)) = rest.split_first() {
            let child = match self.nodes[position].child(*first) {
                Ok(child) => self.nodes[position].children[child].1,
                Err(place) => {
                    let child = self.add(rest);
                    self.nodes[position].children.insert(place, (*first, child));
                    child
                }
            };
            let shared = rest
                .iter()
                .zip(&*self.nodes[child].label)
                .take_while(|(left, right)| left == right)
                .count();
            self.split(child, shared);
            (position, rest) = (child, &rest[shared..]);
        }
        self.nodes[position].value.get_or_insert_default()
    }

    fn add(&mut self, label: &[u8]) -> usize {
        self.nodes.push(Node {
            label: label.into(),
            children: Vec::new(),
            value: None,
        });
        self.nodes.len() - 1
    }

    /// Makes the node's label end after `length` octets; what hung on the longer label moves to a new child.
    fn split(&mut self, position: usize, length: usize) {
        let (kept, moved) = self.nodes[position].label.split_at(length);
        let Some(first) = moved.first().copied() else {
            return;
        };
        let (kept, moved) = (Box::from(kept), Box::from(moved));
        let node = &mut self.nodes[position];
        node.label = kept;
        let lower = Node {
            label: moved,
            children: std::mem::take(&mut node.children),
            value: node.value.take(),
        };
        self.nodes.push(lower);
        let lower = self.nodes.len() - 1;
        self.nodes[position].children = vec![(first, lower)];
    }
}

impl<T> PrefixTrie<T> {
    /// Calls `visit` with the value of every key that the text begins with, shortest first.
    pub(super) fn visit<'t>(&'t self, mut text: impl Iterator<Item = u8>, mut visit: impl FnMut(&'t T)) {
        let mut next = self.nodes.first();
        while let Some(node) = next {
            if let Some(value) = &node.value {
                visit(value);
            }
            next = text.next().and_then(|first| {
                let child = &self.nodes[node.children[node.child(first).ok()?].1];
                child.label[1..]
                    .iter()
                    .all(|octet| text.next() == Some(*octet))
                    .then_some(child)
            });
        }
    }

    /// All values, in no order.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.nodes.iter_mut().filter_map(|node| node.value.as_mut())
    }
}

impl<T> Node<T> {
    fn child(&self, first: u8) -> Result<usize, usize> {
        self.children.binary_search_by_key(&first, |(octet, _)| *octet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(keys: &[&str], text: &str) -> Vec<String> {
        let mut trie: PrefixTrie<String> = PrefixTrie::default();
        for key in keys {
            *trie.entry(key.as_bytes()) = (*key).to_owned();
        }
        let mut found = Vec::new();
        trie.visit(text.bytes(), |key| found.push(key.clone()));
        found
    }

    #[test]
    fn prefixes_come_shortest_first() {
        let keys = ["/", "/api/v1", "/api", "/api/v2", "/apple", "", "/b"];
        for (text, expected) in [
            ("/api/v1/users", &["", "/", "/api", "/api/v1"][..]),
            ("/api/v", &["", "/", "/api"]),
            ("/apples", &["", "/", "/apple"]),
            ("/app", &["", "/"]),
            ("/b", &["", "/", "/b"]),
            ("", &[""]),
            ("x", &[""]),
        ] {
            assert_eq!(found(&keys, text), expected, "{text}");
        }
        assert!(found(&[], "/a").is_empty());
        assert!(found(&["/ab"], "/a").is_empty());
    }

    #[test]
    fn any_set_of_keys_in_any_order_is_found() {
        for seed in 0..2_000 {
            let mut random = fastrand::Rng::with_seed(seed);
            let mut word = |most: usize| -> String {
                (0..random.usize(0..most))
                    .map(|_| random.choice(['a', 'b', 'c']).unwrap())
                    .collect()
            };
            let keys: Vec<String> = (0..12).map(|_| word(6)).collect();
            let text = word(9);
            let mut expected: Vec<&str> = keys
                .iter()
                .map(String::as_str)
                .filter(|key| text.starts_with(key))
                .collect();
            expected.sort_unstable();
            expected.dedup();
            let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
            assert_eq!(found(&keys, &text), expected, "seed {seed}");
        }
    }
}
