//! Both doors in this process, with a PKI and an upstream of their own, every port chosen by the kernel.
//!
//! ```no_run
//! # async fn story() {
//! use harness::stack::Stack;
//!
//! let stack = Stack::with("hop.yaml").start().await;
//! assert_eq!(stack.edge("public").cert("alice").get("/mtls").await.status, 200);
//! assert_eq!(stack.edge("public").cert("mallory").get("/mtls").await.status, 401);
//! # }
//! ```
//!
//! Whatever goes wrong here fails the test, so everything panics.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use api_gateway::gateway::Gateway;
use api_gateway::load::Inputs;
use certs::tree::IssueRequest;
use edge_proxy::Edge;
use edge_proxy::edge::Control;
use rustls::ServerConfig;
use rustls::sign::SingleCertAndKey;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use transport::drain::Drained;
use transport::finding::Report;
use transport::possession::prove_possession;

use crate::answer::Answer;
use crate::client::Client;
use crate::echo::{Echo, Keep, Seen};
use crate::pki::Pki;
use crate::template;

/// How long something may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a stack is to be; see [`Stack::with`].
#[derive(Debug)]
pub struct Plan {
    document: String,
    values: Vec<(&'static str, String)>,
    gateway: Vec<(String, String)>,
    edge: Vec<(String, String)>,
    has_edge: bool,
    edge_target: EdgeTarget,
    prepare: Vec<IssueRequest>,
}

/// Where the edge sends requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EdgeTarget {
    Gateway,
    Upstream,
}

/// Edge, gateway and upstream, running until dropped.
#[derive(Debug)]
pub struct Stack {
    dir: TempDir,
    /// Its PKI.
    pub pki: Arc<Pki>,
    /// What reached the upstream.
    pub upstream: Arc<Seen>,
    gateway: RunningGateway,
    edge: Option<RunningEdge>,
    _echo: oneshot::Sender<()>,
}

#[derive(Debug)]
struct RunningGateway {
    addresses: Vec<SocketAddr>,
    status: SocketAddr,
    reloads: mpsc::Sender<()>,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Drained>,
}

#[derive(Debug)]
struct RunningEdge {
    addresses: BTreeMap<String, SocketAddr>,
    control: Control,
    environment: Vec<(String, String)>,
    file: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Drained>,
}

