//! The PKI, the configuration and the three programs.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use harness::client::Client;
use harness::pki::Pki;
use harness::program::{Program, command};
use harness::template;

use crate::Failure;
use crate::why::LogEnds;

/// Where the echo listens; the document names it.
const ECHO: u16 = 9444;

/// Everybody who listens, for the complaint about a port in use.
const PORTS: [(u16, &str); 7] = [
    (8443, "the edge, passthrough"),
    (8444, "the edge, verify"),
    (8445, "the edge, TLS passed through"),
    (9901, "the edge's admin listener"),
    (9443, "the gateway"),
    (9902, "the gateway's status listener"),
    (ECHO, "the upstream"),
];

/// Edge, gateway and upstream. They end with this value.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) pki: Arc<Pki>,
    // In the order in which they should go.
    edge: Program,
    gateway: Program,
    upstream: Program,
}

/// A way in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The edge as an ALB in passthrough mode.
    Passthrough,
    /// The edge as an ALB in verify mode.
    Verify,
    /// The edge as an NLB.
    Passed,
    /// Past the edge.
    Gateway,
}

impl Door {
    pub(crate) fn port(self) -> u16 {
        match self {
            Self::Passthrough => 8443,
            Self::Verify => 8444,
            Self::Passed => 8445,
            Self::Gateway => 9443,
        }
    }

    /// The name that the server must prove.
    pub(crate) fn host(self) -> &'static str {
        match self {
            Self::Passthrough | Self::Verify => "edge.test",
            // Its TLS is the gateway's.
            Self::Passed | Self::Gateway => "gateway.test",
        }
    }
}

impl Nodes {
    /// Writes PKI and configuration into `dir` and starts everything. `logs` gets the gateway's request log and the
    /// edge's connection log.
    pub(crate) fn start(dir: &Path, logs: LogEnds) -> Result<Self, Failure> {
        ports_are_free()?;
        fs::create_dir_all(dir)?;
        let pki = Arc::new(Pki::make(&dir.join("pki"))?);
        let document = template::fill(include_str!("kong.yaml.template"), pki.dir(), &[])?;
        let (gateway, edge) = (dir.join("gateway.toml"), dir.join("edge.toml"));
        fs::write(dir.join("kong.yaml"), document)?;
        fs::write(&gateway, include_str!("gateway.toml"))?;
        fs::write(&edge, include_str!("edge.toml"))?;

        let (chain, key) = pki.pair("upstream/server");
        let listen = address(ECHO).to_string();
        let arguments = [
            "--https",
            &listen,
            "--certificate",
            &text(&chain),
            "--private-key",
            &text(&key),
        ];
        let upstream = Program::start(command("echo-upstream", &arguments)?, "echo-upstream")?;
        let run = |program, file: &Path| {
            command(program, &["--log-format", "json", "run", "--config", &text(file)])
        };
        let gateway =
            Program::start_and_tell(run("api-gateway", &gateway)?, "api-gateway", Some(logs.requests))?;
        let edge = Program::start_and_tell(run("edge-proxy", &edge)?, "edge-proxy", Some(logs.connections))?;
        Ok(Self {
            pki,
            edge,
            gateway,
            upstream,
        })
    }

    /// A client, without a certificate yet.
    pub(crate) fn client(&self, door: Door) -> Client {
        Client::https(address(door.port()), &self.pki, door.host())
    }

    /// Ends all three in order, each after its last request.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        for (name, program) in [
            ("edge-proxy", self.edge),
            ("api-gateway", self.gateway),
            ("echo-upstream", self.upstream),
        ] {
            let status = program.stop()?;
            if !status.success() {
                return Err(format!("{name} was told to stop and ended with {status}").into());
            }
        }
        Ok(())
    }
}

fn address(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

/// All at once, and before a program is started: a child's complaint would name one port.
fn ports_are_free() -> Result<(), Failure> {
    let taken = |(port, _): &&(u16, &str)| TcpListener::bind(address(*port)).is_err();
    let taken: Vec<String> = PORTS
        .iter()
        .filter(taken)
        .map(|(port, who)| format!("  127.0.0.1:{port} ({who})"))
        .collect();
    if taken.is_empty() {
        return Ok(());
    }
    let who = "see who has them with `ss -ltnp`; perhaps another demo is running";
    Err(format!(
        "the demo needs ports that are in use:\n{}\n{who}",
        taken.join("\n")
    )
    .into())
}

/// Where the demo's files are: where the user wants them, or in a place that is gone afterwards.
#[derive(Debug)]
pub(crate) enum Place {
    /// Stays.
    Given(PathBuf),
    /// Is removed.
    Temporary(tempfile::TempDir),
}

impl Place {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }
}
