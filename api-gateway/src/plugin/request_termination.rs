//! `request-termination`: answers in the upstream's place.

use std::collections::BTreeMap;

use http::header::HeaderMap;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

use crate::exchange::Exchange;
use crate::rejection::Rejection;

/// A compiled `request-termination`.
#[derive(Debug)]
pub struct RequestTermination {
    /// The status of the answer.
    pub status: StatusCode,
    /// What it says.
    pub answer: Answer,
    /// Only requests with this header or query argument are ended; `None`: all.
    pub trigger: Option<Trigger>,
}

/// What has to be there for a request to be ended.
#[derive(Debug)]
pub struct Trigger {
    /// This header, or
    pub header: HeaderName,
    /// this query argument, whose case counts.
    pub argument: Box<str>,
}

/// What the answer says.
#[derive(Debug)]
pub enum Answer {
    /// The same for everybody.
    Fixed(Termination),
    /// The request, with a message if there is one.
    Echo(Option<Box<str>>),
}

/// An answer that the configuration gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Termination {
    /// The status.
    pub status: StatusCode,
    /// `Content-Type`; `None` where there is no body.
    pub content_type: Option<HeaderValue>,
    /// The body; may be empty.
    pub body: String,
}

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");

/// What Kong says for a status where the configuration says nothing.
fn word_for(status: StatusCode) -> Option<&'static str> {
    match status.as_u16() {
        401 => Some("Unauthorized"),
        404 => Some("Not found"),
        405 => Some("Method not allowed"),
        500 => Some("An unexpected error occurred"),
        502 => Some("Bad Gateway"),
        503 => Some("Service unavailable"),
        _ => None,
    }
}

impl Termination {
    /// `{"message":"…"}`, or nothing where nobody has a word for it.
    pub fn message(status: StatusCode, message: Option<&str>) -> Self {
        let message = message.or_else(|| word_for(status));
        Self {
            status,
            content_type: message.map(|_| JSON),
            body: message.map_or_else(String::new, |message| json!({ "message": message }).to_string()),
        }
    }

    /// This body, JSON unless it says otherwise.
    pub fn body(status: StatusCode, body: &str, content_type: Option<HeaderValue>) -> Self {
        Self {
            status,
            content_type: Some(content_type.unwrap_or(JSON)),
            body: body.to_owned(),
        }
    }
}

impl RequestTermination {
    /// Ends the request, unless it lacks the trigger.
    pub fn access(&self, exchange: &Exchange<'_>) -> Result<(), Rejection> {
        if let Some(trigger) = &self.trigger
            && !is_triggered(trigger, exchange)
        {
            return Ok(());
        }
        Err(Rejection::Terminated(Box::new(match &self.answer {
            Answer::Fixed(termination) => termination.clone(),
            Answer::Echo(message) => Termination {
                status: self.status,
                content_type: Some(HeaderValue::from_static("application/json")),
                body: echo(self.status, message.as_deref(), exchange).to_string(),
            },
        })))
    }
}

fn is_triggered(trigger: &Trigger, exchange: &Exchange<'_>) -> bool {
    let query = exchange.head.uri.query().unwrap_or_default();
    exchange.head.headers.contains_key(&trigger.header)
        || form_urlencoded::parse(query.as_bytes()).any(|(name, _)| *name == *trigger.argument)
}

/// The request as its client sent it, less what is not the client's to say: certificate and identity headers are gone.
fn echo(status: StatusCode, message: Option<&str>, exchange: &Exchange<'_>) -> Value {
    let matched = &exchange.matched;
    let query: BTreeMap<_, _> =
        form_urlencoded::parse(exchange.head.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    json!({
        "message": message.or_else(|| word_for(status)),
        "request": {
            "scheme": matched.scheme,
            "host": matched.host,
            "port": exchange.arrival.connection.local.port(),
            "method": exchange.head.method.as_str(),
            "path": exchange.head.uri.path(),
            "query": query,
            "headers": headers(&exchange.head.headers),
        },
        "matched_route": { "name": matched.route },
        "matched_service": matched.service.map(|service| json!({ "name": service })),
    })
}

/// By name: the value, or the values.
fn headers(headers: &HeaderMap) -> BTreeMap<&str, Value> {
    let text = |value: &HeaderValue| Value::from(String::from_utf8_lossy(value.as_bytes()));
    let lines = headers.keys().map(|name| {
        let mut values: Vec<Value> = headers.get_all(name).iter().map(text).collect();
        let value = if values.len() == 1 {
            values.remove(0)
        } else {
            values.into()
        };
        (name.as_str(), value)
    });
    lines.collect()
}
