//! Where in a request a token may be: `bearer_token_param_type`. Two tokens in one request are refused (RFC 6750 §2):
//! nobody can say which of them the upstream believes.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName};
use http::request::Parts;

use crate::exchange::Exchange;
use crate::form::Form;
use crate::query;
use crate::rejection::TokenFault;

/// Headers that hold a token beside `Authorization`, as Kong has them.
pub const TOKEN_HEADERS: [HeaderName; 2] = [
    HeaderName::from_static("access-token"),
    HeaderName::from_static("x-access-token"),
];
/// The argument of the query (RFC 6750 §2.3), and the field of the body (§2.2).
const ARGUMENT: &str = "access_token";

/// The places that are looked at.
#[derive(Debug, Clone)]
pub struct Sources {
    /// `header`.
    pub headers: bool,
    /// `query`.
    pub query: bool,
    /// `body`. A token there counts where no other place has one: a body is read for nothing less.
    pub body: bool,
    /// `cookie`, with `bearer_token_cookie_name`.
    pub cookie: Option<Arc<str>>,
}

/// Where a token was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `Authorization`.
    Authorization,
    /// In one of the other headers.
    Header(usize),
    /// In the query.
    Query,
    /// In the cookie.
    Cookie,
    /// In a field of the body.
    Body,
}

/// A token as it came.
#[derive(Debug)]
pub struct Found<'h> {
    /// Its octets.
    pub token: Cow<'h, [u8]>,
    /// Where it was.
    pub place: Place,
}

impl Sources {
    /// Whether a token may be in a body that nobody has read, if [`Self::find`] has found none.
    pub fn may_be_in(&self, form: &Form) -> bool {
        self.body && form.is_unread()
    }

    /// The only token of a request.
    pub fn find<'h>(&self, head: &'h Parts, form: &'h Form) -> Result<Found<'h>, TokenFault> {
        let mut found = None;
        let mut note = |token: Cow<'h, [u8]>, place| match found.replace(Found { token, place }) {
            None => Ok(()),
            Some(_) => Err(TokenFault::Several),
        };
        if self.headers {
            in_headers(&head.headers, &mut note)?;
        }
        if self.query
            && let Some(query) = head.uri.query()
        {
            let arguments = query::arguments(query).filter(|argument| *argument.name == *ARGUMENT.as_bytes());
            for argument in arguments {
                note(argument.value.unwrap_or_default(), Place::Query)?;
            }
        }
        if let Some(name) = &self.cookie {
            for line in head.headers.get_all(COOKIE) {
                for value in line
                    .as_bytes()
                    .split(|octet| *octet == b';')
                    .filter_map(|pair| value_of(pair, name))
                {
                    note(Cow::Borrowed(value), Place::Cookie)?;
                }
            }
        }
        if self.body && found.is_none() {
            let mut values = form.values(ARGUMENT.as_bytes()).into_iter();
            found = values.next().map(|value| Found {
                token: value.unwrap_or_default(),
                place: Place::Body,
            });
            if values.next().is_some() {
                return Err(TokenFault::Several);
            }
        }
        let found = found.ok_or(TokenFault::Missing)?;
        if found.token.is_empty() {
            return Err(TokenFault::Missing);
        }
        Ok(found)
    }

    /// Keeps the token from the upstream.
    pub fn hide(&self, place: Place, exchange: &mut Exchange<'_>) {
        match place {
            Place::Authorization => exchange.hide_header(AUTHORIZATION),
            Place::Header(index) => exchange.hide_header(TOKEN_HEADERS[index].clone()),
            Place::Query => exchange.hide_argument(ARGUMENT.into()),
            Place::Cookie => {
                if let Some(name) = &self.cookie {
                    exchange.hide_cookie(Arc::clone(name));
                }
            }
            Place::Body => exchange.hide_field(ARGUMENT.into()),
        }
    }
}

fn in_headers<'h>(
    headers: &'h HeaderMap,
    note: &mut impl FnMut(Cow<'h, [u8]>, Place) -> Result<(), TokenFault>,
) -> Result<(), TokenFault> {
    // Another scheme is no token of ours.
    for line in headers.get_all(AUTHORIZATION) {
        if let Some(token) = bearer(line.as_bytes()) {
            note(Cow::Borrowed(token), Place::Authorization)?;
        }
    }
    for (index, name) in TOKEN_HEADERS.iter().enumerate() {
        for line in headers.get_all(name) {
            let value = line.as_bytes();
            note(
                Cow::Borrowed(bearer(value).unwrap_or(value)),
                Place::Header(index),
            )?;
        }
    }
    Ok(())
}

