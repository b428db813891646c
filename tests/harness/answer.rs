//! What a client got.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version};
use serde_json::Value;

/// A whole response.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The version it came by.
    pub version: Version,
    /// The header lines.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// What either door and the echo may send to a client. Anything else is a leak: of an identity header, of a stack.
const ALLOWED: [&str; 17] = [
    "connection",
    "content-length",
    "content-type",
    "date",
    "kong-request-id", // correlation-id, where it is asked to echo
    "location",
    "sec-websocket-accept",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
    "x-kong-proxy-latency",
    "x-kong-request-id",
    "x-kong-response-latency",
    "x-kong-upstream-latency",
    "x-kong-upstream-status",
    "retry-after",
];

impl Answer {
    /// The value of a header, if it came once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.get_all(name).iter();
        let first = lines.next()?.to_str().ok()?;
        lines.next().is_none().then_some(first)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Kong's `message`, if the body has one.
    pub fn message(&self) -> Option<String> {
        self.json()["message"].as_str().map(Into::into)
    }

    /// The gateway's name for the request; absent if the gateway never saw it.
    pub fn request_id(&self) -> Option<&str> {
        self.header("x-kong-request-id")
    }

    /// What the echo received under a header name: its values, comma separated; `None` if it did not come.
    pub fn received(&self, name: &str) -> Option<String> {
        let json = self.json();
        let values = json["headers"][name.to_ascii_lowercase()].as_array()?;
        let values: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
        Some(values.join(", "))
    }

    /// The names that the echo received and that begin with `prefix`.
    pub fn received_names(&self, prefix: &str) -> Vec<String> {
        let json = self.json();
        let names = json["headers"].as_object().into_iter().flatten();
        names
            .map(|(name, _)| name.clone())
            .filter(|name| name.starts_with(prefix))
            .collect()
    }

    /// Header names that no client should get.
    pub fn leaks(&self) -> Vec<String> {
        // An upstream says who it is, and nobody else does.
        let is_nginx = self
            .header("server")
            .is_some_and(|server| server.starts_with("nginx"));
        let expected = |name: &str| ALLOWED.contains(&name) || (is_nginx && name == "server");
        let names = self.headers.keys().map(|name| name.as_str().to_owned());
        names.filter(|name| !expected(name)).collect()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:?} {}", self.version, self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {}", String::from_utf8_lossy(value.as_bytes()))?;
        }
        write!(f, "\n{}", self.text())
    }
}
