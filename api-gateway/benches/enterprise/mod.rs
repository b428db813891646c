//! Documents as a large Kong Enterprise installation has them, of any size.

#![allow(dead_code, reason = "each benchmark needs a part of it")]

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use api_gateway::load::{Inputs, Loaded};
use serde_json::{Value, json};

/// The id of the CA that issues to clients.
const CLIENTS_CA: &str = "c1a00000-0000-4000-8000-000000000001";

/// What a document holds.
#[derive(Clone, Copy)]
pub(crate) struct Enterprise<'a> {
    /// Consumers; number N has the username `cN@example.com`.
    pub(crate) consumers: usize,
    /// How much is written of each.
    pub(crate) detail: Detail,
    /// Services with one route each; number N takes `/api/N`.
    pub(crate) routes: usize,
    /// Where `mtls-auth` and `acl_1595` stand; every route has an `acl` of its own.
    pub(crate) plugins: Plugins,
    /// The CA that issues to clients, in PEM.
    pub(crate) clients_ca: &'a str,
}

/// What is written of a consumer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// The name alone, and of the first thousand the groups that they need: a million fit into what a document may hold.
    Names,
    /// Names, labels, two groups, and of every fifth a certificate mapped by hand.
    Whole,
}

/// Where plugins stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plugins {
    /// One for all routes.
    Global,
    /// Each service has its own.
    EachService,
}

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// In block style, as decK dumps it.
    Yaml,
    /// Without a space.
    Json,
}

impl Syntax {
    /// The extension of its files.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
        }
    }
}

impl Enterprise<'_> {
    /// Writes the document to a file of this name.
    pub(crate) fn write(&self, name: &str, syntax: Syntax) -> Result<PathBuf, Box<dyn Error>> {
        let mut text = String::new();
        match syntax {
            Syntax::Json => {
                text.push_str("{\"_format_version\":\"3.0\"");
                self.collections(|collection, entities| {
                    write!(text, ",\"{collection}\":[")?;
                    for (index, entity) in entities.enumerate() {
                        write!(text, "{}{entity}", if index == 0 { "" } else { "," })?;
                    }
                    text.push(']');
                    Ok(())
                })?;
                text.push('}');
            }
            Syntax::Yaml => {
                text.push_str("_format_version: \"3.0\"\n");
                self.collections(|collection, entities| {
                    writeln!(text, "{collection}:")?;
                    entities.for_each(|entity| item(&mut text, 0, &entity));
                    Ok(())
                })?;
            }
        }
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.{}", syntax.extension()));
        fs::write(&path, text)?;
        Ok(path)
    }

    fn collections(
        &self,
        mut write: impl FnMut(&str, &mut dyn Iterator<Item = Value>) -> Result<(), std::fmt::Error>,
    ) -> Result<(), std::fmt::Error> {
        let authority = json!({"id": CLIENTS_CA, "cert": self.clients_ca});
        write("ca_certificates", &mut [authority].into_iter())?;
        write(
            "services",
            &mut (0..self.routes).map(|number| self.service(number)),
        )?;
        write(
            "consumers",
            &mut (0..self.consumers).map(|number| self.consumer(number)),
        )?;
        match self.plugins {
            Plugins::Global => write("plugins", &mut judging().into_iter()),
            Plugins::EachService => Ok(()),
        }
    }

    fn service(&self, number: usize) -> Value {
        let mut service = json!({
            "name": format!("service-{number}"),
            "protocol": if number.is_multiple_of(2) { "https" } else { "http" },
            "host": format!("service-{number}.internal"),
            "port": 8443,
            "path": "/v1",
            "connect_timeout": 5000,
            "retries": 3,
            "tags": ["team-a", format!("cost-centre-{}", number % 50)],
            "routes": [{
                "name": format!("route-{number}"),
                "paths": [format!("/api/{number}")],
                "methods": ["GET", "POST"],
                "protocols": ["https"],
                "strip_path": true,
                "plugins": [{"name": "acl", "config": {"allow": ["partners", format!("only-{number}")]}}],
            }],
        });
        if number.is_multiple_of(2) {
            service["ca_certificates"] = json!([CLIENTS_CA]);
        }
        if self.plugins == Plugins::EachService {
            service["plugins"] = judging().into_iter().collect();
        }
        service
    }

    fn consumer(&self, number: usize) -> Value {
        let username = username(number);
        let groups = json!([{"group": "known"}, {"group": "partners"}]);
        match self.detail {
            Detail::Names if number < 1000 => json!({"username": username, "acls": groups}),
            Detail::Names => json!({"username": username}),
            Detail::Whole => {
                let mut consumer = json!({
                    "username": username,
                    "custom_id": format!("customer-{number:08}"),
                    "tags": ["imported"],
                    "acls": groups,
                });
                if number.is_multiple_of(5) {
                    consumer["mtls_auth_credentials"] = json!([{
                        "subject_name": format!("device-{number}.example.com"),
                        "ca_certificate": {"id": CLIENTS_CA},
                    }]);
                }
                consumer
            }
        }
    }
}

/// The name by which a consumer is found.
pub(crate) fn username(number: usize) -> String {
    format!("c{number}@example.com")
}

/// What stands before a route's own `acl`.
fn judging() -> [Value; 2] {
    [
        json!({"name": "mtls-auth", "config": {
            "ca_certificates": [CLIENTS_CA],
            "revocation_check_mode": "SKIP",
        }}),
        json!({"name": "acl_1595", "config": {"allow": ["known"], "hide_groups_header": true}}),
    ]
}

/// Loads a document as the gateway does when it starts.
pub(crate) fn load(document: &Path) -> Result<Loaded, Box<dyn Error>> {
    let inputs = Inputs {
        file: None,
        environment: vec![(
            "KONG_DECLARATIVE_CONFIG".to_owned(),
            document.display().to_string(),
        )],
    };
    let (loaded, report) = inputs.load(1);
    loaded.ok_or_else(|| report.to_string().into())
}

/// One element of a list, in block style.
fn item(text: &mut String, depth: usize, value: &Value) {
    indent(text, depth);
    text.push_str("- ");
    match value {
        Value::Object(fields) => {
            for (index, (key, value)) in fields.iter().enumerate() {
                if index > 0 {
                    indent(text, depth + 1);
                }
                field(text, depth + 1, key, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            scalar(text, depth + 1, value);
        }
    }
}

fn field(text: &mut String, depth: usize, key: &str, value: &Value) {
    text.push_str(key);
    text.push(':');
    match value {
        Value::Array(values) => {
            text.push('\n');
            for value in values {
                item(text, depth, value);
            }
        }
        Value::Object(fields) => {
            text.push('\n');
            for (key, value) in fields {
                indent(text, depth + 1);
                field(text, depth + 1, key, value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push(' ');
            scalar(text, depth + 1, value);
        }
    }
}

fn scalar(text: &mut String, depth: usize, value: &Value) {
    match value {
        Value::String(lines) if lines.contains('\n') => {
            text.push_str("|\n");
            for line in lines.lines() {
                indent(text, depth);
                text.push_str(line);
                text.push('\n');
            }
            return;
        }
        Value::String(word) => text.push_str(word),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            text.push_str(&value.to_string());
        }
    }
    text.push('\n');
}

fn indent(text: &mut String, depth: usize) {
    text.extend(std::iter::repeat_n("  ", depth));
}
