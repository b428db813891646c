//! Why one route wins over another that would take the request too: what Kong's 64 bits say, in words.

use std::fmt;

/// What a winner has more of than a loser. The first that differs decides (see `priority.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advantage {
    /// More kinds of {methods, hosts, headers, paths, snis}.
    Kinds(u64, u64),
    /// Hosts, and no wildcard among them.
    PlainHosts,
    /// More header names.
    HeaderNames(u64, u64),
    /// A regex path, which goes before any prefix.
    Regex,
    /// A larger `regex_priority`.
    RegexPriority(u64, u64),
    /// A longer prefix path, in octets.
    PathLength(u64, u64),
    /// Nothing but the greater id.
    Id,
}

impl Advantage {
    /// Of the first of two priorities, which is not the smaller.
    pub fn of(winner: u64, loser: u64) -> Self {
        let part = |priority: u64, low: u32, bits: u32| priority >> low & ((1 << bits) - 1);
        let both = |low, bits| (part(winner, low, bits), part(loser, low, bits));
        let differs = |(winner, loser): (u64, u64)| winner != loser;
        let (kinds, names) = (both(61, 3), both(52, 8));
        let (regex_priority, length) = (both(19, 32), both(0, 19));
        if differs(kinds) {
            Self::Kinds(kinds.0, kinds.1)
        } else if differs(both(60, 1)) {
            Self::PlainHosts
        } else if differs(names) {
            Self::HeaderNames(names.0, names.1)
        } else if differs(both(51, 1)) {
            Self::Regex
        } else if differs(regex_priority) {
            Self::RegexPriority(regex_priority.0, regex_priority.1)
        } else if differs(length) {
            Self::PathLength(length.0, length.1)
        } else {
            Self::Id
        }
    }
}

impl fmt::Display for Advantage {
    /// As said of the loser.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kinds(more, less) => write!(f, "has {less} kinds of conditions, not {more}"),
            Self::PlainHosts => f.write_str("has a wildcard among its hosts, or no host"),
            Self::HeaderNames(more, less) => write!(f, "asks for {less} headers, not {more}"),
            Self::Regex => f.write_str("has a prefix path, not a regex"),
            Self::RegexPriority(more, less) => write!(f, "has regex_priority {less}, not {more}"),
            Self::PathLength(more, less) => write!(f, "has a path of {less} octets, not {more}"),
            Self::Id => f.write_str("is equal in all that counts, and has the smaller id"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_part_that_differs_decides() {
        for (winner, loser, advantage) in [
            (
                0x7000_0000_0000_0005,
                0x5000_0000_0000_0009,
                Advantage::Kinds(3, 2),
            ),
            (
                0x3000_0000_0000_0001,
                0x2000_0000_0000_0009,
                Advantage::PlainHosts,
            ),
            (
                0x2020_0000_0000_0000,
                0x2010_0000_0000_0009,
                Advantage::HeaderNames(2, 1),
            ),
            (0x2008_0000_0000_0000, 0x2000_0000_0000_0009, Advantage::Regex),
            (
                0x2008_0000_0010_0000,
                0x2008_0000_0008_0000,
                Advantage::RegexPriority(2, 1),
            ),
            (
                0x2000_0000_0000_0009,
                0x2000_0000_0000_0008,
                Advantage::PathLength(9, 8),
            ),
            (0x2000_0000_0000_0009, 0x2000_0000_0000_0009, Advantage::Id),
        ] {
            assert_eq!(Advantage::of(winner, loser), advantage, "{winner:#x} {loser:#x}");
        }
    }
}