/// What follows the scheme, which is compared without regard to case (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer";
    let (scheme, rest) = value.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    match rest.first() {
        None => Some(rest),
        Some(b' ' | b'\t') => Some(rest.trim_ascii()),
        Some(_) => None,
    }
}

fn value_of<'c>(pair: &'c [u8], name: &str) -> Option<&'c [u8]> {
    let pair = pair.trim_ascii();
    let equals = pair.iter().position(|octet| *octet == b'=')?;
    let (own, value) = pair.split_at(equals);
    (own.trim_ascii_end() == name.as_bytes()).then(|| value.get(1..).unwrap_or_default().trim_ascii())
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn all() -> Sources {
        Sources {
            headers: true,
            query: true,
            body: true,
            cookie: Some("session".into()),
        }
    }

    fn found(
        sources: &Sources,
        uri: &str,
        headers: &[(&str, &str)],
    ) -> Result<(String, Place), &'static str> {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let head = request.body(()).unwrap().into_parts().0;
        match sources.find(&head, &Form::Absent) {
            Ok(found) => Ok((String::from_utf8_lossy(&found.token).into_owned(), found.place)),
            Err(fault) => Err(fault.reason()),
        }
    }

    #[test]
    fn one_token_is_found_and_two_are_refused() {
        const MISSING: Result<(&str, Place), &str> = Err("token_missing");
        const SEVERAL: Result<(&str, Place), &str> = Err("token_malformed");
        for (uri, headers, expected) in [
            (
                "/",
                &[("authorization", "Bearer t")][..],
                Ok(("t", Place::Authorization)),
            ),
            (
                "/",
                &[("authorization", "bEARER   t  ")],
                Ok(("t", Place::Authorization)),
            ),
            ("/", &[("authorization", "Bearer")], MISSING),
            ("/", &[("authorization", "Bearer ")], MISSING),
            ("/", &[("authorization", "Bearert")], MISSING),
            ("/", &[("authorization", "Basic dDp0")], MISSING),
            ("/", &[("authorization", "DPoP t")], MISSING),
            ("/", &[], MISSING),
            ("/", &[("access-token", "t")], Ok(("t", Place::Header(0)))),
            (
                "/",
                &[("x-access-token", "Bearer t")],
                Ok(("t", Place::Header(1))),
            ),
            ("/?access_token=t", &[], Ok(("t", Place::Query))),
            ("/?a=1&access%5Ftoken=t%2E", &[], Ok(("t.", Place::Query))),
            ("/?Access_Token=t", &[], MISSING),
            (
                "/",
                &[("cookie", "a=b; session=t; c=d")],
                Ok(("t", Place::Cookie)),
            ),
            ("/", &[("cookie", "a=session=t")], MISSING),
            (
                "/",
                &[("authorization", "Bearer t"), ("authorization", "Bearer t")],
                SEVERAL,
            ),
            (
                "/",
                &[("authorization", "Bearer t"), ("authorization", "Basic b")],
                Ok(("t", Place::Authorization)),
            ),
            (
                "/",
                &[("authorization", "Bearer t"), ("access-token", "t")],
                SEVERAL,
            ),
            ("/?access_token=t", &[("authorization", "Bearer t")], SEVERAL),
            ("/?access_token=t&access_token=u", &[], SEVERAL),
            ("/?access_token=", &[("authorization", "Bearer t")], SEVERAL),
            ("/", &[("cookie", "session=t; session=u")], SEVERAL),
        ] {
            let expected = expected.map(|(token, place)| (token.to_owned(), place));
            assert_eq!(found(&all(), uri, headers), expected, "{uri} {headers:?}");
        }
    }

    #[test]
    fn a_place_that_is_not_configured_is_not_looked_at() {
        let none = Sources {
            headers: false,
            query: false,
            body: false,
            cookie: None,
        };
        let headers = [("authorization", "Bearer t"), ("cookie", "session=t")];
        assert_eq!(found(&none, "/?access_token=t", &headers), Err("token_missing"));
        let query = Sources { query: true, ..none };
        assert_eq!(
            found(&query, "/?access_token=t", &headers),
            Ok(("t".into(), Place::Query))
        );
    }
}
