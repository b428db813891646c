//! The headers that tell an upstream of one principal: `X-Principal-<Plugin>-<What>`.
//!
//! `<Plugin>` is the plugin's name as configured, with `-` for every `_`, `.` and `~`: `mtls-auth` becomes
//! `X-Principal-Mtls-Auth-…`, `key-auth_1200` becomes `X-Principal-Key-Auth-1200-…`. All begin with a prefix that no
//! client may send, in any spelling.

use http::HeaderName;

/// The names for one principal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderNames([HeaderName; Self::COUNT]);

/// A plugin's name that no header can have in its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no header can be named after it: only ASCII letters, digits, '-', '_', '.' and '~' can")]
pub struct UnusableName;

const WHAT: [&str; HeaderNames::COUNT] = [
    "consumer-id",
    "username",
    "custom-id",
    "credential-identifier",
    "subject",
    "groups",
    "evidence",
];

impl HeaderNames {
    /// How many things are told of a principal.
    pub const COUNT: usize = 7;

    /// The names for the principal that this plugin authenticates.
    pub fn of(plugin: &str) -> Result<Self, UnusableName> {
        let usable = |letter: char| letter.is_ascii_alphanumeric() || "-_.~".contains(letter);
        if plugin.is_empty() || !plugin.chars().all(usable) {
            return Err(UnusableName);
        }
        let folded = plugin.to_ascii_lowercase().replace(['_', '.', '~'], "-");
        let mut names = WHAT.map(|_| http::header::AGE);
        for (name, what) in names.iter_mut().zip(WHAT) {
            *name = HeaderName::try_from(format!("x-principal-{folded}-{what}")).map_err(|_| UnusableName)?;
        }
        Ok(Self(names))
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter()
    }

    /// A name that both have: two plugins that no upstream could tell apart.
    pub fn shared_with(&self, other: &Self) -> Option<&HeaderName> {
        self.0.iter().find(|name| other.0.contains(name))
    }
}