/// A configuration of the tests, by its name.
pub fn fixture(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

impl Stack {
    /// A stack whose gateway reads this document of `tests/fixtures`.
    pub fn with(document: &str) -> Plan {
        Plan {
            document: fixture(document),
            values: Vec::new(),
            gateway: Vec::new(),
            edge: Vec::new(),
            has_edge: true,
            edge_target: EdgeTarget::Gateway,
            prepare: Vec::new(),
        }
    }

    /// A client of one of the edge's listeners, without a certificate.
    pub fn edge(&self, listener: &str) -> Client {
        let edge = self.edge.as_ref().expect("a stack with an edge");
        let address = *edge.addresses.get(listener).expect("a listener of edge.toml");
        match listener {
            "plain" => Client::http(address),
            // TLS is passed through: it is the gateway that answers.
            "passed" => Client::https(address, &self.pki, "gateway.test"),
            _ => Client::https(address, &self.pki, "edge.test"),
        }
    }

    /// A client that goes straight to the gateway, over TLS, without a certificate.
    pub fn gateway(&self) -> Client {
        self.gateway_as("gateway.internal")
    }

    /// The same, asking for another name of the gateway's.
    pub fn gateway_as(&self, name: &str) -> Client {
        Client::https(self.gateway.addresses[0], &self.pki, name)
    }

    /// A client that goes straight to the gateway's plain listener.
    pub fn gateway_http(&self) -> Client {
        Client::http(self.gateway.addresses[1])
    }

    /// A client of the gateway's status listener.
    pub fn status(&self) -> Client {
        Client::http(self.gateway.status)
    }

    /// The header that an edge in passthrough mode sends for a client (an ALB's).
    pub fn clientcert_header(&self, name: &str) -> String {
        let chain = self.pki.chain(name).unwrap();
        let chain = transport::presented::PresentedChain::new(chain).unwrap();
        let value = transport::forwarded_cert::alb_passthrough(&chain).unwrap();
        value.to_str().unwrap().to_owned()
    }

    /// The gateway's log line about an answer.
    pub async fn line_of(&self, answer: &Answer) -> Value {
        let id = answer.request_id().expect("an answer of the gateway").to_owned();
        eventually("the request's log line", async || {
            let mut lines = self.lines().into_iter();
            lines.find(|line| line["request_id"] == id.as_str())
        })
        .await
    }

    /// The reason in the gateway's log line about an answer; empty for a request that was allowed.
    pub async fn reason_of(&self, answer: &Answer) -> String {
        let line = self.line_of(answer).await;
        line["decision"]["reason"].as_str().unwrap_or_default().to_owned()
    }

    /// All request lines so far.
    pub fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.path().join("access.log")).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// A file of the edge's: `connections.log` or `edge.log`.
    pub fn edge_log(&self, name: &str) -> String {
        fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }

    /// Has the gateway read everything again, and waits until it is in force.
    pub async fn reload_gateway(&self) {
        let generation = async || self.status().get("/status").await.json()["generation"].as_u64();
        let before = generation().await.unwrap();
        self.gateway.reloads.send(()).await.unwrap();
        eventually("the gateway's reload", async || {
            generation().await.filter(|now| *now > before)
        })
        .await;
    }

    /// Has the gateway read something that it must refuse, and waits until it has.
    pub async fn reload_gateway_in_vain(&self) {
        let status = async || self.status().get("/status").await.json();
        let before = status().await["last_reload"].clone();
        self.gateway.reloads.send(()).await.unwrap();
        eventually("the gateway's refusal", async || {
            let now = status().await["last_reload"].clone();
            (now != before && !now["error"].is_null()).then_some(())
        })
        .await;
    }

    /// Replaces a text in one of its configuration files, for the next reload.
    pub fn change(&self, name: &str, from: &str, to: &str) {
        let file = self.dir.path().join(name);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        fs::write(file, text.replace(from, to)).unwrap();
    }

    /// Has the edge read everything again.
    pub fn reload_edge(&self) {
        let edge = self.edge.as_ref().expect("a stack with an edge");
        edge.control
            .reload(plan_edge(&edge.file, &edge.environment))
            .unwrap();
    }

    /// Stops the gateway gracefully.
    pub async fn stop_gateway(&mut self) -> Drained {
        drop(self.gateway.stop.take());
        (&mut self.gateway.task).await.unwrap()
    }

    /// Stops the edge gracefully.
    pub async fn stop_edge(&mut self) -> Drained {
        let edge = self.edge.as_mut().expect("a stack with an edge");
        drop(edge.stop.take());
        (&mut edge.task).await.unwrap()
    }
}

impl Plan {
    /// Sets a key of the gateway's node file through the environment.
    pub fn gateway(mut self, key: &str, value: &str) -> Self {
        let name = format!("KONG_{}", key.to_ascii_uppercase());
        self.gateway.push((name, value.to_owned()));
        self
    }

    /// Sets a key of the edge's node file through the environment: `LISTENERS__PUBLIC__…`.
    pub fn edge(mut self, key: &str, value: &str) -> Self {
        self.edge.push((format!("EDGE_PROXY_{key}"), value.to_owned()));
        self
    }

    /// Fills another hole of the document.
    pub fn value(mut self, name: &'static str, value: &str) -> Self {
        self.values.push((name, value.to_owned()));
        self
    }

    /// Issues one more certificate before anything starts.
    pub fn issue(mut self, request: IssueRequest) -> Self {
        self.prepare.push(request);
        self
    }

    /// Sends the edge's requests straight to the upstream, to see what the edge writes.
    pub fn edge_to_upstream(mut self) -> Self {
        self.edge_target = EdgeTarget::Upstream;
        self.edge("TARGET_GROUPS__GATEWAY__TLS__SERVER_NAME", "upstream.test")
    }

    /// Leaves the edge out.
    pub fn without_edge(mut self) -> Self {
        self.has_edge = false;
        self
    }

