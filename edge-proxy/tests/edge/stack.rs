//! A PKI on disk, a target, and an edge between it and the tests.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use certs::{Authority, Ca, Issued, Leaf, Revocations, Validity};
use edge_proxy::edge::{Control, Edge};
use edge_proxy::settings::Settings;
use edge_proxy::{Plan, compile};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use transport::drain::Drained;

use crate::client::{self, Connection, Identity};
use crate::target::Target;

/// A folder with everything that a node file may name.
pub(crate) struct Pki {
    pub(crate) folder: TempDir,
    pub(crate) clients: Authority,
    pub(crate) internal: Authority,
}

impl Pki {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Authority::root("Clients Root").unwrap();
        let clients = root
            .intermediate(Ca::named("Clients Issuing").path_length(0))
            .unwrap();
        let internal = Authority::root("Internal Root").unwrap();
        let pki = Self {
            folder,
            clients,
            internal,
        };
        pki.write("clients.pem", &(root.pem() + &pki.clients.pem()));
        pki.write("internal.pem", &pki.internal.pem());
        let server = Leaf::server("edge.test").dns("localhost");
        pki.write_pair("server", &pki.internal.issue(server).unwrap());
        let other = Leaf::server("other.test").dns("*.wild.test");
        pki.write_pair("other", &pki.internal.issue(other).unwrap());
        let edge = Leaf::client("edge").dns("edge.internal");
        pki.write_pair("edge", &pki.internal.issue(edge).unwrap());
        pki.revoke(&[]);
        for vector in ["leaf.pem", "int.pem", "root.pem"] {
            fs::copy(vectors().join(vector), pki.path(vector)).unwrap();
        }
        pki.write(
            "vectors.pem",
            &(read(&pki.path("root.pem")) + &read(&pki.path("int.pem"))),
        );
        pki
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        if name.ends_with(".key") {
            fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn write_pair(&self, name: &str, issued: &Issued) {
        self.write(&format!("{name}.pem"), &issued.chain_pem());
        self.write(&format!("{name}.key"), &issued.key_pem());
    }

    /// A client of the issuing authority.
    pub(crate) fn client(&self, name: &str) -> Issued {
        let leaf = Leaf::client(name).email(&format!("{name}@example.com"));
        self.clients.issue(leaf).unwrap()
    }

    /// Rewrites `clients.crl`.
    pub(crate) fn revoke(&self, revoked: &[&Issued]) {
        let list = Revocations::of(revoked.iter().copied());
        self.write("clients.crl", &self.clients.revocation_list(list).unwrap().pem());
    }

    /// A `clients.crl` that was due for a newer one long ago.
    pub(crate) fn stale_list(&self) {
        let list = Revocations::none().valid(Validity::ended_days_ago(1));
        self.write("clients.crl", &self.clients.revocation_list(list).unwrap().pem());
    }

    /// A target that asks for the edge's certificate.
    pub(crate) async fn target(&self) -> Target {
        let server = self.internal.issue(Leaf::server("gateway.internal")).unwrap();
        self.target_showing(&server).await
    }

    pub(crate) async fn target_showing(&self, server: &Issued) -> Target {
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(transport::possession::prove_possession(Vec::new()))
            .with_single_cert(server.chain(), server.key())
            .unwrap();
        Target::start(Some(Arc::new(config))).await
    }
}

/// A test's vectors.
pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

/// The leaf of the vectors, with its key and as many of its issuers as wanted.
pub(crate) fn vector_client(issuers: &[&str]) -> Identity {
    let chain = std::iter::once(&"leaf.pem")
        .chain(issuers)
        .flat_map(|name| transport::pem::certificates(&vectors().join(name)).unwrap())
        .collect();
    let key = transport::pem::private_key(&vectors().join("leaf.key.pem")).unwrap();
    Identity(chain, Arc::new(key))
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

/// What a test's node file says beside the defaults of [`node`].
#[derive(Clone, Default)]
pub(crate) struct Node {
    /// In front of all tables.
    pub(crate) top: &'static str,
    /// Under `[listeners.public]`.
    pub(crate) listener: &'static str,
    /// Under `[listeners.public.mutual_authentication]`.
    pub(crate) mutual_authentication: &'static str,
    /// Under `[listeners.public.attributes]`.
    pub(crate) attributes: &'static str,
    /// Further tables.
    pub(crate) more: &'static str,
}

/// An https listener `public` and an http listener `plain` in front of the target, logs in files.
pub(crate) fn node(wanted: &Node, targets: &[SocketAddr]) -> String {
    let Node {
        top,
        listener,
        mutual_authentication,
        attributes,
        more,
    } = wanted;
    let targets: Vec<String> = targets.iter().map(|target| format!("\"{target}\"")).collect();
    let targets = targets.join(", ");
    format!(
        r#"{top}
[listeners.public]
address = "127.0.0.1:0"
protocol = "https"
target_group = "gateway"
{listener}
[listeners.public.tls]
certificate = "server.pem"
private_key = "server.key"
additional_certificates = [{{ certificate = "other.pem", private_key = "other.key" }}]
[listeners.public.mutual_authentication]
{mutual_authentication}
[listeners.public.attributes]
{attributes}
[listeners.plain]
address = "127.0.0.1:0"
protocol = "http"
target_group = "gateway"
[target_groups.gateway]
protocol = "https"
targets = [{targets}]
[target_groups.gateway.tls]
certificate = "edge.pem"
private_key = "edge.key"
trust_store = "internal.pem"
server_name = "gateway.internal"
[admin]
address = "127.0.0.1:0"
connection_log = "connections.log"
access_log = "requests.log"
{more}
"#
    )
}

/// Reads a node file as the program does.
pub(crate) fn plan(pki: &Pki, text: &str) -> Result<Plan, String> {
    pki.write("edge.toml", text);
    let (loaded, mut report) = Settings::load(&pki.path("edge.toml"), &[]);
    let plan = loaded.and_then(|loaded| {
        let (plan, findings) = compile(&loaded);
        report.extend(findings);
        plan
    });
    match plan {
        Some(plan) if !report.has_errors() => Ok(plan),
        Some(_) | None => Err(report.to_string()),
    }
}

/// A running edge.
pub(crate) struct Stack {
    pub(crate) pki: Pki,
    pub(crate) target: Target,
    pub(crate) edge: Running,
}

/// An edge in this process.
pub(crate) struct Running {
    pub(crate) public: SocketAddr,
    pub(crate) plain: SocketAddr,
    pub(crate) admin: SocketAddr,
    pub(crate) control: Control,
    stop: oneshot::Sender<()>,
    run: JoinHandle<Drained>,
}

impl Running {
    pub(crate) async fn start(plan: Plan) -> Self {
        let edge = Edge::bind(plan).await.unwrap();
        let addresses = edge.addresses();
        let (public, plain) = (addresses["public"], addresses["plain"]);
        let (admin, control) = (edge.admin_address().unwrap(), edge.control());
        let (stop, stopped) = oneshot::channel();
        let run = tokio::spawn(edge.run(async {
            let _ = stopped.await;
        }));
        Self {
            public,
            plain,
            admin,
            control,
            stop,
            run,
        }
    }

    /// Begins to stop; the handle ends when it has.
    pub(crate) fn stop(self) -> JoinHandle<Drained> {
        self.stop.send(()).unwrap();
        self.run
    }
}

impl Stack {
    pub(crate) async fn start(wanted: Node) -> Self {
        let pki = Pki::new();
        let target = pki.target().await;
        let plan = plan(&pki, &node(&wanted, &[target.address])).unwrap();
        let edge = Running::start(plan).await;
        Self { pki, target, edge }
    }

    /// An HTTP/1.1 connection over TLS.
    pub(crate) async fn connect(
        &self,
        identity: Option<&Identity>,
    ) -> Connection<tokio_rustls::client::TlsStream<tokio::net::TcpStream>> {
        client::tls(self.edge.public, identity).await.unwrap()
    }

    /// Reads the node file again with this written in it.
    pub(crate) fn reload(&self, wanted: &Node) -> Result<(), String> {
        let plan = plan(&self.pki, &node(wanted, &[self.target.address]))?;
        self.edge.control.reload(plan).map_err(|error| error.to_string())
    }

    /// Lines of a log, as soon as there are so many.
    pub(crate) async fn lines(&self, log: &str, at_least: usize) -> Vec<String> {
        let read = || fs::read_to_string(self.pki.path(log)).unwrap_or_default();
        let patience = tokio::time::timeout(Duration::from_secs(20), async {
            loop {
                let lines: Vec<String> = read().lines().map(str::to_owned).collect();
                if lines.len() >= at_least {
                    return lines;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        patience
            .await
            .unwrap_or_else(|_| panic!("{log} has only: {}", read()))
    }
}

/// What is expected when the edge refuses a client below HTTP: an error in the handshake, or, at TLS 1.3, on the first
/// use of the connection; and not one byte of an answer.
pub(crate) async fn assert_refused(address: SocketAddr, config: Arc<rustls::ClientConfig>) {
    let Ok(mut connection) = client::tls_with(address, config).await else {
        return;
    };
    let answer = connection.get("/", &[]).await;
    assert!(answer.is_err(), "{answer:?}");
    assert_eq!(connection.rest().await, b"");
}
