//! What may be written in a node file: names, kinds and defaults, declared once and used for the file, for the
//! environment and for the defaults.

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// What happens when nobody writes it.
    pub presence: Presence,
}

/// What happens when nobody writes a key.
#[derive(Clone, Copy, Debug)]
pub enum Presence {
    /// It is reported as missing, wherever its table is there.
    Required,
    /// It stays away.
    Optional,
    /// It has this value, in the form of the environment.
    Default(&'static str),
}

/// What the value of a key is.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// One value.
    One(Scalar),
    /// A list of values; as text comma separated.
    List(Scalar),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A table whose keys have dots in their names. They may be written in quotes or as tables in tables.
    Dotted(&'static [Key]),
    /// A table of tables with these keys, under names that the operator chooses.
    Named(&'static [Key]),
    /// A list of tables with these keys. Cannot be set from the environment.
    Tables(&'static [Key]),
}

/// What a single value is. In the file it is TOML's own type, or text ([`Spelling`]); in the environment always text.
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// Any text but the empty one.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`; as text also `on` or `off`.
    Boolean,
    /// A whole number in this range.
    Integer {
        /// Smallest.
        least: i64,
        /// Largest.
        most: i64,
    },
    /// Text such as `30s`: a whole number and one of `ms s m h d`, at most a year. Becomes a
    /// [`std::time::Duration`].
    Duration,
    /// A file, made absolute; or one of these words, which stay as they are.
    Path {
        /// Words that are no paths.
        words: &'static [&'static str],
    },
    /// Where a private key is. Becomes a [`crate::private_key::KeyReference`]; paths in it are made absolute.
    PrivateKey,
}

/// How values may be written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// In TOML's own types only: `true`, `60`, `["a", "b"]`.
    Typed,
    /// Also as the text that the environment takes: `"on"`, `"60"`, `"a, b"`. An empty text is an unset key.
    TypedOrText,
}

impl Key {
    /// A key that must be written.
    pub const fn required(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            presence: Presence::Required,
        }
    }

    /// A key that may be absent.
    pub const fn optional(name: &'static str, kind: Kind) -> Self {
        Self {
            name,
            kind,
            presence: Presence::Optional,
        }
    }

    /// A key with a default, in the form of the environment.
    pub const fn or(name: &'static str, kind: Kind, default: &'static str) -> Self {
        Self {
            name,
            kind,
            presence: Presence::Default(default),
        }
    }

    pub(super) fn is_required(&self) -> bool {
        match self.presence {
            Presence::Required => true,
            Presence::Optional | Presence::Default(_) => false,
        }
    }

    /// Its default, in the form of the environment.
    pub fn default(&self) -> Option<&'static str> {
        match self.presence {
            Presence::Default(text) => Some(text),
            Presence::Required | Presence::Optional => None,
        }
    }
}

/// The key of that name.
pub(super) fn find<'a>(keys: &'a [Key], name: &str) -> Option<&'a Key> {
    keys.iter().find(|key| key.name == name)
}

/// A path and one more level.
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}
