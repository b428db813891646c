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

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::oneshot;
use transport::finding::Report;

use crate::answer::Answer;
use crate::client::Client;
use crate::doors::{
    RunningEdge, RunningGateway, fixture, gateway_inputs, start_echo, start_edge, start_gateway,
};
use crate::echo::Seen;
use crate::pki::Pki;
use crate::program::{self, Program};
use crate::template;

/// How long something may take to come true.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a stack is to be; see [`Stack::with`].
#[derive(Debug)]
pub struct Plan {
    pub(crate) document: String,
    /// Further files of the PKI's directory, by their names there.
    pub(crate) files: Vec<(String, String)>,
    gateway: Vec<(String, String)>,
    edge: Vec<(String, String)>,
    edge_file: String,
    role: EdgeRole,
}

/// Where the edge sends requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EdgeRole {
    ToGateway,
    ToUpstream,
    Absent,
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
    environment: Vec<(String, String)>,
    edge: Option<RunningEdge>,
    _echo: oneshot::Sender<()>,
}

impl Stack {
    /// A stack whose gateway reads this document of `tests/fixtures`.
    pub fn with(document: &str) -> Plan {
        Self::reading(fixture(document))
    }

    /// A stack whose gateway reads this document.
    pub fn reading(document: impl Into<String>) -> Plan {
        Plan {
            document: document.into(),
            files: Vec::new(),
            gateway: Vec::new(),
            edge: Vec::new(),
            edge_file: fixture("edge.toml"),
            role: EdgeRole::ToGateway,
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

    /// Where an entry of the gateway's `proxy_listen` is bound.
    pub fn gateway_address(&self, entry: usize) -> SocketAddr {
        self.gateway.addresses[entry]
    }

    /// A client that goes straight to the gateway's plain listener.
    pub fn gateway_http(&self) -> Client {
        Client::http(self.gateway.addresses[1])
    }

    /// A client of the gateway's status listener.
    pub fn status(&self) -> Client {
        Client::http(self.gateway.status)
    }

    /// A client of the edge's admin listener.
    pub fn edge_admin(&self) -> Client {
        Client::http(self.edge.as_ref().expect("a stack with an edge").admin)
    }

    /// The header that an edge in passthrough mode sends for a client (an ALB's).
    pub fn clientcert_header(&self, name: &str) -> String {
        Self::header_of(self.pki.chain(name).unwrap())
    }

    /// The same for a chain of the test's own.
    pub fn header_of(chain: Vec<CertificateDer<'static>>) -> String {
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

    /// A file in its directory.
    pub fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.dir.path().display())
    }

    /// Its gateway once more, as a program whose words can be read, with these variables beside. Only its plain listener
    /// has a name of its own.
    pub fn as_program(&self, environment: &[(&str, &str)]) -> Program {
        let file = self.file("gateway.toml");
        let arguments = ["--log-format", "json", "run", "--config", &file];
        let mut command = program::command("api-gateway", &arguments).unwrap();
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.envs([
            ("KONG_STATUS_LISTEN", "off"),
            ("KONG_PROXY_ACCESS_LOG", "/dev/stdout"),
        ]);
        command.envs(environment.iter().copied());
        tokio::task::block_in_place(|| Program::start(command, "api-gateway")).unwrap()
    }

    /// What its gateway was given as environment.
    pub(crate) fn environment(&self) -> &[(String, String)] {
        &self.environment
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
        edge.reload();
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

    /// Replaces a text in the edge's node file, for what the environment cannot say.
    pub fn edge_replacing(mut self, from: &str, to: &str) -> Self {
        assert!(self.edge_file.contains(from), "the edge's file has no {from:?}");
        self.edge_file = self.edge_file.replace(from, to);
        self
    }

    /// Sends the edge's requests straight to the upstream, to see what the edge writes.
    pub fn edge_to_upstream(mut self) -> Self {
        self.role = EdgeRole::ToUpstream;
        self.edge("TARGET_GROUPS__GATEWAY__TLS__SERVER_NAME", "upstream.test")
    }

    /// Nobody is an edge, and there is none: certificates in headers come from `trusted_ips`, if from anywhere.
    pub fn without_trusted_edges(self) -> Self {
        self.without_edge()
            .gateway("trusted_edges", "")
            .gateway("trusted_edge_ca", "")
            .gateway("trusted_edge_revocation_lists", "")
    }

    /// Leaves the edge out.
    pub fn without_edge(mut self) -> Self {
        self.role = EdgeRole::Absent;
        self
    }

    /// Puts a file beside those of the PKI: `"@name"` in the document, `pki/name` in the node file.
    pub fn file(mut self, name: &str, content: impl Into<String>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// Has the gateway believe that providers are who they say if these authorities (PEM) vouch for them.
    pub fn believing_providers(self, authorities: impl Into<String>) -> Self {
        self.file("provider.pem", authorities).gateway(
            "lua_ssl_trusted_certificate",
            "pki/ca/internal.pem, pki/provider.pem",
        )
    }

    /// Replaces a text in the gateway's document.
    pub fn replace(mut self, from: &str, to: &str) -> Self {
        assert!(self.document.contains(from), "the document has no {from:?}");
        self.document = self.document.replace(from, to);
        self
    }

    /// What the gateway says of this plan, if it refuses it.
    pub fn refusal(self) -> Option<Report> {
        let (loaded, report) = self.look();
        (!loaded).then_some(report)
    }

    /// What the gateway warns of, a line each.
    pub fn warnings(self) -> Vec<String> {
        let (loaded, report) = self.look();
        assert!(loaded, "{report}");
        report.to_string().lines().map(str::to_owned).collect()
    }

    /// All that the gateway says of this plan, whether it refuses it or not.
    pub fn findings(self) -> Report {
        self.look().1
    }

    /// Whether the gateway takes this plan, and what it says of it.
    fn look(self) -> (bool, Report) {
        let dir = TempDir::new().unwrap();
        let pki = Pki::make(&dir.path().join("pki")).unwrap();
        let values = ["echo", "echo-tls"].map(|name| (name, "127.0.0.1:1".to_owned()));
        self.write(dir.path(), &pki, &values);
        let (loaded, report) = gateway_inputs(dir.path(), self.gateway).load(1);
        (loaded.is_some(), report)
    }

    /// Writes its files and the document.
    fn write(&self, dir: &Path, pki: &Pki, values: &[(&str, String)]) {
        for (name, content) in &self.files {
            let file = pki.path(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, content).unwrap();
            if file.extension().is_some_and(|end| end == "key") {
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let document = template::fill(&self.document, pki.dir(), values).unwrap();
        fs::write(dir.join("kong.yaml"), document).unwrap();
    }

    /// Starts everything.
    pub async fn start(self) -> Stack {
        let dir = TempDir::new().unwrap();
        let pki = Arc::new(Pki::make(&dir.path().join("pki")).unwrap());
        let echo = start_echo(Some(&pki)).await;
        let echo_https = echo.https.unwrap();
        let values = [
            ("echo", echo.http.to_string()),
            ("echo-tls", echo_https.to_string()),
        ];
        self.write(dir.path(), &pki, &values);
        let environment = self.gateway;
        let gateway = start_gateway(dir.path(), environment.clone());
        // It listens already, and may have had no turn yet to say that it is ready.
        eventually("a gateway that is ready", async || {
            let answer = Client::http(gateway.status).get("/status/ready").outcome().await;
            answer.ok().filter(|answer| answer.status == 200)
        })
        .await;
        let target = match self.role {
            EdgeRole::ToGateway => Some(gateway.addresses[0]),
            EdgeRole::ToUpstream => Some(echo_https),
            EdgeRole::Absent => None,
        };
        let edge = match target {
            Some(target) => Some(start_edge(dir.path(), (&self.edge_file, target), self.edge).await),
            None => None,
        };
        Stack {
            dir,
            pki,
            upstream: echo.seen,
            gateway,
            environment,
            edge,
            _echo: echo.stop,
        }
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
