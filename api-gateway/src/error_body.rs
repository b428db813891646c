//! The bodies of refusals, in the form that the client asks for, as Kong writes them.

use std::borrow::Cow;

use http::header::{self, HeaderMap, HeaderValue};

use crate::rejection::Form;

/// A body and its content type.
#[derive(Debug, PartialEq, Eq)]
pub struct ErrorBody {
    /// For `Content-Type`.
    pub content_type: HeaderValue,
    /// The body.
    pub text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MediaType {
    Json,
    Html,
    Xml,
    Plain,
}

/// What of a request decides the form of its refusal. Taken before the headers go upstream.
#[derive(Clone, Debug, Default)]
pub struct Preference {
    accept: Option<HeaderValue>,
    content_type: Option<HeaderValue>,
}

impl Preference {
    /// Of a request's headers.
    pub fn of(headers: &HeaderMap) -> Self {
        Self {
            accept: headers.get(header::ACCEPT).cloned(),
            content_type: headers.get(header::CONTENT_TYPE).cloned(),
        }
    }

    /// Writes a message.
    pub fn write(&self, form: Form, message: &str, request_id: &str) -> ErrorBody {
        let media_type = match form {
            Form::Message => {
                let text = format!(r#"{{"message":{}}}"#, quoted(message));
                return ErrorBody {
                    content_type: MediaType::Json.content_type(),
                    text,
                };
            }
            Form::Negotiated => self.accepted().unwrap_or(MediaType::Json),
            Form::NegotiatedByType => match &self.accept {
                Some(_) => self.accepted().unwrap_or(MediaType::Json),
                None => self
                    .content_type
                    .as_ref()
                    .and_then(|t| known(t.to_str().ok()?))
                    .unwrap_or(MediaType::Plain),
            },
        };
        ErrorBody {
            content_type: media_type.content_type(),
            text: media_type.write(message, request_id),
        }
    }

    /// The known type with the highest `q`; of equals, the first.
    fn accepted(&self) -> Option<MediaType> {
        let accept = self.accept.as_ref()?.to_str().ok()?;
        let mut best: Option<(f32, MediaType)> = None;
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let Some(media_type) = parts.next().and_then(known) else {
                continue;
            };
            let quality = parts
                .filter_map(|parameter| {
                    parameter
                        .strip_prefix("q=")
                        .or_else(|| parameter.strip_prefix("Q="))
                })
                .find_map(|q| q.parse::<f32>().ok())
                .unwrap_or(1.0);
            if quality > best.map_or(0.0, |(known, _)| known) {
                best = Some((quality, media_type));
            }
        }
        best.map(|(_, media_type)| media_type)
    }
}

fn known(text: &str) -> Option<MediaType> {
    let essence = text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" | "application/*" | "*/*" => Some(MediaType::Json),
        "text/html" | "application/xhtml+xml" => Some(MediaType::Html),
        "application/xml" | "text/xml" => Some(MediaType::Xml),
        "text/plain" | "text/*" => Some(MediaType::Plain),
        _ => None,
    }
}

impl MediaType {
    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/json; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Xml => "application/xml; charset=utf-8",
            Self::Plain => "text/plain; charset=utf-8",
        })
    }

    fn write(self, message: &str, id: &str) -> String {
        match self {
            Self::Json => format!(
                "{{\n  \"message\":{},\n  \"request_id\":\"{id}\"\n}}",
                quoted(message)
            ),
            Self::Html => format!(
                "<!doctype html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n    <title>Error</title>\n  </head>\n  <body>\n    <h1>Error</h1>\n    <p>{}.</p>\n    <p>request_id: {id}</p>\n  </body>\n</html>\n",
                escaped(message)
            ),
            Self::Xml => format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<error>\n  <message>{}</message>\n  <requestid>{id}</requestid>\n</error>\n",
                escaped(message)
            ),
            Self::Plain => format!("{message}\nrequest_id: {id}\n"),
        }
    }
}

/// Text as a JSON string: some messages are the configuration's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Text for HTML and XML.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>']) {
        return Cow::Borrowed(text);
    }
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preference(accept: Option<&str>, content_type: Option<&str>) -> Preference {
        let value = |text: &str| text.parse().unwrap();
        Preference {
            accept: accept.map(value),
            content_type: content_type.map(value),
        }
    }

    #[test]
    fn the_form_follows_the_request() {
        for (accept, content_type, form, expected) in [
            (None, None, Form::Negotiated, "application/json"),
            (Some("*/*"), None, Form::Negotiated, "application/json"),
            (Some("application/*"), None, Form::Negotiated, "application/json"),
            (Some("text/*"), None, Form::Negotiated, "text/plain"),
            (
                Some("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
                None,
                Form::Negotiated,
                "text/html",
            ),
            (
                Some("application/json;q=0.5, application/xml;q=0.9"),
                None,
                Form::Negotiated,
                "application/xml",
            ),
            (Some("image/png"), None, Form::Negotiated, "application/json"),
            (Some("text/plain;q=0"), None, Form::Negotiated, "application/json"),
            (None, None, Form::NegotiatedByType, "text/plain"),
            (
                None,
                Some("application/json; charset=utf-8"),
                Form::NegotiatedByType,
                "application/json",
            ),
            (
                Some("text/html"),
                Some("application/json"),
                Form::NegotiatedByType,
                "text/html",
            ),
            (Some("text/html"), None, Form::Message, "application/json"),
        ] {
            let body = preference(accept, content_type).write(form, "m", "1");
            let got = body.content_type.to_str().unwrap();
            assert!(
                got.starts_with(expected),
                "{accept:?} {content_type:?} {form:?}: {got}"
            );
        }
    }

    #[test]
    fn bodies_are_kongs_to_the_byte() {
        let any = Preference::default();
        assert_eq!(
            any.write(Form::Message, "No required TLS certificate was sent", "1")
                .text
                .len(),
            50
        );
        assert_eq!(
            any.write(Form::Negotiated, "m", "1f").text,
            "{\n  \"message\":\"m\",\n  \"request_id\":\"1f\"\n}"
        );
        assert_eq!(
            any.write(Form::NegotiatedByType, "m", "1f").text,
            "m\nrequest_id: 1f\n"
        );
    }
}
