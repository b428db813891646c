//! The one form of a path: what is matched is what is forwarded.
//!
//! Threat: a protected `/admin` reached as `//admin`, `/%61dmin`, `/x/../admin` or `/public/..%2fadmin`, because the
//! part that decides and the part that serves read the same octets in different ways (CVE-2019-9901, CVE-2021-29492).
//!
//! The normal form, which is Kong's on the wire:
//! - percent triplets of unreserved characters (RFC 3986 §2.3) are decoded, once; others stay, with upper-case hex;
//! - characters that may not stand in a path as they are (`"`, `\`, `{`, space, all non-ASCII) are triplets;
//! - `.` and `..` segments are removed, repeated slashes merged (before `..` takes a segment away, as Kong does).
//!
//! `%2F` and `%5C` stay as they are, but a path that would hold a `..` segment if they were decoded is refused. So are
//! an encoded NUL, a broken triplet, a raw control character, and `?` or `#`, which no path can hold. Path parameters
//! (`/admin;a`) and letter case are the upstream's words and stay.

use std::borrow::Cow;

/// Why a path is refused with 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not start with a slash (as `OPTIONS *` does not).
    #[error("path does not start with '/'")]
    NotAbsolute,
    /// `%` is not followed by two hex digits: decoders disagree about what that means.
    #[error("path holds a '%' that is not followed by two hex digits")]
    BrokenTriplet,
    /// `%00`, which ends the string for an upstream written in C.
    #[error("path holds an encoded NUL")]
    EncodedNul,
    /// An octet below 0x20, or 0x7F, as it is.
    #[error("path holds a control character")]
    ControlCharacter,
    /// `?` or `#`: the query and the fragment are split off before.
    #[error("path holds a '?' or '#'")]
    Delimiter,
    /// A `..` segment for whoever decodes `%2F` or `%5C`, or takes a backslash for a slash.
    #[error("path holds a '..' segment behind an encoded slash or a backslash")]
    HiddenParent,
}

/// Puts a request path, without query, into its normal form; borrowed where it is already normal. An empty path is `/`.
///
/// # Errors
/// [`PathError`]: answer 400.
pub fn normalise(raw: &str) -> Result<Cow<'_, str>, PathError> {
    match raw.as_bytes() {
        [] => Ok(Cow::Borrowed("/")),
        [b'/', ..] if is_plain(raw.as_bytes()) => Ok(Cow::Borrowed(raw)),
        [b'/', ..] => remove_dot_segments(&canonical_triplets(raw.as_bytes())?).map(Cow::Owned),
        [..] => Err(PathError::NotAbsolute),
    }
}

/// What a route's prefix path should have been (`non-normalized path, consider use '...' instead`); `None` if it is
/// normal, is a regex (`~`), or cannot be made normal, of which [`Router::compile`](super::Router::compile) says why.
///
/// Kong holds paths decoded and would have `/caf%C3%A9` written `/café`; the two mean the same here and both are normal.
pub fn normalised_route_path(path: &str) -> Option<String> {
    if path.starts_with('~') {
        return None;
    }
    let normal = normalise(path).ok()?;
    (normal != escape(path)).then(|| normal.into_owned())
}

/// Turns every character that may not stand in a path as it is into a triplet; existing triplets stay.
pub(crate) fn escape(path: &str) -> Cow<'_, str> {
    if path.bytes().all(|octet| octet == b'%' || stands_raw(octet)) {
        return Cow::Borrowed(path);
    }
    let mut escaped = String::with_capacity(path.len() + 8);
    for octet in path.bytes() {
        if octet == b'%' || stands_raw(octet) {
            escaped.push(char::from(octet));
        } else {
            push_triplet(&mut escaped, octet);
        }
    }
    Cow::Owned(escaped)
}

/// The length of a normal path as Kong counts it for its priority: Kong holds all triplets decoded but those of
/// reserved characters.
pub(super) fn decoded_length(normal: &str) -> usize {
    let hidden: usize = normal
        .bytes()
        .zip(normal.bytes().skip(1).zip(normal.bytes().skip(2)))
        .filter(|(percent, _)| *percent == b'%')
        .filter_map(|(_, (high, low))| octet_of(high, low))
        .filter(|octet| !b"!*'();:@&=+$,/?%#[]".contains(octet))
        .count();
    normal.len() - 2 * hidden
}

/// Whether a path is normal beyond doubt. Encoded slashes and backslashes need the longer look.
fn is_plain(path: &[u8]) -> bool {
    let mut rest = path;
    loop {
        rest = match rest {
            [] => return true,
            [b'/', b'/', ..]
            | [b'/', b'.']
            | [b'/', b'.', b'/', ..]
            | [b'/', b'.', b'.']
            | [b'/', b'.', b'.', b'/', ..] => return false,
            [
                b'%',
                high @ (b'0'..=b'9' | b'A'..=b'F'),
                low @ (b'0'..=b'9' | b'A'..=b'F'),
                after @ ..,
            ] => match octet_of(*high, *low) {
                Some(octet) if octet != 0 && !is_unreserved(octet) && !is_separator(octet) => after,
                Some(_) | None => return false,
            },
            [octet, after @ ..] if stands_raw(*octet) => after,
            [..] => return false,
        };
    }
}

