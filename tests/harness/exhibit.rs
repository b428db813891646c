//! A certificate on its way to the gateway: shown in a handshake, or carried in a header. One verifier judges both, so
//! tests ask both ways and expect one answer.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certs::pki::pem_block;
use certs::{Authority, Chain, Issued};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use serde_json::Value;

use crate::answer::Answer;
use crate::client::{Call, CallError, Client};
use crate::stack::{Plan, Stack};

/// The header of an ALB in passthrough mode.
const HEADER: &str = "X-Amzn-Mtls-Clientcert";

/// What somebody shows: a chain, leaf first, and the key of its leaf if anybody has it.
#[derive(Debug)]
pub struct Exhibit {
    chain: Vec<CertificateDer<'static>>,
    key: Option<PrivateKeyDer<'static>>,
}

/// How it reaches the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// In the handshake, judged by `mtls-auth`.
    Socket,
    /// In a header from whoever has the edge's key, judged by `header-cert-auth`.
    Header,
    /// In a handshake with the edge in passthrough mode, which writes the header.
    Edge,
    /// In a header over plain HTTP, for a gateway that trusts addresses.
    Address,
}

/// The ways to a gateway that knows its edges by their certificates.
pub const WAYS: [Way; 3] = [Way::Socket, Way::Header, Way::Edge];

/// What became of a request: for the client, for the operator.
#[derive(Debug)]
pub struct Judged {
    /// The answer.
    pub answer: Answer,
    /// The log line.
    pub line: Value,
}

impl Exhibit {
    /// A chain in the order it is shown, and the key of the first.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self {
            chain,
            key: Some(key),
        }
    }

    /// A chain whose key nobody has: it can be written into a header, and not shown in a handshake.
    pub fn without_key(chain: &Chain) -> Self {
        Self {
            chain: chain.chain(),
            key: None,
        }
    }

    /// The first certificate alone.
    pub fn alone(mut self) -> Self {
        self.chain.truncate(1);
        self
    }

    /// More certificates after those that are there.
    pub fn and(mut self, more: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        self.chain.extend(more);
        self
    }

    /// With octets after certificate number `index`.
    pub fn trailing(mut self, index: usize) -> Self {
        self.chain[index] = [&self.chain[index][..], &[0]].concat().into();
        self
    }

    /// Its certificates.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// As it is shown in a handshake. Whether key and certificate belong together is for the other side to find out.
    pub fn identity(&self) -> Option<Arc<CertifiedKey>> {
        let key = self.key.as_ref()?.clone_key();
        let key = aws_lc_rs::default_provider()
            .key_provider
            .load_private_key(key)
            .unwrap();
        Some(Arc::new(CertifiedKey::new(self.chain.clone(), key)))
    }

    /// As `url_encoded` has it: the whole chain as PEM, percent-encoded as ALB does.
    pub fn url_encoded(&self) -> String {
        let blocks = self.chain.iter().map(|der| pem_block("CERTIFICATE", der));
        blocks
            .collect::<String>()
            .replace(' ', "%20")
            .replace('\n', "%0A")
    }

    /// As `base64_encoded` has it: the first certificate, without BEGIN and END lines.
    pub fn base64(&self) -> String {
        STANDARD.encode(&self.chain[0])
    }
}

impl From<Issued> for Exhibit {
    fn from(issued: Issued) -> Self {
        Self::new(issued.chain(), issued.key())
    }
}

/// An authority that passes its own certificate off as a client's.
impl From<&Authority> for Exhibit {
    fn from(authority: &Authority) -> Self {
        Self::new(authority.path(), authority.key())
    }
}

impl Way {
    /// The path of a route in this way.
    pub fn path(self, route: &str) -> String {
        match self {
            Self::Socket => format!("/socket/{route}"),
            Self::Header | Self::Edge | Self::Address => format!("/header/{route}"),
        }
    }

    /// The plugin and the evidence, as the log names them.
    pub fn plugin(self) -> (&'static str, &'static str) {
        match self {
            Self::Socket => ("mtls-auth", "socket"),
            Self::Header | Self::Edge | Self::Address => ("header-cert-auth", "header"),
        }
    }
}

impl Plan {
    /// One more CA of the document, known by its name: `{name}` in the document becomes its id. What is added here
    /// ends the document.
    pub fn authority(mut self, name: &str, authority: &Authority) -> Self {
        const SECTION: &str = "\nca_certificates:\n";
        let number = self.document.matches("\"@authorities/").count() + 1;
        let id = format!("c1a00000-0000-4000-8000-{number:012}");
        if !self.document.contains(SECTION) {
            self.document.push_str(SECTION);
        }
        self.document = self.document.replace(&format!("{{{name}}}"), &id);
        let entry = format!("  - {{id: {id}, cert: \"@authorities/{name}.pem\"}}\n");
        self.document.push_str(&entry);
        self.file(&format!("authorities/{name}.pem"), authority.pem())
    }

