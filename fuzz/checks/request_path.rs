//! A request's path: one form, once and for all, and never out of the service that it is joined to.

use api_gateway::router::MatchedPath;
use api_gateway::router::path::{normalise, normalised_route_path};
use api_gateway::router::upstream_path::{StripPath, stripped_prefix, upstream_path};

const SERVICE: &str = "/service";

/// The octets are a path as a client sends it. Longer ones are refused before they come here.
pub(crate) fn check(octets: &[u8]) {
    let Ok(raw) = str::from_utf8(octets) else { return };
    if raw.len() > 64 * 1024 {
        return;
    }
    let _ = normalised_route_path(raw);
    let Ok(normal) = normalise(raw) else { return };
    assert_eq!(
        normalise(&normal).as_deref(),
        Ok(&*normal),
        "not in its own form: {raw:?}"
    );
    assert!(
        normal.len() <= 3 * raw.len() + 1,
        "{} became {}",
        raw.len(),
        normal.len()
    );
    is_normal(&normal, raw);
    assert!(normalised_route_path(&normal).is_none(), "{normal:?}");
    // Every match that a prefix can be, and those that only a regex can be, in short paths; in long ones a few.
    let step = normal.len() / 64 + 1;
    for length in (0..=normal.len()).step_by(step) {
        stays_below_its_service(&normal, length);
    }
}

fn is_normal(normal: &str, raw: &str) {
    assert!(normal.starts_with('/'), "{raw:?}");
    assert!(!normal.contains("//"), "{raw:?}: {normal:?}");
    let printable = |octet: u8| (0x21..=0x7e).contains(&octet) && !b"?#\\\"".contains(&octet);
    assert!(normal.bytes().all(printable), "{raw:?}: {normal:?}");
    has_no_parent(normal);
}

/// Not even to a reader who decodes once more and takes a backslash for a slash.
fn has_no_parent(path: &str) {
    let decoded = path.replace("%2F", "/").replace("%5C", "/");
    assert!(!decoded.split('/').any(|segment| segment == ".."), "{path:?}");
    assert!(!path.contains("%00"), "{path:?}");
}

fn stays_below_its_service(normal: &str, length: usize) {
    for matched in [MatchedPath::Prefix(length), MatchedPath::Regex(length)] {
        let stripped = upstream_path(Some(SERVICE), normal, matched, StripPath::Strip);
        assert!(stripped.starts_with(SERVICE), "{normal:?} {length}: {stripped:?}");
        has_no_parent(&stripped);
        let prefix = stripped_prefix(normal, matched, StripPath::Strip).unwrap_or_default();
        assert!(normal.starts_with(prefix), "{normal:?} {length}: {prefix:?}");
        let kept = upstream_path(Some(SERVICE), normal, matched, StripPath::Keep);
        let whole = if normal == "/" { "" } else { normal };
        assert_eq!(kept, format!("{SERVICE}{whole}"));
    }
}
