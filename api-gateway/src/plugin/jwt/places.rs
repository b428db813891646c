//! Where a token may come. Two places with two different tokens are one too many: two readers could believe two of them.

use std::borrow::Cow;

use http::HeaderName;
use http::header::COOKIE;

use crate::exchange::Exchange;
use crate::query;
use crate::rejection::JwtFault;

/// `uri_param_names`, `cookie_names`, `header_names`.
#[derive(Debug)]
pub struct Places {
    /// Arguments of the query; their case counts.
    pub arguments: Box<[Box<str>]>,
    /// Cookies; their case counts.
    pub cookies: Box<[Box<str>]>,
    /// Headers whose value is `Bearer` and a token.
    pub headers: Box<[HeaderName]>,
}

/// The token found so far.
#[derive(Default)]
struct Found<'e>(Option<Cow<'e, [u8]>>);

impl<'e> Found<'e> {
    /// The same token in two places is one.
    fn note(&mut self, token: Cow<'e, [u8]>) -> Result<(), JwtFault> {
        match &self.0 {
            _ if token.is_empty() => Ok(()),
            None => {
                self.0 = Some(token);
                Ok(())
            }
            Some(known) if *known == token => Ok(()),
            Some(_) => Err(JwtFault::Several),
        }
    }
}

impl Places {
    /// The token, in whichever place it is.
    pub fn find<'e>(&self, exchange: &'e Exchange<'_>) -> Result<Cow<'e, [u8]>, JwtFault> {
        let mut found = Found::default();
        let mut valueless = false;
        let query = exchange.head.uri.query().unwrap_or_default();
        let is_ours = |name: &[u8]| self.arguments.iter().any(|known| known.as_bytes() == name);
        for argument in query::arguments(query).filter(|argument| is_ours(&argument.name)) {
            match argument.value {
                Some(value) => found.note(value)?,
                None => valueless = true,
            }
        }
        for line in exchange.head.headers.get_all(COOKIE) {
            for cookie in line.as_bytes().split(|octet| *octet == b';') {
                let mut halves = cookie.splitn(2, |octet| *octet == b'=');
                let (name, value) = (halves.next().unwrap_or_default(), halves.next());
                let name = name.trim_ascii();
                if let Some(value) = value
                    && self.cookies.iter().any(|known| known.as_bytes() == name)
                {
                    found.note(Cow::Borrowed(value.trim_ascii()))?;
                }
            }
        }
        for line in self
            .headers
            .iter()
            .flat_map(|name| exchange.head.headers.get_all(name))
        {
            if let Some(token) = of_bearer(line.as_bytes()) {
                found.note(Cow::Borrowed(token))?;
            }
        }
        match found.0 {
            Some(_) if valueless => Err(JwtFault::Several),
            Some(token) => Ok(token),
            None if valueless => Err(JwtFault::Unrecognizable),
            None => Err(JwtFault::Missing),
        }
    }
}

/// What follows the scheme, whose case does not count (RFC 9110 §11.1).
fn of_bearer(line: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"bearer";
    let (scheme, rest) = line.trim_ascii().split_at_checked(SCHEME.len())?;
    let is_bearer = scheme.eq_ignore_ascii_case(SCHEME) && rest.first().is_some_and(u8::is_ascii_whitespace);
    is_bearer.then(|| rest.trim_ascii_start())
}
