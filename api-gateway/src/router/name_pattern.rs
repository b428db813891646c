//! A DNS name as routes write it in `hosts` and `snis`: exact, or with one wildcard at an end.

/// A name to compare with; kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NamePattern {
    /// `example.com`
    Exact(Box<[u8]>),
    /// `*.example.com`, kept as `.example.com`: a plain suffix, so that it stands for labels at any depth. A bare `*`
    /// is the empty suffix.
    Suffix(Box<[u8]>),
    /// `example.*`, kept as `example.`: a plain prefix.
    Prefix(Box<[u8]>),
}

impl NamePattern {
    /// Errors carry Kong's wording.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.is_empty() {
            return Err("length must be at least 1");
        }
        let lower = text.to_ascii_lowercase();
        let kept = |part: &str| Box::from(part.as_bytes());
        match lower.matches('*').count() {
            0 => Ok(Self::Exact(kept(&lower))),
            1 if lower == "*" => Ok(Self::Suffix(kept(""))),
            1 => match (lower.strip_prefix('*'), lower.strip_suffix('*')) {
                (Some(rest), _) if rest.starts_with('.') => Ok(Self::Suffix(kept(rest))),
                (_, Some(rest)) if rest.ends_with('.') => Ok(Self::Prefix(kept(rest))),
                (Some(_) | None, Some(_) | None) => Err("wildcard must be leftmost or rightmost character"),
            },
            _ => Err("only one wildcard must be specified"),
        }
    }

    /// Whether a name, in lower case, is meant.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Exact(exact) => **exact == *name,
            Self::Suffix(suffix) => name.ends_with(suffix),
            Self::Prefix(prefix) => name.starts_with(prefix),
        }
    }

    /// Exact names weigh more than wildcards (Kong's "plain hosts only" bit).
    pub(super) fn is_exact(&self) -> bool {
        matches!(self, Self::Exact(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_kong_compares_them() {
        for (pattern, name, expected) in [
            ("example.com", "example.com", true),
            ("Example.COM", "example.com", true),
            ("example.com", "www.example.com", false),
            ("example.com", "example.com.", false),
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", "badexample.com", false),
            ("example.*", "example.com", true),
            ("example.*", "example.co.uk", true),
            ("example.*", "examples.com", false),
            ("*", "anything", true),
        ] {
            let parsed = NamePattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(name.as_bytes()), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn misplaced_wildcards_are_refused() {
        for (pattern, message) in [
            ("", "length must be at least 1"),
            ("*.example.*", "only one wildcard must be specified"),
            ("a.*.com", "wildcard must be leftmost or rightmost character"),
            ("*example.com", "wildcard must be leftmost or rightmost character"),
            ("example*", "wildcard must be leftmost or rightmost character"),
        ] {
            assert_eq!(NamePattern::parse(pattern), Err(message), "{pattern}");
        }
    }
}
