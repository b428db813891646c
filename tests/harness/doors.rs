//! Upstream, gateway and edge in this process, each on ports that the kernel chooses. What cannot be started fails the
//! test.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use api_gateway::gateway::Gateway;
use api_gateway::load::Inputs;
use edge_proxy::Edge;
use edge_proxy::edge::Control;
use rustls::ServerConfig;
use rustls::sign::SingleCertAndKey;
use tokio::sync::{mpsc, oneshot};
use transport::possession::prove_possession;

use crate::echo::{Echo, Keep, Seen};
use crate::pki::Pki;
use crate::template;

/// A configuration of the tests, by its name.
pub fn fixture(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A gateway in this process, until dropped.
#[derive(Debug)]
pub(crate) struct RunningGateway {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) status: SocketAddr,
    pub(crate) reloads: mpsc::Sender<()>,
    _stop: oneshot::Sender<()>,
}

/// An edge in this process, until dropped.
#[derive(Debug)]
pub(crate) struct RunningEdge {
    pub(crate) addresses: BTreeMap<String, SocketAddr>,
    pub(crate) admin: SocketAddr,
    control: Control,
    environment: Vec<(String, String)>,
    file: PathBuf,
    _stop: oneshot::Sender<()>,
}

/// An upstream in this process, until `stop` is dropped.
#[derive(Debug)]
pub struct RunningEcho {
    /// Its plain listener.
    pub http: SocketAddr,
    /// Its TLS listener, if it has one.
    pub https: Option<SocketAddr>,
    /// What it sees.
    pub seen: Arc<Seen>,
    /// Stops it when dropped.
    pub stop: oneshot::Sender<()>,
}

/// Starts an upstream; with a PKI it listens for TLS too.
pub async fn start_echo(pki: Option<&Pki>) -> RunningEcho {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut echo = Echo::new(Keep::Requests);
    let http = echo.listen(any, None).await.unwrap();
    let https = match pki {
        Some(pki) => {
            let key = SingleCertAndKey::from(pki.identity("upstream/server").unwrap());
            let tls = ServerConfig::builder()
                .with_client_cert_verifier(prove_possession(Vec::new()))
                .with_cert_resolver(Arc::new(key));
            Some(echo.listen(any, Some(Arc::new(tls))).await.unwrap())
        }
        None => None,
    };
    let seen = echo.seen();
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(echo.run(async move { drop(stopped.await) }, Duration::ZERO));
    RunningEcho {
        http,
        https,
        seen,
        stop,
    }
}

/// Where a gateway in `dir` reads its configuration.
pub(crate) fn gateway_inputs(dir: &Path, environment: Vec<(String, String)>) -> Inputs {
    let file = dir.join("gateway.toml");
    fs::write(&file, fixture("gateway.toml")).unwrap();
    Inputs {
        file: Some(file),
        environment,
    }
}

/// Starts the gateway of `tests/fixtures/gateway.toml`, with a document that is there already.
pub(crate) fn start_gateway(dir: &Path, environment: Vec<(String, String)>) -> RunningGateway {
    let inputs = gateway_inputs(dir, environment);
    let (loaded, report) = inputs.load(1);
    let loaded = loaded.unwrap_or_else(|| panic!("the gateway refuses its configuration:\n{report}"));
    let gateway = Gateway::bind(inputs, loaded).unwrap();
    let (addresses, status) = (gateway.addresses(), gateway.status_addresses()[0]);
    let (stop, stopped) = oneshot::channel::<()>();
    let (reloads, reload) = mpsc::channel(1);
    tokio::spawn(gateway.run(async move { drop(stopped.await) }, reload));
    RunningGateway {
        addresses,
        status,
        reloads,
        _stop: stop,
    }
}

impl RunningEdge {
    /// Reads the configuration again.
    pub(crate) fn reload(&self) {
        self.control
            .reload(plan_edge(&self.file, &self.environment))
            .unwrap();
    }
}

fn plan_edge(file: &Path, environment: &[(String, String)]) -> edge_proxy::Plan {
    let (loaded, mut report) = edge_proxy::settings::Settings::load(file, environment);
    let plan = loaded.and_then(|loaded| {
        let (plan, findings) = edge_proxy::compile(&loaded);
        report.extend(findings);
        plan
    });
    plan.filter(|_| !report.has_errors())
        .unwrap_or_else(|| panic!("the edge refuses its configuration:\n{report}"))
}

/// Starts an edge with this node file, such as `tests/fixtures/edge.toml`.
pub(crate) async fn start_edge(
    dir: &Path,
    (text, target): (&str, SocketAddr),
    environment: Vec<(String, String)>,
) -> RunningEdge {
    let file = dir.join("edge.toml");
    let text = template::fill(text, dir, &[("gateway", target.to_string())]).unwrap();
    fs::write(&file, text).unwrap();
    let edge = Edge::bind(plan_edge(&file, &environment)).await.unwrap();
    let addresses = edge.addresses();
    let addresses = addresses
        .into_iter()
        .map(|(name, address)| (name.to_owned(), address))
        .collect();
    let (control, admin) = (edge.control(), edge.admin_address().unwrap());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(edge.run(async move { drop(stopped.await) }));
    RunningEdge {
        addresses,
        admin,
        control,
        environment,
        file,
        _stop: stop,
    }
}
