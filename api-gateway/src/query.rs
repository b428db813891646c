//! The arguments of a query: read as Kong reads them, and taken out without touching the spelling of the others.

use std::borrow::Cow;

/// One argument of a query.
#[derive(Debug, PartialEq, Eq)]
pub struct Argument<'q> {
    /// As it was sent.
    raw: &'q str,
    /// Its name, decoded; any octets.
    pub name: Cow<'q, [u8]>,
    /// Its value, decoded; `None` where there is no `=`.
    pub value: Option<Cow<'q, [u8]>>,
}

impl<'q> Argument<'q> {
    /// As it was sent.
    pub fn raw(&self) -> &'q str {
        self.raw
    }
}

/// The arguments in their order. `&` is the only separator; `+` and `%20` are spaces; a `%` that escapes nothing stands
/// for itself.
pub fn arguments(query: &str) -> impl Iterator<Item = Argument<'_>> {
    query
        .split('&')
        .filter(|raw| !raw.is_empty())
        .map(|raw| match raw.split_once('=') {
            Some((name, value)) => Argument {
                raw,
                name: decoded(name),
                value: Some(decoded(value)),
            },
            None => Argument {
                raw,
                name: decoded(raw),
                value: None,
            },
        })
}

/// The query without the arguments of some names, `None` if nothing is left. The others stay as they were sent.
pub fn without(query: &str, is_taken_out: impl Fn(&[u8]) -> bool) -> Option<String> {
    let mut left = String::with_capacity(query.len());
    for argument in arguments(query).filter(|argument| !is_taken_out(&argument.name)) {
        if !left.is_empty() {
            left.push('&');
        }
        left.push_str(argument.raw);
    }
    (!left.is_empty()).then_some(left)
}

fn decoded(text: &str) -> Cow<'_, [u8]> {
    let octets = text.as_bytes();
    if !octets.iter().any(|octet| b"%+".contains(octet)) {
        return Cow::Borrowed(octets);
    }
    let mut decoded = Vec::with_capacity(octets.len());
    let mut rest = octets;
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        decoded.push(match (first, after) {
            (b'+', _) => b' ',
            (b'%', &[high, low, ref after @ ..]) => match hexadecimal(high).zip(hexadecimal(low)) {
                Some((high, low)) => {
                    rest = after;
                    high << 4 | low
                }
                None => first,
            },
            _ => first,
        });
    }
    Cow::Owned(decoded)
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_octet_for_octet() {
        let read = |query: &'static str| -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
            arguments(query)
                .map(|argument| (argument.name.into_owned(), argument.value.map(Cow::into_owned)))
                .collect()
        };
        let named = |name: &str, value: Option<&[u8]>| (name.as_bytes().to_vec(), value.map(<[u8]>::to_vec));
        for (query, expected) in [
            ("", vec![]),
            ("&&", vec![]),
            ("a=b", vec![named("a", Some(b"b"))]),
            ("a", vec![named("a", None)]),
            ("a=", vec![named("a", Some(b""))]),
            ("=b", vec![named("", Some(b"b"))]),
            ("a=b=c", vec![named("a", Some(b"b=c"))]),
            ("%61=%62+c%2Bd", vec![named("a", Some(b"b c+d"))]),
            ("a=%ff%00", vec![named("a", Some(b"\xff\0"))]),
            ("a=%zz%4", vec![named("a", Some(b"%zz%4"))]),
            (
                "a=1&A=2;b=3",
                vec![named("a", Some(b"1")), named("A", Some(b"2;b=3"))],
            ),
        ] {
            assert_eq!(read(query), expected, "{query}");
        }
    }

    #[test]
    fn others_keep_their_spelling() {
        for (query, left) in [
            ("key=1", None),
            ("key", None),
            ("a=%7e&key=1&b=+", Some("a=%7e&b=+")),
            ("%6Bey=1&k%65y=2&KEY=3", Some("KEY=3")),
            ("a", Some("a")),
            ("key=1&", None),
        ] {
            assert_eq!(without(query, |name| name == b"key").as_deref(), left, "{query}");
        }
    }

    /// Whatever the query is: what is left is what was there, less what was to go.
    #[test]
    fn nothing_else_is_lost() {
        const PIECES: [&str; 14] = [
            "k", "%6b", "%6B", "a", "=", "&", "+", "%", "%2", "%26", "%3D", ";", "K", "%00",
        ];
        let is_taken_out = |name: &[u8]| name == b"k";
        for _ in 0..20_000 {
            let query: String = (0..fastrand::usize(..12))
                .map(|_| PIECES[fastrand::usize(..PIECES.len())])
                .collect();
            let left = without(&query, is_taken_out);
            let expected: Vec<_> = arguments(&query)
                .filter(|argument| !is_taken_out(&argument.name))
                .collect();
            let found: Vec<_> = arguments(left.as_deref().unwrap_or_default()).collect();
            assert_eq!(found, expected, "{query}");
            assert_eq!(left.is_none(), expected.is_empty(), "{query}");
        }
    }
}
