//! What the demo asks, and what has to come of it.

use harness::answer::Answer;
use harness::client::{CallError, Client};

use crate::Failure;
use crate::nodes::{Door, Nodes};

/// One request, and what the design promises about it.
pub(crate) struct Row {
    /// Who asks.
    pub(crate) who: &'static str,
    /// By which way.
    pub(crate) door: Door,
    /// With which HTTP.
    pub(crate) protocol: Protocol,
    /// The path.
    pub(crate) path: &'static str,
    /// A forged header, if the row sends one.
    pub(crate) forged: Option<Forged>,
    /// What must come of it.
    pub(crate) expected: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// What somebody writes into the header in which only an edge may write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Forged {
    /// Alice's certificate, which is public.
    Alice,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// This status.
    Status(u16),
    /// 200, and the upstream got this consumer's headers.
    Consumer(&'static str, Option<&'static str>),
    /// No connection: the TLS handshake fails.
    NoConnection,
}

/// What came of a row.
pub(crate) type Outcome = Result<Answer, CallError>;

/// All rows, in the order of the table.
pub(crate) fn all() -> Vec<Row> {
    use Door::{Gateway, Passed, Passthrough, Verify};
    use Expected::{Consumer, NoConnection, Status};
    let alice = Consumer("alice@example.com", Some("partners"));
    let mut rows = vec![
        row("nobody", Passthrough, "/public", Status(200)),
        row("nobody", Passthrough, "/mtls", Status(401)),
        row("alice", Passthrough, "/mtls", alice),
        row("bob", Passthrough, "/mtls", Status(403)),
        row("mallory", Passthrough, "/mtls", Status(401)),
        row("expired", Passthrough, "/mtls", Status(401)),
        row("revoked", Passthrough, "/mtls", Status(401)),
        row("alice without her key", Passthrough, "/mtls", NoConnection),
        row("nobody", Passthrough, "/mtls", Status(401)).forging(Forged::Alice),
        row("bob", Passthrough, "/mtls", Status(403)).forging(Forged::Alice),
        row("nobody", Gateway, "/mtls", Status(401)).forging(Forged::Alice),
        row("bob", Gateway, "/mtls", Status(401)).forging(Forged::Alice),
        row("alice", Passthrough, "/double", alice),
        row("bob", Passthrough, "/double", Status(403)),
        row("alice", Passthrough, "/double-other-edge", Status(403)),
        row("nobody", Verify, "/public", NoConnection),
        row("alice", Verify, "/verify", alice),
        row("bob", Verify, "/verify", Status(403)),
        row("mallory", Verify, "/verify", NoConnection),
        row("expired", Verify, "/verify", NoConnection),
        row("revoked", Verify, "/verify", NoConnection),
        row("nobody", Passed, "/direct", Status(401)),
        row("alice", Passed, "/direct", alice),
        row("bob", Passed, "/direct", Status(403)),
        row("mallory", Passed, "/direct", Status(401)),
        row("revoked", Passed, "/direct", Status(401)),
        row("alice without her key", Passed, "/direct", NoConnection),
    ];
    let over_http2 = [
        row("alice", Passthrough, "/mtls", alice),
        row("bob", Passthrough, "/mtls", Status(403)),
    ];
    rows.extend(over_http2.map(|row| Row {
        protocol: Protocol::Http2,
        ..row
    }));
    rows
}

fn row(who: &'static str, door: Door, path: &'static str, expected: Expected) -> Row {
    Row {
        who,
        door,
        protocol: Protocol::Http1,
        path,
        forged: None,
        expected,
    }
}

impl Row {
    fn forging(self, forged: Forged) -> Self {
        Self {
            forged: Some(forged),
            ..self
        }
    }

    /// Sends it.
    pub(crate) async fn send(&self, nodes: &Nodes) -> Result<Outcome, Failure> {
        let client = nodes.client(self.door);
        let client = match self.protocol {
            Protocol::Http1 => client,
            Protocol::Http2 => client.over_http2(),
        };
        let mut call = self.identified(client, nodes)?.get(self.path);
        if let Some(Forged::Alice) = self.forged {
            let chain = transport::presented::PresentedChain::new(nodes.pki.chain("alice")?)?;
            let value = transport::forwarded_cert::alb_passthrough(&chain)?;
            call = call.header(
                transport::forwarded_cert::PASSTHROUGH_HEADER.as_str(),
                value.to_str()?,
            );
        }
        Ok(call.outcome().await)
    }

    fn identified(&self, client: Client, nodes: &Nodes) -> Result<Client, Failure> {
        Ok(match self.who {
            "nobody" => client,
            "alice without her key" => client.with(nodes.pki.stolen("alice", "mallory")?),
            name => client.with(nodes.pki.identity(name)?),
        })
    }

    /// Whether it went as promised.
    pub(crate) fn is_as_expected(&self, outcome: &Outcome) -> bool {
        match (self.expected, outcome) {
            (Expected::NoConnection, Err(CallError::Tls(_) | CallError::Exchange(_))) => true,
            (Expected::Status(status), Ok(answer)) => {
                answer.status.as_u16() == status && answer.leaks().is_empty()
            }
            (Expected::Consumer(name, groups), Ok(answer)) => {
                answer.status.as_u16() == 200
                    && answer.leaks().is_empty()
                    && answer.received("x-consumer-username").as_deref() == Some(name)
                    && answer.received("x-credential-identifier").as_deref() == Some(name)
                    && answer.received("x-consumer-id").is_some()
                    && answer.received("x-consumer-custom-id").is_some()
                    && answer.received("x-consumer-groups").as_deref() == groups
                    && answer.received("x-anonymous-consumer").is_none()
            }
            (Expected::NoConnection, _) | (Expected::Status(_) | Expected::Consumer(..), Err(_)) => false,
        }
    }

    /// How the request comes, for the table.
    pub(crate) fn how(&self) -> String {
        let way = match self.door {
            Door::Passthrough => "edge, passthrough",
            Door::Verify => "edge, verify",
            Door::Passed => "edge, TLS passed through",
            Door::Gateway => "straight to the gateway",
        };
        match self.protocol {
            Protocol::Http1 => way.to_owned(),
            Protocol::Http2 => format!("{way}, HTTP/2"),
        }
    }

    /// What is asked, for the table.
    pub(crate) fn request(&self) -> String {
        match self.forged {
            None => format!("GET {}", self.path),
            Some(Forged::Alice) => format!("GET {} + forged header", self.path),
        }
    }

    /// What is expected, for the table.
    pub(crate) fn expected(&self) -> String {
        match self.expected {
            Expected::Status(status) => status.to_string(),
            Expected::Consumer(..) => "200 + headers".to_owned(),
            Expected::NoConnection => "no TLS".to_owned(),
        }
    }
}
