//! Certificates from a real ACME server, by both doors and both challenges: issued, kept, renewed; and all that must not
//! happen on the way.

mod allowed;
mod challenges;
mod checks;
mod crash;
mod failures;
mod issued;
mod renewal;
mod storage;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::acme_server::AcmeServer;
use harness::client::Client;
use harness::doors::{RunningEcho, start_echo};
use harness::outside::{curl, openssl};
use harness::program::{Program, Said, command};
use harness::stack::eventually;
use serde_json::Value;
use tempfile::TempDir;

/// Which of the two programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tier {
    Gateway,
    Edge,
}

/// A door that is to have certificates of an ACME server: its files, whether it runs or not.
struct Door {
    dir: TempDir,
    tier: Tier,
    echo: RunningEcho,
}

impl Door {
    /// A gateway whose `acme` plugin has this configuration besides what it needs.
    async fn gateway(server: &AcmeServer, config: &str) -> Self {
        let door = Self::new(Tier::Gateway).await;
        door.write(
            "gateway.toml",
            &format!(
                "proxy_listen = \"{}, {} ssl http2\"\nstatus_listen = \"127.0.0.1:0\"\ndeclarative_config = \"kong.yaml\"\n\
                 proxy_access_log = \"off\"\nacme_directory = \"state\"\nlua_ssl_trusted_certificate = \"{}\"\n",
                server.http(),
                server.https(),
                server.ca()
            ),
        );
        door.write(
            "kong.yaml",
            &format!(
                "_format_version: \"3.0\"\nroutes: [{{name: all, paths: [/]}}]\nplugins:\n- name: request-termination\n  \
                 config: {{status_code: 200, message: hello}}\n- name: acme\n  config:\n    account_email: ops@example.com\n    \
                 api_uri: {}\n    tos_accepted: true\n    cert_type: ecc\n{}",
                server.directory(),
                indented(config)
            ),
        );
        door
    }

    /// An edge whose listener `public` has an `acme` with these keys besides what it needs.
    async fn edge(server: &AcmeServer, config: &str) -> Self {
        let door = Self::new(Tier::Edge).await;
        door.write(
            "edge.toml",
            &format!(
                "[admin]\naddress = \"127.0.0.1:0\"\n[listeners.web]\naddress = \"{}\"\nprotocol = \"http\"\n\
                 target_group = \"echo\"\n[listeners.public]\naddress = \"{}\"\nprotocol = \"https\"\n\
                 target_group = \"echo\"\n[listeners.public.tls.acme]\ndirectory_url = \"{}\"\n\
                 terms_of_service_agreed = true\ncontact = \"ops@example.com\"\ndirectory = \"state\"\n\
                 trust_store = \"{}\"\n{config}\n[target_groups.echo]\nprotocol = \"http\"\ntargets = [\"{}\"]\n",
                server.http(),
                server.https(),
                server.directory(),
                server.ca(),
                door.echo.http,
            ),
        );
        door
    }

