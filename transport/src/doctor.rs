//! `doctor`: why handshakes fail, asked of a running program or found out at any server.

mod table;
mod visit;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::Value;

use crate::probe;
use visit::Visit;

/// What the doctor is asked.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Arguments {
    /// Print JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// Shake hands with this server instead, and say what it shows, what it asks for and what is wrong with it
    #[arg(long, value_name = "HOST:PORT")]
    pub connect: Option<String>,
    /// The name to ask for and to verify, if it is not HOST
    #[arg(long, value_name = "NAME", requires = "connect")]
    pub server_name: Option<String>,
    /// The certificate to show if one is asked for: PEM, leaf first
    #[arg(long, value_name = "FILE", requires_all = ["connect", "key"])]
    pub cert: Option<PathBuf>,
    /// Its private key: a PEM file, env:NAME, systemd:NAME or a pkcs11: URI
    #[arg(long, value_name = "KEY", requires_all = ["connect", "cert"])]
    pub key: Option<String>,
    /// The authorities that the server is verified by: PEM. The platform's roots without it
    #[arg(long, value_name = "FILE", requires = "connect")]
    pub trust: Option<PathBuf>,
}

/// What the doctor says.
#[derive(Debug)]
pub struct Findings {
    /// For standard output.
    pub text: String,
    /// Whether there is nothing to mend. Of failures in the past it is said that they were told.
    pub is_well: bool,
}

impl Arguments {
    /// Shakes hands with the server that is named. `None` if none is.
    pub async fn visit(&self) -> Option<Result<Findings, String>> {
        let address = self.connect.as_ref()?;
        let visit = match Visit::new(address, self) {
            Ok(visit) => visit,
            Err(problem) => return Some(Err(problem)),
        };
        Some(visit.pay().await.map(|seen| Findings {
            text: if self.json {
                format!("{:#}", seen.json())
            } else {
                seen.to_string().trim_end().to_owned()
            },
            is_well: seen.is_well(),
        }))
    }

    /// Asks a running program for its failed handshakes, newest first.
    pub async fn ask(&self, address: SocketAddr, path: &'static str) -> Result<Findings, String> {
        let (status, body) = probe::ask(address, path)
            .await
            .map_err(|error| error.to_string())?;
        if !status.is_success() {
            return Err(format!("{address} answers {status} to {path}"));
        }
        let failures: Value = serde_json::from_str(&body)
            .map_err(|error| format!("{address} does not answer {path} with JSON: {error}"))?;
        let text = if self.json {
            format!("{failures:#}")
        } else {
            table::of(&failures)
        };
        Ok(Findings { text, is_well: true })
    }
}