fn canonical_triplets(path: &[u8]) -> Result<String, PathError> {
    let mut canonical = String::with_capacity(path.len());
    let mut rest = path;
    while let [first, after @ ..] = rest {
        rest = after;
        match *first {
            b'%' => {
                let (Some(octet), [_, _, after @ ..]) = (triplet(after), after) else {
                    return Err(PathError::BrokenTriplet);
                };
                rest = after;
                match octet {
                    0 => return Err(PathError::EncodedNul),
                    unreserved if is_unreserved(unreserved) => canonical.push(char::from(unreserved)),
                    other => push_triplet(&mut canonical, other),
                }
            }
            b'?' | b'#' => return Err(PathError::Delimiter),
            control if control.is_ascii_control() => return Err(PathError::ControlCharacter),
            raw if stands_raw(raw) => canonical.push(char::from(raw)),
            other => push_triplet(&mut canonical, other),
        }
    }
    Ok(canonical)
}

fn remove_dot_segments(canonical: &str) -> Result<String, PathError> {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_with_slash = false;
    for segment in canonical.split('/') {
        if hides_parent(segment) {
            return Err(PathError::HiddenParent);
        }
        ends_with_slash = matches!(segment, "" | "." | "..");
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    let mut path = String::with_capacity(canonical.len());
    for segment in kept {
        path.push('/');
        path.push_str(segment);
    }
    if ends_with_slash || path.is_empty() {
        path.push('/');
    }
    Ok(path)
}

/// Whether a segment is more than one to a reader who decodes once more, and one of those is `..`.
fn hides_parent(segment: &str) -> bool {
    segment.contains('%')
        && segment
            .split("%2F")
            .flat_map(|part| part.split("%5C"))
            .any(|part| part == "..")
}

fn triplet(after_percent: &[u8]) -> Option<u8> {
    match after_percent {
        [high, low, ..] => octet_of(*high, *low),
        [..] => None,
    }
}

fn octet_of(high: u8, low: u8) -> Option<u8> {
    let digit = |hex: u8| {
        char::from(hex)
            .to_digit(16)
            .and_then(|value| u8::try_from(value).ok())
    };
    Some(digit(high)? << 4 | digit(low)?)
}

fn push_triplet(path: &mut String, octet: u8) {
    path.push('%');
    for half in [octet >> 4, octet & 0x0F] {
        path.push(
            char::from_digit(u32::from(half), 16)
                .unwrap_or('0')
                .to_ascii_uppercase(),
        );
    }
}

fn is_unreserved(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~".contains(&octet)
}

fn is_separator(octet: u8) -> bool {
    octet == b'/' || octet == b'\\'
}

/// RFC 3986 pchar and `/`, and the brackets, which Kong leaves as they are.
fn stands_raw(octet: u8) -> bool {
    STANDS_RAW[usize::from(octet)]
}

const STANDS_RAW: [bool; 256] = {
    let mut table = [false; 256];
    let raw = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/!$&'()*+,;=:@[]";
    let mut position = 0;
    while position < raw.len() {
        table[raw[position] as usize] = true;
        position += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_get_one_form() {
        for (raw, normal) in [
            ("", "/"),
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b/"),
            // headers.md-style attacks on `/admin`
            ("//admin", "/admin"),
            ("/%61dmin", "/admin"),
            ("/%61%64%6d%69%6E", "/admin"),
            ("/x/../admin", "/admin"),
            ("/x/%2e%2E/admin", "/admin"),
            ("/x/.%2e/admin", "/admin"),
            ("/./admin", "/admin"),
            ("/%2e/admin", "/admin"),
            ("/../../admin", "/admin"),
            ("///..///admin", "/admin"),
            ("/admin;a", "/admin;a"),
            ("/ADMIN", "/ADMIN"),
            ("/admin%2f", "/admin%2F"),
            ("/admin\\", "/admin%5C"),
            ("/admin%5cx", "/admin%5Cx"),
            // dot segments, Kong's order: slashes are merged before `..` takes a segment
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/b/..", "/a/"),
            ("/a/b/../", "/a/"),
            ("/a//../b", "/b"),
            ("/a/...", "/a/..."),
            ("/a/..b", "/a/..b"),
            ("/a./b../c", "/a./b../c"),
            ("/a//", "/a/"),
            // triplets
            ("/%7euser", "/~user"),
            ("/a%20b", "/a%20b"),
            ("/a%3ab", "/a%3Ab"),
            ("/a:b", "/a:b"),
            ("/%c3%a9", "/%C3%A9"),
            ("/é", "/%C3%A9"),
            ("/%ff", "/%FF"),
            ("/\"{|}^`<>\\", "/%22%7B%7C%7D%5E%60%3C%3E%5C"),
            ("/a b", "/a%20b"),
            ("/[x]", "/[x]"),
            ("/%5bx%5d", "/%5Bx%5D"),
            // decoded once, never twice
            ("/%252e%252e%252fadmin", "/%252e%252e%252fadmin"),
            ("/%2561dmin", "/%2561dmin"),
            // an encoded slash is not one, and hides nothing here
            ("/public/%2fadmin", "/public/%2Fadmin"),
            ("/a%2fb/../c", "/c"),
            ("/a%2f..b", "/a%2F..b"),
        ] {
            let once = normalise(raw).unwrap();
            assert_eq!(once, normal, "{raw}");
            assert_eq!(normalise(&once).unwrap(), normal, "{raw} twice");
        }
    }

    #[test]
    fn doubtful_paths_are_refused() {
        for (raw, error) in [
            ("*", PathError::NotAbsolute),
            ("admin", PathError::NotAbsolute),
            ("/a%", PathError::BrokenTriplet),
            ("/a%2", PathError::BrokenTriplet),
            ("/a%zz", PathError::BrokenTriplet),
            ("/a%+1", PathError::BrokenTriplet),
            ("/a%u002e", PathError::BrokenTriplet),
            ("/a%00", PathError::EncodedNul),
            ("/a\0", PathError::ControlCharacter),
            ("/a\r\nb", PathError::ControlCharacter),
            ("/a\u{7f}", PathError::ControlCharacter),
            ("/a?b", PathError::Delimiter),
            ("/a#b", PathError::Delimiter),
            ("/public/..%2fadmin", PathError::HiddenParent),
            ("/public/..%2Fadmin", PathError::HiddenParent),
            ("/public/%2e%2e%2fadmin", PathError::HiddenParent),
            ("/public%2f../admin", PathError::HiddenParent),
            ("/public/x%2f..", PathError::HiddenParent),
            ("/public/x%2f..%2f..%2fadmin", PathError::HiddenParent),
            ("/public/..%5cadmin", PathError::HiddenParent),
            ("/public/..\\admin", PathError::HiddenParent),
            ("/public\\..\\admin", PathError::HiddenParent),
            // although the segment that hides it would be taken away
            ("/x%2f../../admin", PathError::HiddenParent),
        ] {
            assert_eq!(normalise(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn a_normal_path_is_not_copied() {
        for (raw, borrowed) in [
            ("/api/v1/users/42", true),
            ("/a%20b", true),
            ("/.well-known/x", true),
            ("/a..b", true),
            ("/a/./b", false),
        ] {
            assert_eq!(matches!(normalise(raw), Ok(Cow::Borrowed(_))), borrowed, "{raw}");
        }
    }

    #[test]
    fn whatever_comes_out_stays_as_it_is() {
        let pieces = [
            "/", "//", ".", "..", "%2e", "%2F", "%5c", "\\", "%61", "a", "%C3", "é", "%25", ";", " ", "%2",
        ];
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let tail: String = (0..random.usize(0..9))
                .map(|_| pieces[random.usize(..pieces.len())])
                .collect();
            let raw = format!("/{tail}");
            let Ok(normal) = normalise(&raw) else { continue };
            assert_eq!(normalise(&normal).as_deref(), Ok(&*normal), "{raw}");
            assert!(!normal.contains("//") && normal.is_ascii(), "{raw} {normal}");
            let decoded_again = normal.replace("%2F", "/").replace("%5C", "/");
            assert!(
                !decoded_again.split('/').any(|segment| segment == ".."),
                "{raw} {normal}"
            );
        }
    }

    #[test]
    fn route_paths_are_put_right() {
        for (path, suggestion) in [
            ("/a", None),
            ("/a%2Fb", None),
            ("/a%2fb", Some("/a%2Fb")),
            ("/a//b", Some("/a/b")),
            ("/a/../b", Some("/b")),
            ("/%61", Some("/a")),
            ("/caf%C3%A9", None),
            ("/café", None),
            ("/a b", None),
            ("~/a//b", None),
            ("/a%zz", None),
        ] {
            assert_eq!(normalised_route_path(path).as_deref(), suggestion, "{path}");
        }
    }

    #[test]
    fn lengths_are_counted_as_kong_does() {
        for (path, length) in [
            ("/", 1),
            ("/a%20b", 4),
            ("/a%2Fb", 6),
            ("/%C3%A9", 3),
            ("/%25", 4),
            ("/100%25", 7),
        ] {
            assert_eq!(decoded_length(path), length, "{path}");
        }
    }
}