    /// Writes of no revocation list: those of the PKI are of authorities that the document may not have.
    pub fn without_lists(self) -> Self {
        self.gateway("revocation_lists", "")
    }

    /// Trusts addresses instead of edges.
    pub fn trusting_addresses(self, addresses: &str) -> Self {
        self.gateway("trusted_edges", "")
            .gateway("trusted_edge_ca", "")
            .gateway("trusted_edge_revocation_lists", "")
            .gateway("trusted_ips", addresses)
    }
}

/// The line of a route `/NAME` that runs these plugins, for a document's `routes:`.
pub fn route(name: &str, plugins: &str) -> String {
    let id = name.replace('/', "-");
    format!("  - {{name: {id}, service: echo, paths: [/{name}], plugins: [{plugins}]}}\n")
}

/// Two routes with one configuration: `/socket/NAME` for the certificate of the handshake, `/header/NAME` for the one in
/// the header; `then` are plugins that run on both.
pub fn both_ways(name: &str, config: &str, then: &str) -> String {
    let written = "certificate_header_name: X-Amzn-Mtls-Clientcert, certificate_header_format: url_encoded";
    let then = if then.is_empty() {
        String::new()
    } else {
        format!(", {then}")
    };
    [
        route(
            &format!("socket/{name}"),
            &format!("{{name: mtls-auth, config: {{{config}}}}}{then}"),
        ),
        route(
            &format!("header/{name}"),
            &format!("{{name: header-cert-auth, config: {{{config}, {written}}}}}{then}"),
        ),
    ]
    .concat()
}

impl Stack {
    /// Whoever brings certificates in this way: with the certificate itself where it is shown in the handshake.
    pub fn bearer(&self, way: Way, exhibit: Option<&Exhibit>) -> Client {
        let shown = |client: Client| match exhibit {
            Some(exhibit) => client.with(exhibit.identity().expect("somebody has the key")),
            None => client,
        };
        match way {
            Way::Socket => shown(self.gateway()),
            Way::Edge => shown(self.edge("public")),
            Way::Header => self.gateway().cert("edge/client"),
            Way::Address => self.gateway_http(),
        }
    }

    /// A request to `route` that brings a certificate in this way.
    pub fn show(&self, way: Way, exhibit: &Exhibit, route: &str) -> Call {
        let call = self.bearer(way, Some(exhibit)).get(&way.path(route));
        match way {
            Way::Socket | Way::Edge => call,
            Way::Header | Way::Address => call.header(HEADER, &exhibit.url_encoded()),
        }
    }

    /// The same, and what became of it.
    pub async fn judge(&self, way: Way, exhibit: &Exhibit, route: &str) -> Judged {
        let answer = self.show(way, exhibit, route).await;
        self.judged(answer).await
    }

    /// The same, where the connection may fail.
    pub async fn try_judge(&self, way: Way, exhibit: &Exhibit, route: &str) -> Result<Judged, CallError> {
        let answer = self.show(way, exhibit, route).outcome().await?;
        Ok(self.judged(answer).await)
    }

    /// What the gateway says of its answer.
    pub async fn judged(&self, answer: Answer) -> Judged {
        let line = self.line_of(&answer).await;
        Judged { answer, line }
    }
}

impl Judged {
    /// Status, body and reason, in one line; `200 as NAME` for a request that went on, by what the upstream was told.
    pub fn verdict(&self) -> String {
        let status = self.answer.status.as_u16();
        if self.line["source"] == "upstream" {
            let consumer = self.answer.received("x-consumer-username");
            return format!("{status} as {}", consumer.as_deref().unwrap_or("nobody"));
        }
        let text = self.answer.text();
        let first = text.lines().next().unwrap_or_default().to_owned();
        let message = self.answer.message().unwrap_or(first);
        format!("{status} {message}: {}", self.reason())
    }

    /// The word for the refusal; empty if there was none.
    pub fn reason(&self) -> &str {
        self.line["decision"]["reason"].as_str().unwrap_or_default()
    }

    /// The sentence about it.
    pub fn cause(&self) -> &str {
        self.line["decision"]["cause"].as_str().unwrap_or_default()
    }

    /// Who was authenticated: plugin, evidence, username (or `nobody`) and subject of each.
    pub fn principals(&self) -> Vec<String> {
        let principals = self.line["principals"].as_array().into_iter().flatten();
        principals
            .map(|principal| {
                let text = |value: &Value| value.as_str().unwrap_or("nobody").to_owned();
                let (plugin, evidence) = (text(&principal["plugin"]), text(&principal["evidence"]));
                let consumer = text(&principal["consumer"]["username"]);
                format!("{plugin} {evidence} {consumer} {}", text(&principal["subject"]))
            })
            .collect()
    }
}