    /// What the gateway says of this plan, if it refuses it.
    pub fn refusal(self) -> Option<Report> {
        let dir = TempDir::new().unwrap();
        let pki = Pki::make(&dir.path().join("pki")).unwrap();
        let mut values = self.values;
        values.push(("echo", "127.0.0.1:1".to_owned()));
        values.push(("echo-tls", "127.0.0.1:1".to_owned()));
        let document = template::fill(&self.document, pki.dir(), &values).unwrap();
        fs::write(dir.path().join("kong.yaml"), document).unwrap();
        let (loaded, report) = gateway_inputs(dir.path(), self.gateway).load(1);
        loaded.is_none().then_some(report)
    }

    /// Starts everything.
    pub async fn start(self) -> Stack {
        let dir = TempDir::new().unwrap();
        let pki = Arc::new(Pki::make(&dir.path().join("pki")).unwrap());
        for request in self.prepare {
            pki.issue(request).unwrap();
        }
        let (echo_http, echo_https, upstream, echo) = start_echo(&pki).await;
        let mut values = self.values;
        values.push(("echo", echo_http.to_string()));
        values.push(("echo-tls", echo_https.to_string()));
        let document = template::fill(&self.document, pki.dir(), &values).unwrap();
        fs::write(dir.path().join("kong.yaml"), document).unwrap();
        let gateway = start_gateway(dir.path(), self.gateway);
        let target = match self.edge_target {
            EdgeTarget::Gateway => gateway.addresses[0],
            EdgeTarget::Upstream => echo_https,
        };
        let edge = if self.has_edge {
            Some(start_edge(dir.path(), target, self.edge).await)
        } else {
            None
        };
        Stack {
            dir,
            pki,
            upstream,
            gateway,
            edge,
            _echo: echo,
        }
    }
}

/// An upstream in this process: its plain and its TLS address, what it sees, and what stops it when dropped.
pub async fn start_echo(pki: &Pki) -> (SocketAddr, SocketAddr, Arc<Seen>, oneshot::Sender<()>) {
    let any = "127.0.0.1:0".parse().unwrap();
    let mut echo = Echo::new(Keep::Requests);
    let tls = ServerConfig::builder()
        .with_client_cert_verifier(prove_possession(Vec::new()))
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(
            pki.identity("upstream/server").unwrap(),
        )));
    let http = echo.listen(any, None).await.unwrap();
    let https = echo.listen(any, Some(Arc::new(tls))).await.unwrap();
    let seen = echo.seen();
    let (stop, stopped) = oneshot::channel::<()>();
    let until = async move { drop(stopped.await) };
    tokio::spawn(echo.run(until, Duration::ZERO));
    (http, https, seen, stop)
}

fn gateway_inputs(dir: &Path, environment: Vec<(String, String)>) -> Inputs {
    let file = dir.join("gateway.toml");
    fs::write(&file, fixture("gateway.toml")).unwrap();
    Inputs {
        file: Some(file),
        environment,
    }
}

fn start_gateway(dir: &Path, environment: Vec<(String, String)>) -> RunningGateway {
    let inputs = gateway_inputs(dir, environment);
    let (loaded, report) = inputs.load(1);
    let loaded = loaded.unwrap_or_else(|| panic!("the gateway refuses its configuration:\n{report}"));
    let gateway = Gateway::bind(inputs, loaded).unwrap();
    let (addresses, status) = (gateway.addresses(), gateway.status_addresses()[0]);
    let (stop, stopped) = oneshot::channel::<()>();
    let (reloads, reload) = mpsc::channel(1);
    let task = tokio::spawn(gateway.run(async move { drop(stopped.await) }, reload));
    RunningGateway {
        addresses,
        status,
        reloads,
        stop: Some(stop),
        task,
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

async fn start_edge(dir: &Path, target: SocketAddr, environment: Vec<(String, String)>) -> RunningEdge {
    let file = dir.join("edge.toml");
    let text = template::fill(&fixture("edge.toml"), dir, &[("gateway", target.to_string())]).unwrap();
    fs::write(&file, text).unwrap();
    let edge = Edge::bind(plan_edge(&file, &environment)).await.unwrap();
    let addresses = edge.addresses();
    let addresses = addresses
        .into_iter()
        .map(|(name, address)| (name.to_owned(), address))
        .collect();
    let control = edge.control();
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(edge.run(async move { drop(stopped.await) }));
    RunningEdge {
        addresses,
        control,
        environment,
        file,
        stop: Some(stop),
        task,
    }
}

/// Asks again and again until there is an answer. The deadline only ends a test that hangs.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} did not come");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
