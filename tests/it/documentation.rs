//! What the documents show is what the programs do.
//!
//! A block whose info string names files (```` ```toml passthrough/gateway.toml ````) is complete. It is written to those
//! files, beside a PKI as `certs init` makes it, and loaded. Where a certificate shows `…`, the PKI's file that the
//! comment above it names is filled in, in one line, so that findings have the lines that are shown. A block that names
//! `…/check` is what `check` says of the files in its directory; a line of it that ends with `…` is only the beginning.
//! Where there is none, `check` finds no error.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use harness::client::Client;
use harness::doors::start_echo;
use harness::pki::Pki;
use harness::program::{Program, Said, command, run_to_end};
use harness::token::{self, Token};
use tempfile::TempDir;
use transport::forwarded_cert::alb_passthrough;
use transport::presented::PresentedChain;

pub(crate) const DOCUMENTS: [&str; 9] = [
    "README.md",
    "docs/acme.md",
    "docs/behind-an-alb.md",
    "docs/explain.md",
    "docs/kong-migration.md",
    "docs/plan.md",
    "docs/principals.md",
    "docs/tls.md",
    "docs/tokens.md",
];

/// Everything that is shown in one document, on disk.
pub(crate) struct Shown {
    dir: TempDir,
    pub(crate) pki: Arc<Pki>,
    /// Where the keys are that are in no file.
    environment: Vec<(String, String)>,
    /// By name, as shown.
    blocks: BTreeMap<String, String>,
}

impl Shown {
    /// Of a document of the repository.
    pub(crate) fn in_document(name: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let pki = Arc::new(Pki::make(&dir.path().join("pki")).unwrap());
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let environment = if text.contains("pkcs11:") {
            keys_elsewhere(dir.path(), &pki)
        } else {
            Vec::new()
        };
        let shown = Self {
            dir,
            pki,
            environment,
            blocks: complete_blocks(&text),
        };
        for (name, text) in &shown.blocks {
            let file = shown.dir.path().join(name);
            let parent = file.parent().unwrap();
            fs::create_dir_all(parent).unwrap();
            if !parent.join("pki").exists() {
                std::os::unix::fs::symlink(shown.pki.dir(), parent.join("pki")).unwrap();
            }
            fs::write(&file, filled(text, &shown.pki)).unwrap();
        }
        shown
    }

    /// Replaces a text that is shown.
    pub(crate) fn change(&self, name: &str, from: &str, to: &str) {
        let file = self.dir.path().join(name);
        let text = fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{name} has no {from:?}");
        fs::write(file, text.replace(from, to)).unwrap();
    }

    /// Starts a program with a file that is shown; `environment` is all it gets beside.
    pub(crate) fn start(&self, node: &str, environment: &[(&str, &str)]) -> Program {
        let program = program_of(node).unwrap();
        let file = self.file(node);
        let mut command = command(program, &["--log-format", "json", "run", "--config", &file]).unwrap();
        command.envs(environment.iter().copied());
        tokio::task::block_in_place(|| Program::start(command, program)).unwrap()
    }

    /// Where the files are.
    pub(crate) fn directory(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    /// What `check` says of a node file, directories left out. Run where a reader of the document would.
    fn check(&self, node: &str) -> (Said, String) {
        let mut command = command(program_of(node).unwrap(), &["check", "--config", node]).unwrap();
        command.current_dir(self.dir.path());
        // The platform's roots, for those that show none: what is shown must not depend on this machine.
        command.env("SSL_CERT_FILE", self.pki.path("ca/internal.pem"));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let said = tokio::task::block_in_place(|| run_to_end(command)).unwrap();
        let mut report = said.stdout.replace(&self.file(""), "");
        if !directory_of(node).is_empty() {
            report = report.replace(&within(directory_of(node), ""), "");
        }
        (said, report)
    }

    /// What `check` should say of the files in a directory, if that is shown.
    fn findings(&self, directory: &str) -> Option<Vec<&str>> {
        let text = self.blocks.get(&within(directory, "check"))?;
        Some(text.lines().filter(|line| !line.starts_with("$ ")).collect())
    }
}

/// The keys of both tiers in the environment (`EDGE_SERVER_KEY`), as credentials (`edge-server.key`) and on a token
/// (`edge-server`); gives the environment.
fn keys_elsewhere(dir: &Path, pki: &Pki) -> Vec<(String, String)> {
    let token = Token::make(dir);
    let credentials = dir.join("credentials");
    fs::create_dir(&credentials).unwrap();
    fs::write(credentials.join("token.pin"), token::PIN).unwrap();
    let mut environment = token.environment();
    environment.push((
        "CREDENTIALS_DIRECTORY".to_owned(),
        credentials.display().to_string(),
    ));
    for (at, name) in ["edge/server", "edge/client", "gateway/server", "gateway/client"]
        .iter()
        .enumerate()
    {
        let key = fs::read_to_string(pki.path(&format!("{name}.key"))).unwrap();
        let name = name.replace('/', "-");
        token.import(&name, &format!("0{at}"), &key);
        fs::write(credentials.join(format!("{name}.key")), &key).unwrap();
        environment.push((format!("{}_KEY", name.replace('-', "_").to_uppercase()), key));
    }
    environment
}

/// Blocks that name files, by these names.
fn complete_blocks(document: &str) -> BTreeMap<String, String> {
    let mut blocks = BTreeMap::new();
    let mut lines = document.lines();
    while let Some(line) = lines.next() {
        let Some(info) = line.strip_prefix("```") else {
            continue;
        };
        let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        for name in info.split_whitespace().skip(1) {
            let again = blocks.insert(name.to_owned(), text.join("\n") + "\n");
            assert!(again.is_none(), "{name} is shown twice");
        }
    }
    blocks
}

/// With the PKI's certificates where `…` is shown.
pub(crate) fn filled(text: &str, pki: &Pki) -> String {
    let mut named = None;
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        if let Some((_, name)) = line.split_once("# pki/") {
            named = Some(name.trim());
        }
        if line.trim() == "…" {
            let (indentation, _) = line.split_once('…').unwrap();
            let file = pki.path(named.take().expect("a comment that names the file"));
            let pem = fs::read_to_string(&file).unwrap();
            let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
            lines.push(format!("{indentation}{body}"));
        } else {
            lines.push(line.to_owned());
        }
    }
    lines.join("\n") + "\n"
}

