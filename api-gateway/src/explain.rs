//! `explain`: what would become of one request, and why, without sending it anywhere.
//!
//! A request is made as the options say, by a connection that nobody opened, and walks the request path's own code
//! ([`Rehearsal`]) while a `Watcher` looks on. What is told is therefore what the gateway does, not what somebody has
//! written down about it; beside it stands the line of the document that made it so.
//!
//! Nothing is asked of the network. A certificate counts as if its key had been proved. A token that is given is never
//! printed.

mod account;
mod describe;
mod lines;
mod question;
mod secrets;
mod sight;
mod text;
mod watcher;

use std::net::IpAddr;
use std::path::PathBuf;

use clap::ValueEnum;
use transport::finding::Report;

use self::account::Account;
use self::question::Question;
use self::watcher::Watcher;
use crate::load::Inputs;
use crate::proxy::rehearsal::Rehearsal;

/// The request that is asked about.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// A method and an absolute URL, as in `GET https://host/path`; a URL alone is a GET
    #[arg(required = true, num_args = 1..=2, value_names = ["METHOD", "URL"])]
    pub request: Vec<String>,
    /// The client's certificate: PEM, leaf first. Its key is not needed: it counts as proved
    #[arg(long, value_name = "FILE")]
    pub cert: Option<PathBuf>,
    /// How the certificate comes: in the handshake, or in the header that the route reads. `header` with --edge
    #[arg(long, value_enum, value_name = "socket|header")]
    pub via: Option<Via>,
    /// The certificate of the edge that carries the request: PEM, leaf first
    #[arg(long, value_name = "FILE")]
    pub edge: Option<PathBuf>,
    /// The address that the connection comes from; without it, one that nobody trusts (192.0.2.1)
    #[arg(long, value_name = "IP")]
    pub from: Option<IpAddr>,
    /// An access token for `Authorization: Bearer`: `@FILE`, or `-` for standard input, keep it out of the process list
    #[arg(long, value_name = "TOKEN|@FILE|-")]
    pub token: Option<String>,
    /// A JWK set: the keys of the providers that openid-connect would ask. Nothing is asked of the network
    #[arg(long, value_name = "FILE")]
    pub jwks: Option<PathBuf>,
    /// A header of the request; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
    /// A body, `@FILE` or `-` for standard input: plugins may look for a token or a key in its fields. A form, unless a
    /// header Content-Type says that it is JSON; without a method it is a POST
    #[arg(short = 'd', long = "data", value_name = "BODY|@FILE|-")]
    pub data: Option<String>,
    /// The server name of the handshake, if it is not the URL's host
    #[arg(long, value_name = "NAME", conflicts_with = "no_sni")]
    pub sni: Option<String>,
    /// No server name in the handshake
    #[arg(long)]
    pub no_sni: bool,
    /// Speak HTTP/2
    #[arg(long)]
    pub http2: bool,
    /// The entry of `proxy_listen` that it comes to, or its address; else the first that fits the URL
    #[arg(long, value_name = "ENTRY")]
    pub listener: Option<String>,
    /// Judge as of this time (RFC 3339), not now
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Exit with 1 if the gateway would decide otherwise
    #[arg(long, value_enum, value_name = "allow|deny")]
    pub expect: Option<Expected>,
}

/// How a certificate comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Via {
    /// In the handshake.
    Socket,
    /// In a header.
    Header,
}

/// What the gateway is expected to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Expected {
    /// Send the request on.
    Allow,
    /// Answer it itself.
    Deny,
}

/// An explanation.
#[derive(Debug)]
pub struct Explanation {
    /// For standard output.
    pub text: String,
    /// Whether the decision is the expected one; it is if none was expected.
    pub is_as_expected: bool,
}

/// There is no explanation.
#[derive(Debug, thiserror::Error)]
pub enum NoExplanation {
    /// The options do not describe a request.
    #[error("{0}")]
    Question(String),
    /// The configuration has errors: nothing would run.
    #[error("the configuration has errors:\n{0}")]
    Configuration(Report),
}

impl Arguments {
    /// Explains.
    ///
    /// # Errors
    /// [`NoExplanation`].
    pub fn explain(&self, inputs: &Inputs) -> Result<Explanation, NoExplanation> {
        let (loaded, report) = inputs.load_with_document(1);
        let Some((loaded, document)) = loaded else {
            return Err(NoExplanation::Configuration(report));
        };
        let (settings, snapshot) = (&loaded.settings, &loaded.snapshot);
        if let Some(file) = &self.jwks {
            question::assume_keys(snapshot, file).map_err(NoExplanation::Question)?;
        }
        let question = Question::new(self, settings, snapshot).map_err(NoExplanation::Question)?;
        let mut watcher = Watcher::new(snapshot, &document);
        let rehearsal = Rehearsal::of(
            snapshot,
            &question.connection,
            (question.head.clone(), question.form.clone()),
            question.now,
            &mut watcher,
        );
        let is_as_expected = match self.expect {
            None => true,
            Some(Expected::Allow) => rehearsal.outcome.is_ok(),
            Some(Expected::Deny) => rehearsal.outcome.is_err() && watcher.unknown.is_none(),
        };
        let account = Account::new(&question, rehearsal, watcher);
        let text = if self.json {
            serde_json::to_string_pretty(&account)
                .map_err(|error| NoExplanation::Question(error.to_string()))?
        } else {
            account.to_string()
        };
        Ok(Explanation {
            text: question.secrets.taken_out(text),
            is_as_expected,
        })
    }
}