    async fn new(tier: Tier) -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            tier,
            echo: start_echo(None).await,
        }
    }

    /// Either, with one domain and one challenge, and a first wait of two seconds after a failure.
    async fn of(tier: Tier, server: &AcmeServer, domain: &str, challenge: &str) -> Self {
        match tier {
            Tier::Gateway => {
                let config =
                    format!("domains: [{domain}]\nchallenge: {challenge}\nfail_backoff_minutes: 0.03");
                Self::gateway(server, &config).await
            }
            Tier::Edge => {
                let config =
                    format!("domains = [\"{domain}\"]\nchallenge = \"{challenge}\"\nretry_after = \"2s\"");
                Self::edge(server, &config).await
            }
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    /// Replaces a text in one of its files.
    fn change(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}: {text}");
        self.write(name, &text.replace(from, to));
    }

    /// The node file's name.
    fn node(&self) -> &'static str {
        if self.tier == Tier::Gateway {
            "gateway.toml"
        } else {
            "edge.toml"
        }
    }

    /// The node file.
    fn file(&self) -> String {
        self.path(self.node()).display().to_string()
    }

    fn program(&self) -> &'static str {
        if self.tier == Tier::Gateway {
            "api-gateway"
        } else {
            "edge-proxy"
        }
    }

    /// Starts it.
    fn start(&self) -> Program {
        self.try_start().unwrap_or_else(|error| panic!("{error}"))
    }

    fn try_start(&self) -> Result<Program, harness::program::ProgramError> {
        let file = self.file();
        let command = command(
            self.program(),
            &["--log-format", "json", "run", "--config", &file],
        )?;
        Program::start(command, self.program())
    }

    /// What `check` says.
    fn check(&self) -> Said {
        let file = self.file();
        let command = command(self.program(), &["check", "--config", &file]).unwrap();
        harness::program::run_to_end(command).unwrap()
    }

    /// What is told of its certificates.
    async fn told(&self, program: &Program) -> Vec<Value> {
        let (listener, path) = match self.tier {
            Tier::Gateway => ("127.0.0.1:0", "/status"),
            Tier::Edge => ("admin", "/certificates"),
        };
        let told = Client::http(program.address(listener).unwrap())
            .get(path)
            .await
            .json();
        let told = if self.tier == Tier::Gateway {
            told["acme"].clone()
        } else {
            told
        };
        told.as_array().unwrap_or_else(|| panic!("{told}")).clone()
    }

    async fn metrics(&self, program: &Program) -> String {
        let listener = if self.tier == Tier::Gateway {
            "127.0.0.1:0"
        } else {
            "admin"
        };
        let answer = Client::http(program.address(listener).unwrap())
            .get("/metrics")
            .await;
        answer.text()
    }

    /// Files of its account that end so.
    fn files(&self, suffix: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in entries(&self.path("state"))
            .into_iter()
            .filter(|path| path.is_dir())
        {
            let files = entries(&folder).into_iter();
            found.extend(files.filter(|file| file.display().to_string().ends_with(suffix)));
        }
        found
    }

    /// Waits for a file that ends so.
    async fn appears(&self, suffix: &str) -> PathBuf {
        eventually(suffix, async || self.files(suffix).pop()).await
    }
}

fn entries(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten();
    entries.map(|entry| entry.unwrap().path()).collect()
}

fn indented(config: &str) -> String {
    format!("    {}\n", config.replace('\n', "\n    "))
}

/// What curl says that trusts the server's root and nothing else.
fn fetch(server: &AcmeServer, domain: &str) -> Said {
    let root = tempfile::NamedTempFile::new().unwrap();
    fs::write(root.path(), server.root()).unwrap();
    let (address, root) = (server.https(), root.path().display().to_string());
    let resolve = format!("{domain}:{}:{}", address.port(), address.ip());
    let url = format!("https://{domain}:{}/", address.port());
    let arguments = [
        "--silent",
        "--show-error",
        "--fail",
        "--cacert",
        &root,
        "--resolve",
        &resolve,
        &url,
    ];
    tokio::task::block_in_place(|| curl(&arguments))
}

/// Waits until curl has an answer under a certificate of the server's.
async fn served(server: &AcmeServer, domain: &str) {
    eventually(domain, async || {
        let said = fetch(server, domain);
        if said.code != Some(0) {
            // A handshake that fails is over at once.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        (said.code == Some(0)).then_some(())
    })
    .await;
}

/// The certificate that is shown under a name, PEM; none where the handshake fails.
fn shown(server: &AcmeServer, domain: &str) -> Option<String> {
    let address = server.https().to_string();
    let arguments = ["s_client", "-connect", &address, "-servername", domain];
    let said = tokio::task::block_in_place(|| openssl(&arguments, b""));
    let (_, rest) = said.stdout.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    Some(body.to_owned())
}
