//! What the tests of keys that are elsewhere share: certificates of both key types, a token that has their keys, and both
//! programs between a client and nginx.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use certs::{Issued, KeyKind, Leaf};
use harness::pki::Pki;
use harness::program::{Program, Said, command, run_to_end};
use harness::servers::{Files, Server, own_address};
use harness::template::quoted;
use harness::token::Token;
use tempfile::TempDir;

use super::Kept;

/// Every certificate that is shown, by the name of its files.
const SHOWN: [(&str, &str, bool); 6] = [
    ("edge", "edge.test", true),
    ("edge-sni", "sni.edge.test", true),
    ("edge-client", "edge of internal", false),
    ("gateway", "gateway.internal", true),
    ("gateway-sni", "sni.gateway.test", true),
    ("gateway-client", "gateway of internal", false),
];

/// Files, token and environment; `NAME-ec` and `NAME-rsa` for each that is shown.
pub(super) struct World {
    dir: TempDir,
    pub(super) pki: Pki,
    pub(super) token: Token,
    issued: Vec<(String, Issued)>,
}

impl World {
    /// With certificates of these key types.
    pub(super) fn of(key_types: &[&str]) -> Self {
        let dir = TempDir::new().unwrap();
        let pki = Pki::make(&dir.path().join("pki")).unwrap();
        let internal = pki.authority("internal");
        let token = Token::make(dir.path());
        let mut issued = Vec::new();
        for keys in key_types {
            let kind = if *keys == "ec" {
                KeyKind::P256
            } else {
                KeyKind::Rsa2048
            };
            for (name, subject, is_server) in SHOWN {
                let leaf = if is_server {
                    Leaf::server(subject)
                } else {
                    Leaf::client(subject)
                };
                issued.push((format!("{name}-{keys}"), internal.issue(leaf.key(kind)).unwrap()));
            }
        }
        let world = Self {
            dir,
            pki,
            token,
            issued,
        };
        for (at, (name, issued)) in world.issued.iter().enumerate() {
            world.write(&format!("{name}.pem"), &issued.chain_pem());
            world.write(&format!("credentials/{name}"), &issued.key_pem());
            world
                .token
                .import(name, &format!("{:02x}", at + 1), &issued.key_pem());
        }
        world
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// Writes a file that nobody else may read.
    pub(super) fn write(&self, name: &str, text: &str) {
        let file = self.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(super) fn issued(&self, name: &str) -> &Issued {
        &self.issued.iter().find(|(known, _)| known == name).unwrap().1
    }

    /// How a key is referred to.
    pub(super) fn key(&self, kept: Kept, name: &str) -> String {
        match kept {
            Kept::File => format!("credentials/{name}"),
            Kept::Environment => format!("env:{}", variable("KEY", name)),
            Kept::Base64 => format!("env:{}", variable("BASE64", name)),
            Kept::Credential => format!("systemd:{name}"),
            Kept::Token => self.token.key(name),
        }
    }

    /// The same in a document, which may say neither a path without `file:` nor where a module is.
    fn key_in_document(&self, kept: Kept, name: &str) -> String {
        match kept {
            Kept::File => format!("file:credentials/{name}"),
            Kept::Environment => {
                let variable = variable("key", name).to_lowercase().replace('_', "-");
                format!("{{vault://env/{variable}}}")
            }
            Kept::Base64 | Kept::Credential => self.key(kept, name),
            Kept::Token => {
                format!("pkcs11:token=sallyport;object={name}?module-name=softhsm2&pin-source=env:TOKEN_PIN")
            }
        }
    }

    /// All that the programs get.
    pub(super) fn environment(&self) -> Vec<(String, String)> {
        let mut environment = self.token.environment();
        environment.push(("CREDENTIALS_DIRECTORY".to_owned(), self.file("credentials")));
        for (name, issued) in &self.issued {
            let pem = issued.key_pem();
            let base64 = base64::engine::general_purpose::STANDARD.encode(&pem);
            environment.push((variable("KEY", name), pem));
            environment.push((variable("BASE64", name), base64));
            environment.push((variable("CERT", name), issued.chain_pem()));
        }
        environment
    }

    /// An edge with one listener and two certificates; `target` is the table of its target group.
    pub(super) fn edge_file(&self, (key, sni): (&str, &str), keys: &str, target: &str) -> String {
        format!(
            "[listeners.public]\naddress = \"127.0.0.1:0\"\nprotocol = \"https\"\ntarget_group = \"gateway\"\n\
             [listeners.public.tls]\ncertificate = \"edge-{keys}.pem\"\nprivate_key = \"{key}\"\n\
             additional_certificates = [{{ certificate = \"edge-sni-{keys}.pem\", private_key = \"{sni}\" }}]\n\
             [target_groups.gateway]\n{target}"
        )
    }

    pub(super) fn start(&self, program: &'static str, node: &str, more: &[(&str, &str)]) -> Program {
        let mut command = command(
            program,
            &["--log-format", "json", "run", "--config", &self.file(node)],
        )
        .unwrap();
        command.envs(self.environment()).envs(more.iter().copied());
        tokio::task::block_in_place(|| Program::start(command, program)).unwrap()
    }

    /// What `check` says, with the directory left out; without these variables.
    pub(super) fn check(&self, program: &str, node: &str, without: &[&str]) -> Said {
        let mut command = command(program, &["check", "--config", &self.file(node)]).unwrap();
        let all = self.environment().into_iter();
        command.envs(all.filter(|(name, _)| !without.contains(&name.as_str())));
        let mut said = run_to_end(command).unwrap();
        said.stdout = said.stdout.replace(&self.file(""), "");
        said
    }
}

/// `edge-client-ec` as the variable `EDGE_CLIENT_EC_KEY`.
fn variable(what: &str, name: &str) -> String {
    format!("{}_{what}", name.replace('-', "_").to_uppercase())
}

/// Both programs with nginx behind them.
pub(super) struct Hop {
    edge_program: Program,
    gateway_program: Program,
    pub(super) edge: SocketAddr,
    pub(super) gateway: SocketAddr,
    _nginx: Server,
}

impl Hop {
    /// Every key is kept so, has that type, and is used at that version of TLS, on every hop.
    pub(super) async fn start(world: &World, kept: Kept, keys: &str, tls: &str) -> Self {
        let upstream = own_address(1);
        let nginx = nginx(world, upstream, tls);
        let key = |name: &str| world.key(kept, &format!("{name}-{keys}"));
        let in_document = |name: &str| quoted(&world.key_in_document(kept, &format!("{name}-{keys}")));
        let sni = match kept {
            // The chain, too, as Kong's users write it.
            Kept::Environment => quoted(&format!("{{vault://env/gateway-sni-{keys}-cert}}")),
            Kept::File | Kept::Base64 | Kept::Credential | Kept::Token => {
                quoted(&world.issued(&format!("gateway-sni-{keys}")).chain_pem())
            }
        };
        let ca = quoted(&fs::read_to_string(world.pki.path("ca/internal.pem")).unwrap());
        let client = "c1a00000-0000-4000-8000-0000000000c1";
        let (mut document, mut client_ssl) = (String::new(), String::new());
        // The gateway's client certificate is the node's with one key type, and an entity of the document's with the other.
        if keys == "ec" {
            client_ssl = format!(
                "client_ssl = on\nclient_ssl_cert = gateway-client-ec.pem\nclient_ssl_cert_key = {}\n",
                key("gateway-client")
            );
        } else {
            let chain = quoted(&world.issued("gateway-client-rsa").chain_pem());
            let private = in_document("gateway-client");
            document = format!("- {{ id: {client}, cert: {chain}, key: {private} }}\n");
        }
        let certificate = if keys == "ec" {
            String::new()
        } else {
            format!("client_certificate: {client}, ")
        };
        world.write(
            "kong.yaml",
            &format!(
                "_format_version: \"3.0\"\ncertificates:\n- {{ cert: {sni}, key: {}, snis: [sni.gateway.test] }}\n{document}\
                 services:\n- {{ name: orders, url: 'https://{upstream}', {certificate}routes: [{{ name: all, paths: [/] }}] }}\n\
                 plugins:\n- {{ name: mtls-auth, config: {{ ca_certificates: [c1a00000-0000-4000-8000-000000000003] }} }}\n\
                 consumers:\n- username: edge of internal\n\
                 ca_certificates:\n- {{ id: c1a00000-0000-4000-8000-000000000003, cert: {ca} }}\n",
                in_document("gateway-sni")
            ),
        );
        world.write(
            "kong.conf",
            &format!(
                "proxy_listen = 127.0.0.1:0 ssl\nstatus_listen = off\ndeclarative_config = kong.yaml\n\
                 ssl_cert = gateway-{keys}.pem\nssl_cert_key = {}\nssl_protocols = TLSv{tls}\n{client_ssl}\
                 lua_ssl_trusted_certificate = pki/ca/internal.pem\n",
                key("gateway")
            ),
        );
        let gateway_program = world.start("api-gateway", "kong.conf", &[]);
        let gateway = gateway_program.address("127.0.0.1:0 ssl").unwrap();
        let target = format!(
            "protocol = \"https\"\ntargets = [\"{gateway}\"]\n[target_groups.gateway.tls]\n\
             certificate = \"edge-client-{keys}.pem\"\nprivate_key = \"{}\"\n\
             trust_store = \"pki/ca/internal.pem\"\nserver_name = \"gateway.internal\"\n",
            key("edge-client")
        );
        world.write(
            "edge.toml",
            &world.edge_file((&key("edge"), &key("edge-sni")), keys, &target),
        );
        let edge_program = world.start("edge-proxy", "edge.toml", &[]);
        Self {
            edge: edge_program.address("public").unwrap(),
            edge_program,
            gateway_program,
            gateway,
            _nginx: nginx,
        }
    }

    pub(super) fn edge_output(&self) -> String {
        self.edge_program.output()
    }

    pub(super) fn gateway_output(&self) -> String {
        self.gateway_program.output()
    }
}

/// An upstream that demands a certificate, and says whose it saw.
fn nginx(world: &World, address: SocketAddr, tls: &str) -> Server {
    let authority = world.pki.authority("internal");
    let issued = authority.issue(Leaf::server("u.test").ip(address.ip())).unwrap();
    let files = Files::new();
    let (cert, key) = files.pair("server", &issued);
    let ca = world.pki.path("ca/internal.pem").display().to_string();
    let http = format!(
        "server {{ listen {address} ssl; ssl_certificate {cert}; ssl_certificate_key {key}; ssl_protocols TLSv{tls}; \
         ssl_client_certificate {ca}; ssl_verify_client on; location / {{ return 200 \
         \"$ssl_client_s_dn|$http_x_consumer_username|$ssl_protocol\"; }} }}"
    );
    tokio::task::block_in_place(|| files.nginx(&http, &[address]))
}
