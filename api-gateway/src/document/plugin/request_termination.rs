//! `request-termination`: an answer of the gateway's own, instead of the upstream's.

use http::{HeaderName, HeaderValue, StatusCode};

use crate::document::fields::Fields;
use crate::document::reader::At;
use crate::document::rule;

/// The configuration of `request-termination`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTerminationConfig {
    /// The status of the answer.
    pub status_code: StatusCode,
    /// What the answer says.
    pub answer: TerminationAnswer,
    /// Only requests with this header, or with a query argument of this name, are ended; absent: all.
    pub trigger: Option<Trigger>,
}

/// `trigger`: the case counts in a query argument, and not in a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// As a header.
    pub header: HeaderName,
    /// As a query argument.
    pub argument: String,
}

/// What the answer says. Kong forbids every other combination of the fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TerminationAnswer {
    /// `{"message":"…"}`; absent: Kong's word for the status, if it has one.
    Message(Option<String>),
    /// `body`, under `content_type` (JSON, where that is absent).
    Body(String, Option<HeaderValue>),
    /// `echo`: the request itself.
    Echo(Option<String>),
}

pub(super) fn read(at: At<'_>) -> Option<RequestTerminationConfig> {
    let mut fields = Fields::open(at)?;
    let status_code = fields.or("status_code", StatusCode::SERVICE_UNAVAILABLE, rule::final_status);
    let message = fields.optional("message", rule::text);
    let content_type = fields.optional("content_type", content_type);
    let body = fields.optional("body", rule::text);
    let echo = fields.or("echo", false, rule::boolean);
    let trigger = fields.optional("trigger", trigger);
    let contradiction = contradiction(&fields, echo);
    fields.close();
    if let Some(contradiction) = contradiction {
        return at.refuse("entity-check", contradiction);
    }
    let answer = match (echo, body) {
        (true, _) => TerminationAnswer::Echo(message),
        (false, Some(body)) => TerminationAnswer::Body(body, content_type),
        (false, None) => TerminationAnswer::Message(message),
    };
    Some(RequestTerminationConfig {
        status_code,
        answer,
        trigger,
    })
}

/// What cannot stand together, in Kong's words.
fn contradiction(fields: &Fields<'_>, echo: bool) -> Option<&'static str> {
    let (content_type, body) = (fields.has("content_type"), fields.has("body"));
    if fields.has("message") && (content_type || body) {
        Some("message cannot be used with content_type or body")
    } else if content_type && !body {
        Some("content_type requires a body")
    } else if echo && (content_type || body) {
        Some("echo cannot be used with content_type and body")
    } else {
        None
    }
}

fn trigger(at: At<'_>) -> Option<Trigger> {
    Some(Trigger {
        header: rule::header_name(at)?,
        argument: rule::text(at)?,
    })
}

fn content_type(at: At<'_>) -> Option<HeaderValue> {
    let text = rule::text(at)?;
    match HeaderValue::from_str(&text) {
        Ok(value) => Some(value),
        Err(_) => at.refuse("invalid-value", format!("'{text}' cannot be sent in a header")),
    }
}
