//! A request that somebody could send: what a route is tried with, and what a reader of a plan can try himself.

use std::borrow::Cow;
use std::fmt;

use http::request::{Builder, Parts};
use http::{Method, Request};
use serde_json::{Value, json};

/// How a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// As a URI has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// A request without any credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PlannedRequest {
    /// The method.
    pub method: Method,
    /// How the client speaks.
    pub scheme: Scheme,
    /// `Host`, with the port if it is part of it.
    pub host: String,
    /// The path, and the query if there is one.
    pub target: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The server name of the handshake, by https.
    pub server_name: Option<String>,
}

impl PlannedRequest {
    /// The head that the gateway reads, with one more argument, and to which more may be added; `None` if no client could
    /// send it.
    pub(super) fn head(
        &self,
        argument: Option<&str>,
        more: impl FnOnce(Builder) -> Builder,
    ) -> Option<Parts> {
        let target: Cow<'_, str> = match argument {
            Some(argument) => {
                let mark = if self.target.contains('?') { '&' } else { '?' };
                format!("{}{mark}{argument}", self.target).into()
            }
            None => (&self.target).into(),
        };
        let mut builder = Request::builder()
            .method(&self.method)
            .uri(&*target)
            .header(http::header::HOST, &self.host);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        let request = more(builder).body(()).ok()?;
        Some(request.into_parts().0)
    }

    /// How much there is to read: of two witnesses the shorter is better.
    pub(super) fn length(&self) -> usize {
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| name.len() + value.len() + 20);
        let method = if self.method == Method::GET { 0 } else { 30 };
        let scheme = usize::from(self.scheme != Scheme::Https);
        method + scheme + self.host.len() + self.target.len() + headers.sum::<usize>()
    }

    /// Whether the server name says anything that the host does not.
    fn has_another_server_name(&self) -> bool {
        let host = self.host.split(':').next();
        self.scheme == Scheme::Https && self.server_name.as_deref() != host
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        let headers: Vec<Value> = self
            .headers
            .iter()
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        json!({
            "method": self.method.as_str(),
            "scheme": self.scheme.as_str(),
            "host": self.host,
            "path": self.target,
            "headers": headers,
            "sni": self.server_name,
        })
    }
}

impl fmt::Display for PlannedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            scheme,
            host,
            target,
            ..
        } = self;
        write!(f, "{method} {}://{host}{target}", scheme.as_str())?;
        for (name, value) in &self.headers {
            write!(f, " -H '{name}: {value}'")?;
        }
        match &self.server_name {
            Some(name) if self.has_another_server_name() => write!(f, " (server name {name})"),
            None if self.scheme == Scheme::Https => f.write_str(" (no server name)"),
            Some(_) | None => Ok(()),
        }
    }
}
