//! The path an upstream is asked for: Kong's `path_handling` v0.
//!
//! Threat: stripping a prefix that is not segment aware makes segments that no one has looked at. `/route..%2Fadmin`
//! holds no `..` segment, but what is left after `/route` begins with one for an upstream that decodes `%2F`. Leading
//! dot segments of the rest are therefore dropped in any spelling; Kong drops one plain `./` or `../`.

use std::borrow::Cow;

use super::MatchedPath;
use super::path::escape;

/// The route's `strip_path`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StripPath {
    /// The part that the route's path matched is taken away.
    Strip,
    /// The path goes on whole.
    Keep,
}

/// Joins the service's path (`None` is `/`) and what is left of the normalised request path with one slash. The result
/// is escaped and has no query. Borrowed where the request path, or its tail, is the answer.
pub fn upstream_path<'a>(
    service_path: Option<&str>,
    request_path: &'a str,
    matched: MatchedPath,
    strip: StripPath,
) -> Cow<'a, str> {
    let base = escape(service_path.unwrap_or("/"));
    let stem = base.strip_suffix('/').unwrap_or(&base);
    match split(request_path, matched, strip) {
        Some((_, "")) => stripped_to_nothing(&base, request_path).into_owned().into(),
        Some((_, rest)) if rest.starts_with('/') => join(stem, rest),
        Some((_, rest)) => Cow::Owned(format!("{stem}/{rest}")),
        // `/service` asked for `/` stays `/service`, `/service/` keeps its slash.
        None if request_path == "/" => base.into_owned().into(),
        None => join(stem, request_path),
    }
}

/// The value of X-Forwarded-Prefix: what was stripped, unless that is nothing or `/`.
pub fn stripped_prefix(request_path: &str, matched: MatchedPath, strip: StripPath) -> Option<&str> {
    let (prefix, _) = split(request_path, matched, strip)?;
    (!matches!(prefix, "" | "/")).then_some(prefix)
}

/// The stripped prefix and what is left; `None` where nothing is to be stripped. A route without paths strips nothing.
fn split(request_path: &str, matched: MatchedPath, strip: StripPath) -> Option<(&str, &str)> {
    let length = match (strip, matched) {
        (StripPath::Keep, _) | (StripPath::Strip, MatchedPath::Nothing) => return None,
        (StripPath::Strip, MatchedPath::Prefix(length) | MatchedPath::Regex(length)) => length,
    };
    let (prefix, rest) = request_path
        .split_at_checked(length)
        .unwrap_or((request_path, ""));
    Some((prefix, without_dot_segments(rest)))
}

/// A request path that was wholly stripped: a slash at its end shows, one at the end of the service's path does not.
fn stripped_to_nothing<'b>(base: &'b str, request_path: &str) -> Cow<'b, str> {
    match base.strip_suffix('/') {
        Some(stem) if !stem.is_empty() && !request_path.ends_with('/') => Cow::Borrowed(stem),
        None if request_path.len() > 1 && request_path.ends_with('/') => Cow::Owned(format!("{base}/")),
        Some(_) | None => Cow::Borrowed(base),
    }
}

fn join<'a>(stem: &str, rest: &'a str) -> Cow<'a, str> {
    if stem.is_empty() {
        Cow::Borrowed(rest)
    } else {
        Cow::Owned(format!("{stem}{rest}"))
    }
}

