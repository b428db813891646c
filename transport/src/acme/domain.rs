//! Names that a certificate can be ordered for, and the list of those that may be.

use std::collections::HashSet;
use std::fmt;
use std::net::IpAddr;

use thiserror::Error;

/// Longest name: a little under the 253 octets of DNS, so that a file can be called after it.
const LONGEST: usize = 230;

/// A DNS name in A-labels, lower case, without the trailing dot. Never an address, never a wildcard.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Box<str>);

/// Why a name cannot be ordered for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DomainError {
    /// An IP address.
    #[error("it is an address: certificates are ordered for DNS names only")]
    Address,
    /// A wildcard where a single name is wanted.
    #[error("it is a wildcard, whose certificate takes a DNS challenge (dns-01), which is not built")]
    Wildcard,
    /// Not ASCII.
    #[error("it is not ASCII: write an international name in A-labels (xn--…)")]
    NotAscii,
    /// One label alone.
    #[error("it has no dot: no public name is a single label")]
    SingleLabel,
    /// Too long.
    #[error("it has more than {LONGEST} octets, or a label of more than 63")]
    TooLong,
    /// Other characters, empty labels.
    #[error("its labels are not letters, digits and inner hyphens")]
    Malformed,
}

impl Domain {
    /// Reads a name; a trailing dot and upper case are folded away.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        if text.parse::<IpAddr>().is_ok() || text.starts_with('[') {
            return Err(DomainError::Address);
        }
        if text.contains('*') {
            return Err(DomainError::Wildcard);
        }
        if !text.is_ascii() {
            return Err(DomainError::NotAscii);
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.len() > LONGEST || name.split('.').any(|label| label.len() > 63) {
            return Err(DomainError::TooLong);
        }
        if !name.split('.').all(is_label) {
            return Err(DomainError::Malformed);
        }
        match name.rsplit_once('.') {
            None => Err(DomainError::SingleLabel),
            // `1.2.3.4.5`: what looks like an address is not a name either (WHATWG, and what resolvers make of it).
            Some((_, last)) if last.bytes().all(|byte| byte.is_ascii_digit()) => Err(DomainError::Address),
            Some(_) => Ok(Self(name.to_ascii_lowercase().into_boxed_str())),
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_label(label: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    !label.is_empty() && !label.starts_with('-') && !label.ends_with('-') && label.bytes().all(inner)
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which names may be ordered for. An empty list allows none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    exact: HashSet<Domain>,
    /// `*.example.com` without the star and the dot.
    below: HashSet<Box<str>>,
    /// `example.*` without the dot and the star.
    before: HashSet<Box<str>>,
    anybody: bool,
}

impl AllowList {
    /// One more name.
    pub fn add(&mut self, domain: Domain) {
        self.exact.insert(domain);
    }

    /// Names below one, at any depth: `*.example.com` without the star and the dot. They are allowed, not ordered.
    pub fn add_below(&mut self, parent: &str) {
        self.below.insert(parent.to_ascii_lowercase().into_boxed_str());
    }

    /// Names that begin with these labels, whatever is behind: `example.*` without the dot and the star.
    pub fn add_before(&mut self, labels: &str) {
        self.before.insert(labels.to_ascii_lowercase().into_boxed_str());
    }

    /// Every name, whoever says it.
    pub fn allow_anybody(&mut self) {
        self.anybody = true;
    }

    /// Whether a certificate may be ordered for it.
    pub fn permits(&self, domain: &Domain) -> bool {
        let name = domain.as_str();
        let dots = || name.match_indices('.').map(|(at, _)| at);
        self.anybody
            || self.exact.contains(domain)
            || dots().any(|at| self.below.contains(&name[at + 1..]))
            || dots().any(|at| self.before.contains(&name[..at]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_or_refused_with_a_reason() {
        for (text, expected) in [
            ("a.example", Ok("a.example")),
            ("A.Example.", Ok("a.example")),
            ("xn--bcher-kva.example", Ok("xn--bcher-kva.example")),
            ("bücher.example", Err(DomainError::NotAscii)),
            ("*.a.example", Err(DomainError::Wildcard)),
            ("localhost", Err(DomainError::SingleLabel)),
            ("127.0.0.1", Err(DomainError::Address)),
            ("2130706433", Err(DomainError::SingleLabel)),
            ("1.2.3.4.5", Err(DomainError::Address)),
            ("::1", Err(DomainError::Address)),
            ("[::1]", Err(DomainError::Address)),
            ("a..example", Err(DomainError::Malformed)),
            ("", Err(DomainError::Malformed)),
            (".", Err(DomainError::Malformed)),
            ("a.example..", Err(DomainError::Malformed)),
            ("a_b.example", Err(DomainError::Malformed)),
            ("-a.example", Err(DomainError::Malformed)),
            ("../../etc.passwd", Err(DomainError::Malformed)),
            ("a/b.example", Err(DomainError::Malformed)),
            ("a.example\0", Err(DomainError::Malformed)),
        ] {
            let read = Domain::parse(text);
            assert_eq!(
                read.as_ref().map(Domain::as_str).map_err(|e| *e),
                expected,
                "{text}"
            );
        }
        let long = format!("{}.example", "a.".repeat(120));
        assert_eq!(Domain::parse(&long), Err(DomainError::TooLong));
        assert_eq!(
            Domain::parse(&format!("{}.example", "a".repeat(64))),
            Err(DomainError::TooLong)
        );
    }

    #[test]
    fn a_list_allows_what_it_has_and_nothing_that_only_looks_like_it() {
        let mut list = AllowList::default();
        list.add(Domain::parse("a.example").unwrap());
        list.add_below("b.example");
        list.add_before("c");
        for (name, expected) in [
            ("a.example", true),
            ("x.a.example", false),
            ("b.example", false),
            ("x.b.example", true),
            ("y.x.b.example", true),
            ("xb.example", false),
            ("x.b.example.org", false),
            ("x.bxexample", false),
            ("c.example", true),
            ("c.anything.test", true),
            ("x.c.example", false),
            ("cc.example", false),
        ] {
            assert_eq!(list.permits(&Domain::parse(name).unwrap()), expected, "{name}");
        }
        assert!(!AllowList::default().permits(&Domain::parse("a.example").unwrap()));
        list.allow_anybody();
        assert!(list.permits(&Domain::parse("d.example").unwrap()));
    }
}