/// The program that a file is the node file of.
fn program_of(name: &str) -> Option<&'static str> {
    match name.rsplit('/').next()? {
        "edge.toml" => Some("edge-proxy"),
        "gateway.toml" | "kong.conf" => Some("api-gateway"),
        _ => None,
    }
}

fn within(directory: &str, name: &str) -> String {
    if directory.is_empty() {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

fn directory_of(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(directory, _)| directory)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_file_that_is_shown_is_loaded_and_found_as_shown() {
    for document in DOCUMENTS {
        let shown = Shown::in_document(document);
        let mut loaded = BTreeSet::new();
        for (node, text) in &shown.blocks {
            let Some(program) = program_of(node) else {
                continue;
            };
            let directory = directory_of(node);
            let (said, report) = shown.check(node);
            let lines: Vec<&str> = report.lines().collect();
            match shown.findings(directory).filter(|_| program == "api-gateway") {
                Some(expected) => {
                    let as_shown = |(line, shown): (&&str, &&str)| match shown.strip_suffix('…') {
                        Some(beginning) => line.starts_with(beginning),
                        None => line == shown,
                    };
                    let same = lines.len() == expected.len() && lines.iter().zip(&expected).all(as_shown);
                    assert!(
                        same,
                        "{document}, {node}: check says\n{report}\nand not\n{}",
                        expected.join("\n")
                    );
                }
                None => assert_eq!(said.code, Some(0), "{document}, {node}:\n{report}"),
            }
            loaded.insert(node.clone());
            loaded.insert(within(directory, "check"));
            if text.contains("\"kong.yaml\"") || text.contains("= kong.yaml") {
                loaded.insert(within(directory, "kong.yaml"));
            }
        }
        let all: BTreeSet<String> = shown.blocks.keys().cloned().collect();
        let idle: Vec<&String> = all.difference(&loaded).collect();
        assert!(idle.is_empty(), "{document} shows what nothing loads: {idle:?}");
        assert!(!all.is_empty(), "{document} shows no file");
    }
}

#[tokio::test]
async fn documents_name_files_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in DOCUMENTS.into_iter().chain(["docs/checks.md"]) {
        let file = root.join(document);
        let text = fs::read_to_string(&file).unwrap();
        for link in after_each(&text, "](") {
            let target = link.split([')', '#']).next().unwrap();
            let is_file = !target.is_empty() && !target.contains("://");
            let there = file.parent().unwrap().join(target).exists();
            assert!(!is_file || there, "{document} links to {target}");
        }
        let is_source = |quoted: &&str| Path::new(quoted).extension().is_some_and(|end| end == "rs");
        for quoted in text.split('`').filter(is_source) {
            assert!(root.join(quoted).is_file(), "{document} names {quoted}");
        }
    }
}

fn after_each<'t>(text: &'t str, mark: &'t str) -> impl Iterator<Item = &'t str> {
    text.match_indices(mark)
        .filter_map(move |(at, _)| text.get(at + mark.len()..))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_with_two_principals_wants_both() {
    let shown = Shown::in_document("docs/kong-migration.md");
    let echo = start_echo(None).await;
    let upstream = echo.http.to_string();
    shown.change("migration/kong.yaml", "orders.internal:8080", &upstream);
    let environment = [
        ("KONG_PROXY_LISTEN", "127.0.0.1:0 ssl"),
        ("KONG_STATUS_LISTEN", "127.0.0.1:0"),
        ("KONG_TRUSTED_IPS", "127.0.0.1"),
    ];
    let gateway = shown.start("migration/kong.conf", &environment);
    let address = gateway.address("127.0.0.1:0 ssl").unwrap();
    let header = |name: &str| {
        let chain = PresentedChain::new(shown.pki.chain(name).unwrap()).unwrap();
        alb_passthrough(&chain).unwrap().to_str().unwrap().to_owned()
    };
    for (proxy, client, status) in [
        (Some("edge/client"), Some("alice"), 200),
        (Some("edge/client"), Some("bob"), 401),
        (Some("edge/client"), None, 401),
        (Some("gateway/client"), Some("alice"), 401),
        (Some("alice"), Some("alice"), 401),
        (None, Some("alice"), 401),
    ] {
        let connection = Client::https(address, &shown.pki, "gateway.internal");
        let connection = match proxy {
            Some(name) => connection.cert(name),
            None => connection,
        };
        for path in ["/orders/7", "/o/7"] {
            let call = match client {
                Some(name) => connection.get(path).header("X-Client-Cert", &header(name)),
                None => connection.get(path),
            };
            let answer = call.await;
            assert_eq!(answer.status, status, "{proxy:?} {client:?} {path}: {answer:?}");
            let consumer = answer.received("x-consumer-username");
            assert_eq!(
                consumer.as_deref(),
                (status == 200).then_some("alice"),
                "{proxy:?} {client:?}"
            );
        }
    }
}
