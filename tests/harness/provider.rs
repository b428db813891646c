//! A provider that is not ours: oidc-provider-mock with Authlib's introspection endpoint, on plain http or behind nginx
//! with TLS. Tokens come out of its authorization code flow.

use std::net::{SocketAddr, TcpListener};

use certs::{Authority, Leaf};
use serde_json::{Value, json};

use crate::outside::curl;
use crate::servers::{Files, Server, own_address};
use crate::stack::{Plan, Stack};

/// The provider, and a client that is registered there.
#[derive(Debug)]
pub struct Provider {
    /// Its URL, which is its name as well.
    pub url: String,
    /// The client's id.
    pub client: String,
    /// The client's secret.
    pub secret: String,
    /// Who vouches for its certificate.
    pub authority: Authority,
    /// Its process.
    pub server: Server,
    door: Option<Server>,
}

/// What the provider gives a user.
#[derive(Debug)]
pub struct Tokens {
    /// An opaque one.
    pub access: String,
    /// A signed one.
    pub id: String,
}

fn ask(arguments: &[&str]) -> String {
    let said = tokio::task::block_in_place(|| curl(arguments));
    assert_eq!(said.code, Some(0), "{arguments:?}: {said:?}");
    said.stdout
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value}")).to_owned()
}

impl Provider {
    /// A provider that is up. To be called by the body of a test that runs on several threads.
    pub fn start(over_tls: bool) -> Self {
        // Freed at once, so that the provider can have it.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address: SocketAddr = free.local_addr().unwrap();
        drop(free);
        Self::at(address, over_tls)
    }

    /// Another one, with other keys and clients, where this one was; on plain http.
    #[must_use]
    pub fn again(mut self) -> Self {
        self.server.end();
        let address = self.url.trim_start_matches("http://").parse().unwrap();
        Self::at(address, false)
    }

    fn at(address: SocketAddr, over_tls: bool) -> Self {
        let authority = Authority::root("Providers").unwrap();
        let server = tokio::task::block_in_place(|| Files::new().oidc_provider(address));
        let (url, door) = if over_tls {
            let outside = own_address(9);
            let files = Files::new();
            let issued = authority
                .issue(Leaf::server("provider.test").ip(outside.ip()))
                .unwrap();
            let (certificate, key) = files.pair("provider", &issued);
            let http = format!(
                "log_format from '$remote_addr $http_user_agent'; access_log access.log from; server {{ listen {outside} ssl; ssl_certificate {certificate}; \
                 ssl_certificate_key {key}; location / {{ proxy_pass http://{address}; \
                 proxy_set_header X-Forwarded-Proto https; proxy_set_header X-Forwarded-Host {outside}; \
                 proxy_set_header X-Forwarded-Port {}; }} }}",
                outside.port()
            );
            let door = tokio::task::block_in_place(|| files.nginx(&http, &[outside]));
            (format!("https://{outside}"), Some(door))
        } else {
            (format!("http://{address}"), None)
        };
        let body = r#"{"redirect_uris":["http://localhost/done"],"token_endpoint_auth_method":"client_secret_basic"}"#;
        let to = format!("{url}/oauth2/clients");
        let client = parsed(&ask(&[
            "-k",
            &to,
            "-H",
            "content-type: application/json",
            "-d",
            body,
        ]));
        Self {
            client: text(&client["client_id"]),
            secret: text(&client["client_secret"]),
            url,
            server,
            door,
            authority,
        }
    }

    /// Walks through the authorization code flow as a user would.
    pub fn tokens(&self, user: &str) -> Tokens {
        let Self {
            url, client, secret, ..
        } = self;
        let to = format!(
            "{url}/oauth2/authorize?client_id={client}&redirect_uri=http://localhost/done&response_type=code&scope=openid%20email"
        );
        let head = ask(&["-k", "-i", &to, "-d", &format!("sub={user}")]);
        let code = head.split("code=").nth(1).unwrap_or_else(|| panic!("{head}"));
        let code: String = code
            .chars()
            .take_while(|char| !"&\r\n ".contains(*char))
            .collect();
        let form = format!("grant_type=authorization_code&code={code}&redirect_uri=http://localhost/done");
        let (to, who) = (format!("{url}/oauth2/token"), format!("{client}:{secret}"));
        let given = parsed(&ask(&["-k", &to, "-u", &who, "-d", &form]));
        Tokens {
            access: text(&given["access_token"]),
            id: text(&given["id_token"]),
        }
    }

    /// Takes a user's tokens back.
    pub fn revoke_all_of(&self, user: &str) {
        ask(&[
            "-k",
            "-X",
            "POST",
            &format!("{}/users/{user}/revoke-tokens", self.url),
        ]);
    }

    /// Registers a client that may say who it is by one method alone.
    pub fn register(&self, id: &str, secret: &str, method: &str) {
        let told = json!({"id": id, "secret": secret, "method": method});
        self.tell("clients", &told);
    }

    /// Gives a user a token of the test's own, good until then.
    pub fn grant(&self, user: &str, token: &str, exp: u64) {
        self.tell("tokens", &json!({"user": user, "token": token, "exp": exp}));
    }

    /// Puts fields into its discovery document.
    pub fn describe(&self, fields: &Value) {
        self.tell("discovery", fields);
    }

    fn tell(&self, what: &str, told: &Value) {
        let (to, body) = (format!("{}/test/{what}", self.url), told.to_string());
        ask(&["-k", "--fail", &to, "--json", &body]);
    }

    /// How often its introspection endpoint was asked.
    pub fn introspections(&self) -> usize {
        self.server.read("introspections").lines().count()
    }

    /// What came there: `headers`, each a name and a value, and `body`.
    pub fn introspected(&self) -> Vec<Value> {
        let lines = self.server.read("introspections");
        lines.lines().map(parsed).collect()
    }

    /// From which addresses gateways came to its door, one for each request.
    pub fn gateways(&self) -> Vec<String> {
        let lines = self.door.as_ref().map(|door| door.read("access.log"));
        let of_gateway = |line: &str| Some(line.split_once(" sallyport/")?.0.to_owned());
        lines.unwrap_or_default().lines().filter_map(of_gateway).collect()
    }

    /// A gateway with one route, `/orders`, whose plugin has these fields beside issuer and client.
    pub fn plan(&self, fields: &str) -> Plan {
        Stack::reading(format!(
            "_format_version: '3.0'
services:
- name: echo
  url: http://{{echo}}
  routes:
  - name: orders
    paths: [/orders]
    plugins:
    - name: openid-connect
      config: {{issuer: '{}', client_id: [{}], {fields}}}
consumers: [{{username: alice@example.com}}]
",
            self.url, self.client
        ))
        .believing_providers(self.authority.pem())
        .gateway("revocation_lists", "")
        .without_edge()
    }
}
