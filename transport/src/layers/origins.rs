//! Where each key was written: the place to blame, long after the layers were merged.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::iter;
use std::sync::Arc;

use crate::finding::Origin;

/// A value together with the places of the keys it was made from.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The value.
    pub settings: T,
    origins: Origins,
}

impl<T> Loaded<T> {
    /// Joins a value and the places of its keys.
    pub fn new(settings: T, origins: Origins) -> Self {
        Self { settings, origins }
    }

    /// Where a key was written: `listeners.public.tls.certificate`, `targets[1]`. See [`Origins::of`].
    pub fn origin(&self, path: &str) -> Origin {
        self.origins.of(path)
    }

    /// Whether anybody wrote the key, rather than leaving it at its default.
    pub fn is_written(&self, path: &str) -> bool {
        self.origins.is_written(path)
    }
}

/// The places of all keys of all layers. A later layer hides an earlier one, key by key; a list as a whole.
#[derive(Clone, Debug, Default)]
pub struct Origins {
    layers: Vec<BTreeMap<String, Origin>>,
    file: Option<Arc<str>>,
}

impl Origins {
    pub(super) fn set_file(&mut self, file: Arc<str>) {
        self.file = Some(file);
    }

    pub(super) fn add(&mut self, layer: BTreeMap<String, Origin>) {
        self.layers.push(layer);
    }

    /// Where a key was written. For a key that nobody wrote: the nearest table around it that somebody did write,
    /// else the file as such, else no place. For an element of a list that was written as one text: that text.
    pub fn of(&self, path: &str) -> Origin {
        let mut wanted = Some(path);
        while let Some(path) = wanted {
            if let Some(origin) = self.owner(path).and_then(|layer| layer.get(path)) {
                return origin.clone();
            }
            wanted = path.rfind(['.', '[']).map(|end| &path[..end]);
        }
        self.file
            .as_ref()
            .map_or(Origin::Node, |file| Origin::Whole(Arc::clone(file)))
    }

    /// Whether anybody wrote the key.
    pub fn is_written(&self, path: &str) -> bool {
        self.owner(path).is_some_and(|layer| layer.contains_key(path))
    }

    /// The last layer that has the key, or the list in which it is: a list hides the elements of the layers before.
    fn owner(&self, path: &str) -> Option<&BTreeMap<String, Origin>> {
        let list = path.split_once('[').map_or(path, |(list, _)| list);
        self.layers.iter().rev().find(|layer| layer.contains_key(list))
    }
}

/// Turns byte offsets of a text into lines and columns. Offsets that are asked for in the order of the text cost one
/// walk over it together, however many there are.
pub(super) struct Lines<'a> {
    text: &'a str,
    file: Arc<str>,
    /// Where each line starts.
    starts: Vec<usize>,
    /// The offset that was asked for last, and its column.
    last: Cell<(usize, usize)>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, file: Arc<str>) -> Self {
        let ends = text.match_indices('\n');
        Self {
            text,
            file,
            starts: iter::once(0).chain(ends.map(|(end, _)| end + 1)).collect(),
            last: Cell::new((0, 1)),
        }
    }

    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// The place of a byte offset; the end of the text for one beyond it.
    pub(super) fn place(&self, offset: usize) -> Origin {
        let end = self.text.get(..offset).unwrap_or(self.text).len();
        let line = self.starts.partition_point(|start| *start <= end);
        let start = self.starts.get(line - 1).copied().unwrap_or_default();
        let (known, column) = match self.last.get() {
            last @ (known, _) if (start..=end).contains(&known) => last,
            _ => (start, 1),
        };
        let column = column + self.text.get(known..end).unwrap_or_default().chars().count();
        self.last.set((end, column));
        Origin::File {
            file: Arc::clone(&self.file),
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(line: u32, column: u32) -> Origin {
        Origin::File {
            file: "a.toml".into(),
            line,
            column,
        }
    }

    #[test]
    fn offsets_become_lines_and_columns_in_characters() {
        let lines = Lines::new("a\nü = 1\n", "a.toml".into());
        let asked = [
            (0, 1, 1),
            (1, 1, 2),
            (2, 2, 1),
            (4, 2, 2),
            (99, 3, 1),
            (3, 3, 1), // inside of a letter: as if beyond the end
            (4, 2, 2),
            (1, 1, 2),
        ];
        for (offset, line, column) in asked {
            assert_eq!(lines.place(offset), file(line, column), "offset {offset}");
        }
    }

    #[test]
    fn the_last_layer_that_wrote_a_key_is_blamed() {
        let variable = Origin::Environment("EDGE_PROXY_A__C".into());
        let mut origins = Origins::default();
        origins.set_file("a.toml".into());
        origins.add(BTreeMap::from([
            ("a".to_owned(), file(1, 1)),
            ("a.b".to_owned(), file(2, 1)),
            ("a.c".to_owned(), file(3, 1)),
            ("a.c[0]".to_owned(), file(3, 5)),
        ]));
        origins.add(BTreeMap::from([("a.c".to_owned(), variable.clone())]));
        for (path, expected) in [
            ("a.b", file(2, 1)),
            ("a.c", variable.clone()),
            ("a.c[0]", variable),
            ("a.unwritten", file(1, 1)),
            ("a.unwritten.deeper[3].key", file(1, 1)),
            ("elsewhere", Origin::Whole("a.toml".into())),
        ] {
            assert_eq!(origins.of(path), expected, "{path}");
        }
        assert!(origins.is_written("a.b") && !origins.is_written("a.unwritten"));
        assert_eq!(Origins::default().of("a"), Origin::Node);
    }
}
