//! Host names and server names that one pattern of a route means, or two.

/// A label that no document is likely to have.
const FRESH: &str = "somewhere";

/// A name that `pattern` means and that says nothing more than it has to.
pub(super) fn plain(pattern: &str) -> String {
    let (name, port) = split_port(pattern);
    let name = match (name.strip_prefix("*."), name.strip_suffix(".*")) {
        (Some(rest), _) => format!("{FRESH}.{rest}"),
        (None, Some(rest)) => format!("{rest}.{FRESH}"),
        (None, None) if name == "*" => FRESH.to_owned(),
        (None, None) => name.to_owned(),
    };
    with_port(name, port)
}

/// A name that no pattern is likely to mean.
pub(super) fn strange() -> String {
    format!("{FRESH}.example")
}

/// A name that both patterns mean, if there is one.
pub(super) fn meet(one: &str, other: &str) -> Option<String> {
    let ((one, port), (other, other_port)) = (split_port(one), split_port(other));
    let port = match (port, other_port) {
        (Some(port), Some(other)) if port != other => return None,
        (Some(port), _) | (None, Some(port)) => Some(port),
        (None, None) => None,
    };
    let (one, other) = (one.to_ascii_lowercase(), other.to_ascii_lowercase());
    let candidates = [
        plain(&one),
        plain(&other),
        join(&one, &other).unwrap_or_default(),
        join(&other, &one).unwrap_or_default(),
    ];
    let met = candidates
        .into_iter()
        .find(|name| !name.is_empty() && means(&one, name) && means(&other, name))?;
    Some(with_port(met, port))
}

/// `example.*` and `*.test`: something of both.
fn join(prefix: &str, suffix: &str) -> Option<String> {
    let (begin, end) = (prefix.strip_suffix(".*")?, suffix.strip_prefix("*.")?);
    Some(format!("{begin}.{end}"))
}

fn means(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(suffix), _) => name.ends_with(suffix),
        (None, Some(prefix)) => name.starts_with(prefix),
        (None, None) => name == pattern,
    }
}

/// The port that a route's host is bound to.
pub(super) fn split_port(pattern: &str) -> (&str, Option<&str>) {
    if pattern.starts_with('[') {
        return pattern.rsplit_once("]:").map_or((pattern, None), |(name, port)| {
            (&pattern[..=name.len()], Some(port))
        });
    }
    pattern
        .split_once(':')
        .map_or((pattern, None), |(name, port)| (name, Some(port)))
}

fn with_port(name: String, port: Option<&str>) -> String {
    match port {
        Some(port) => format!("{name}:{port}"),
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_patterns_meet_where_a_name_is_both() {
        for (one, other, met) in [
            ("a.test", "a.test", Some("a.test")),
            ("a.test", "b.test", None),
            ("*.test", "a.test", Some("a.test")),
            ("a.*", "a.test", Some("a.test")),
            ("*.test", "*.a.test", Some("somewhere.a.test")),
            ("a.*", "*.test", Some("a.test")),
            ("a.*", "a.b.*", Some("a.b.somewhere")),
            ("*.test", "*.example", None),
            ("*", "a.test", Some("a.test")),
            ("a.test:80", "a.test", Some("a.test:80")),
            ("*.test:80", "a.test:80", Some("a.test:80")),
            ("a.test:80", "a.test:81", None),
            ("A.test", "a.TEST", Some("a.test")),
        ] {
            assert_eq!(meet(one, other).as_deref(), met, "{one} {other}");
            assert_eq!(meet(other, one).as_deref(), met, "{other} {one}");
        }
    }

    #[test]
    fn a_plain_name_is_one_that_is_meant() {
        for (pattern, name) in [
            ("a.test", "a.test"),
            ("*.test", "somewhere.test"),
            ("a.*:80", "a.somewhere:80"),
            ("*", "somewhere"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(plain(pattern), name, "{pattern}");
        }
    }
}
