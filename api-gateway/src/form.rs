//! The fields of a request's body, where a credential may be: those of a form (RFC 6750 §2.2), or the members of a JSON
//! object, which Kong reads too.
//!
//! A body is read only for a plugin that looks there and has found nothing elsewhere, and never further than [`LONGEST`].
//! It goes on to the upstream octet for octet, less the fields that are hidden from it.

mod json;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http::{HeaderValue, Method};

use crate::query;

/// The longest body that is read, in bytes: two tokens of the longest kind. Kong reads what fits into its buffer (8 KiB,
/// unless configured).
pub const LONGEST: usize = 32 * 1024;

/// What is known of the fields of a request's body.
#[derive(Clone, Debug, Default)]
pub enum Form {
    /// There is no body, or none that has fields.
    #[default]
    Absent,
    /// It may have some: nobody has read it yet.
    Unread(Syntax),
    /// It is longer than [`LONGEST`], so nobody looks for any.
    TooLong,
    /// All of it.
    Read(Fields),
}

/// How fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// `application/x-www-form-urlencoded`.
    UrlEncoded,
    /// `application/json`.
    Json,
}

/// A body with fields. There may be secrets among them, so they are not shown.
#[derive(Clone)]
pub struct Fields {
    syntax: Syntax,
    octets: Bytes,
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields")
            .field("syntax", &self.syntax)
            .field("octets", &self.octets.len())
            .finish()
    }
}

impl Form {
    /// Whether the body that this head announces has fields. That of `GET` and `HEAD` means nothing (RFC 9110 §9.3.1); of
    /// two types, nobody can say which one the upstream reads it by.
    pub fn announced(method: &Method, headers: &HeaderMap) -> Self {
        if matches!(*method, Method::GET | Method::HEAD) || headers.contains_key(CONTENT_ENCODING) {
            return Self::Absent;
        }
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        match (types.next().and_then(Syntax::of), types.next()) {
            (Some(syntax), None) => Self::Unread(syntax),
            (Some(_), Some(_)) | (None, _) => Self::Absent,
        }
    }

    /// What is known of a body that is all there.
    pub fn of_body(method: &Method, headers: &HeaderMap, body: impl Into<Bytes>) -> Self {
        let octets: Bytes = body.into();
        match Self::announced(method, headers) {
            Self::Unread(_) if octets.len() > LONGEST => Self::TooLong,
            Self::Unread(syntax) => Self::Read(Fields::new(syntax, octets)),
            known @ (Self::Absent | Self::TooLong | Self::Read(_)) => known,
        }
    }

    /// As it was before anybody read it.
    #[must_use]
    pub fn before_reading(&self) -> Self {
        match self {
            Self::Read(fields) => Self::Unread(fields.syntax),
            Self::Absent | Self::Unread(_) | Self::TooLong => self.clone(),
        }
    }

    /// Whether there may be fields that nobody has read.
    pub fn is_unread(&self) -> bool {
        matches!(self, Self::Unread(_))
    }

    /// The values of a field in their order; `None` for one that is no text. Of a body that is not what its type says there
    /// are none.
    pub fn values(&self, name: &[u8]) -> Vec<Option<Cow<'_, [u8]>>> {
        match self {
            Self::Absent | Self::Unread(_) | Self::TooLong => Vec::new(),
            Self::Read(fields) => fields.values(name),
        }
    }

    /// Takes fields out.
    pub fn take_out(&mut self, names: &[Arc<str>]) {
        // What has none of them is not written anew.
        let is_there = |name: &Arc<str>| !self.values(name.as_bytes()).is_empty();
        if !names.iter().any(is_there) {
            return;
        }
        if let Self::Read(fields) = self {
            fields.take_out(|name| names.iter().any(|hidden| hidden.as_bytes() == name));
        }
    }
}

impl Syntax {
    fn of(content_type: &HeaderValue) -> Option<Self> {
        let essence = content_type.as_bytes().split(|octet| *octet == b';').next()?;
        let essence = essence.trim_ascii();
        let is = |name: &str| essence.eq_ignore_ascii_case(name.as_bytes());
        if is("application/x-www-form-urlencoded") {
            Some(Self::UrlEncoded)
        } else if is("application/json") {
            Some(Self::Json)
        } else {
            None
        }
    }
}

impl Fields {
    /// The fields of a body.
    pub fn new(syntax: Syntax, octets: Bytes) -> Self {
        Self { syntax, octets }
    }

    /// The body.
    pub fn octets(&self) -> &Bytes {
        &self.octets
    }

    fn values(&self, name: &[u8]) -> Vec<Option<Cow<'_, [u8]>>> {
        let Ok(text) = str::from_utf8(&self.octets) else {
            return Vec::new();
        };
        match self.syntax {
            Syntax::UrlEncoded => query::arguments(text)
                .filter(|argument| *argument.name == *name)
                .map(|argument| argument.value)
                .collect(),
            Syntax::Json => json::values(text, name),
        }
    }

    fn take_out(&mut self, is_taken_out: impl Fn(&[u8]) -> bool) {
        let Ok(text) = str::from_utf8(&self.octets) else {
            return;
        };
        let left = match self.syntax {
            Syntax::UrlEncoded => query::without(text, is_taken_out).unwrap_or_default(),
            Syntax::Json => match json::without(text, is_taken_out) {
                Some(left) => left,
                None => return,
            },
        };
        self.octets = left.into();
    }
}

#[cfg(test)]
mod tests;