fn without_dot_segments(mut rest: &str) -> &str {
    loop {
        let after_dots = match rest.strip_prefix("..").or_else(|| rest.strip_prefix('.')) {
            Some("") => return "",
            Some(after_dots) => after_dots,
            None => return rest,
        };
        let separator = ["/", "%2F", "%5C"]
            .into_iter()
            .find_map(|separator| after_dots.strip_prefix(separator));
        match separator {
            Some(after_separator) => rest = after_separator,
            None => return rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::path::normalise;
    use super::*;

    const BOTH: &[StripPath] = &[StripPath::Strip, StripPath::Keep];
    const STRIP: &[StripPath] = &[StripPath::Strip];
    const KEEP: &[StripPath] = &[StripPath::Keep];

    fn asked_for(service: &str, route: Option<&str>, strip: StripPath, request: &str) -> String {
        let request = normalise(request).unwrap();
        let matched = match route {
            Some(prefix) => {
                assert!(request.starts_with(prefix), "{request} {prefix}");
                MatchedPath::Prefix(prefix.len())
            }
            None => MatchedPath::Nothing,
        };
        upstream_path(Some(service), &request, matched, strip).into_owned()
    }

    #[test]
    fn service_path_and_request_path_are_joined() {
        for (service, route, strips, request, expected) in [
            ("/", Some("/route"), STRIP, "/route", "/"),
            ("/", Some("/route"), STRIP, "/route/", "/"),
            ("/", Some("/route"), STRIP, "/routereq", "/req"),
            ("/srv", Some("/rou"), KEEP, "/roureq", "/srv/roureq"),
            ("/srv", Some("/rou"), STRIP, "/roureq", "/srv/req"),
            ("/srv/", Some("/rou"), STRIP, "/rou", "/srv"),
            ("/service", Some("/"), BOTH, "/", "/service"),
            ("/service", Some("/"), BOTH, "/route", "/service/route"),
            ("/service", Some("/route"), KEEP, "/route", "/service/route"),
            ("/service", Some("/route"), STRIP, "/route", "/service"),
            ("/service", Some("/route"), STRIP, "/route/", "/service/"),
            ("/service", Some("/route"), STRIP, "/routereq", "/service/req"),
            ("/service", Some("/route/"), STRIP, "/route/", "/service/"),
            ("/service", Some("/route/"), STRIP, "/route/req", "/service/req"),
            ("/service/", Some("/route"), STRIP, "/route", "/service"),
            ("/service/", Some("/route"), STRIP, "/route/", "/service/"),
            ("/service", None, BOTH, "/route", "/service/route"),
            ("/service", Some("/route"), STRIP, "/route./req", "/service/req"),
            ("/service", Some("/route"), STRIP, "/route../req", "/service/req"),
            ("/service", Some("/route"), STRIP, "/route%2E/req", "/service/req"),
            (
                "/service",
                Some("/route"),
                KEEP,
                "/route%2E/req",
                "/service/route./req",
            ),
            // beyond the table
            ("/", Some("/route"), KEEP, "/route/req", "/route/req"),
            ("/", Some("/"), BOTH, "/", "/"),
            ("/", None, BOTH, "/", "/"),
            ("/service/", Some("/"), BOTH, "/", "/service/"),
            ("/service/", Some("/route"), KEEP, "/route", "/service/route"),
            ("/service/", Some("/route/"), STRIP, "/route/", "/service/"),
            ("/service/", None, BOTH, "/route/", "/service/route/"),
            ("/service", Some("/route"), STRIP, "/route.", "/service"),
            ("/service", Some("/route"), STRIP, "/route..", "/service"),
            ("/service", Some("/route"), STRIP, "/route...", "/service/..."),
            ("/service", Some("/route"), STRIP, "/route.x/y", "/service/.x/y"),
        ] {
            for strip in strips {
                let got = asked_for(service, route, *strip, request);
                assert_eq!(got, expected, "{service} {route:?} {strip:?} {request}");
            }
        }
        assert_eq!(
            upstream_path(None, "/a", MatchedPath::Nothing, StripPath::Keep),
            "/a"
        );
    }

    #[test]
    fn paths_are_sent_escaped() {
        for (service, route, request, expected) in [
            ("/", "/pets", "/pets/cat%20and%20dog", "/cat%20and%20dog"),
            ("/", "/pets", "/pets/cat%2fdog", "/cat%2Fdog"),
            ("/", "/pets", "/pets/é\"", "/%C3%A9%22"),
            ("/café", "/pets", "/pets/x", "/caf%C3%A9/x"),
            ("/a?b#c", "/pets", "/pets/x", "/a%3Fb%23c/x"),
        ] {
            assert_eq!(
                asked_for(service, Some(route), StripPath::Strip, request),
                expected,
                "{request}"
            );
        }
    }

    #[test]
    fn stripping_makes_no_parent_segment() {
        for (request, expected) in [
            ("/route..%2Fadmin", "/service/admin"),
            ("/route..%5Cadmin", "/service/admin"),
            ("/route..\\admin", "/service/admin"),
            ("/route.%2Fadmin", "/service/admin"),
            ("/route..%2F.%2Fadmin", "/service/admin"),
            ("/route..%2F", "/service"),
            ("/route%2Fadmin", "/service/%2Fadmin"),
        ] {
            assert_eq!(
                asked_for("/service", Some("/route"), StripPath::Strip, request),
                expected,
                "{request}"
            );
        }
    }

    #[test]
    fn the_stripped_prefix_is_told_unless_it_is_the_root() {
        let (strip, keep) = (StripPath::Strip, StripPath::Keep);
        for (matched, strip, expected) in [
            (MatchedPath::Prefix(2), strip, Some("/a")),
            (MatchedPath::Regex(4), strip, Some("/a/b")),
            (MatchedPath::Prefix(1), strip, None),
            (MatchedPath::Regex(0), strip, None),
            (MatchedPath::Nothing, strip, None),
            (MatchedPath::Prefix(2), keep, None),
        ] {
            assert_eq!(
                stripped_prefix("/a/b", matched, strip),
                expected,
                "{matched:?} {strip:?}"
            );
        }
    }

    #[test]
    fn the_common_case_is_not_copied() {
        for (matched, strip, borrowed) in [
            (MatchedPath::Prefix(2), StripPath::Keep, true),
            (MatchedPath::Prefix(2), StripPath::Strip, true),
            (MatchedPath::Prefix(3), StripPath::Strip, false),
        ] {
            let path = upstream_path(Some("/"), "/a/b", matched, strip);
            assert_eq!(
                matches!(path, Cow::Borrowed(_)),
                borrowed,
                "{matched:?} {strip:?}"
            );
        }
    }
}
