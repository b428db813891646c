//! The two real programs, with an upstream in this process.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use harness::client::Client;
use harness::doors::{fixture, start_echo};
use harness::echo::Seen;
use harness::pki::Pki;
use harness::program::{Program, ProgramError, Said, command, run_to_end};
use harness::template;
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Configuration in a directory, for programs to be started with.
#[derive(Debug)]
pub(crate) struct Files {
    dir: TempDir,
    pub(crate) pki: Arc<Pki>,
}

impl Files {
    /// The tests' own configuration. The gateway listens at `gateway` and the echo is at `echo`.
    pub(crate) fn new(gateway: SocketAddr, echo: SocketAddr) -> Self {
        let dir = TempDir::new().unwrap();
        let pki = Arc::new(Pki::make(&dir.path().join("pki")).unwrap());
        let values = [
            ("gateway", gateway.to_string()),
            ("echo", echo.to_string()),
            ("echo-tls", echo.to_string()),
        ];
        for name in ["gateway.toml", "edge.toml"] {
            fs::write(
                dir.path().join(name),
                template::fill(&fixture(name), dir.path(), &values).unwrap(),
            )
            .unwrap();
        }
        let document = template::fill(&fixture("hop.yaml"), pki.dir(), &values).unwrap();
        fs::write(dir.path().join("kong.yaml"), document).unwrap();
        let files = Self { dir, pki };
        files.change(
            "gateway.toml",
            "127.0.0.1:0 ssl http2, 127.0.0.1:0",
            &format!("{gateway} ssl http2"),
        );
        files
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// Replaces a text that is in a file.
    pub(crate) fn change(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path().join(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        fs::write(self.path().join(name), text.replace(from, to)).unwrap();
    }

    /// Starts a program with a node file and waits until it is ready. `environment` is all it gets.
    pub(crate) fn start(
        &self,
        program: &str,
        node: &str,
        environment: &[(&str, &str)],
    ) -> Result<Program, ProgramError> {
        let mut command = command(
            program,
            &["--log-format", "json", "run", "--config", &self.file(node)],
        )?;
        command.envs(environment.iter().copied());
        tokio::task::block_in_place(|| Program::start(command, program))
    }

    /// Runs a subcommand with a node file to its end.
    pub(crate) fn run(&self, program: &str, subcommand: &[&str], node: &str) -> Said {
        let node = self.file(node);
        let arguments: Vec<&str> = subcommand.iter().copied().chain(["--config", &node]).collect();
        tokio::task::block_in_place(|| run_to_end(command(program, &arguments).unwrap()).unwrap())
    }
}

/// Both programs, running.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) files: Files,
    pub(crate) gateway: Option<Program>,
    pub(crate) edge: Option<Program>,
    pub(crate) upstream: Arc<Seen>,
    public: SocketAddr,
    _echo: oneshot::Sender<()>,
}

impl Pair {
    /// Starts both. Their ports stay the same when they are started again.
    pub(crate) async fn start() -> Self {
        let (gateway, public) = (free_address(), free_address());
        let echo = start_echo(None).await;
        let mut pair = Self {
            files: Files::new(gateway, echo.http),
            gateway: None,
            edge: None,
            upstream: echo.seen,
            public,
            _echo: echo.stop,
        };
        pair.start_gateway();
        pair.start_edge();
        pair
    }

    pub(crate) fn start_gateway(&mut self) {
        self.gateway = Some(self.files.start("api-gateway", "gateway.toml", &[]).unwrap());
    }

    pub(crate) fn start_edge(&mut self) {
        let address = self.public.to_string();
        let environment = [("EDGE_PROXY_LISTENERS__PUBLIC__ADDRESS", address.as_str())];
        self.edge = Some(self.files.start("edge-proxy", "edge.toml", &environment).unwrap());
    }

    /// A client of the edge in passthrough mode.
    pub(crate) fn client(&self) -> Client {
        Client::https(self.public, &self.files.pki, "edge.test")
    }
}

/// An address that nobody has, and that nobody will be given: below the ports that the kernel hands out by itself
/// (32768 and up), so that it is still free when a program is started there again.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    // Tests run in processes of their own: each begins somewhere else.
    let offset = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT {
        let port = FIRST + (offset.wrapping_mul(7) % COUNT + NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port");
}
