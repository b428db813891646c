//! The files that `docs/tokens.md` and `docs/principals.md` show, at a running gateway with a provider of the test's: what
//! the comments beside their lines say is so.

use std::net::SocketAddr;

use certs::Leaf;
use harness::client::Client;
use harness::doors::{RunningEcho, start_echo};
use harness::issuer::Issuer;
use harness::program::Program;
use serde_json::{Value, json};

use crate::documentation::Shown;

/// A document's gateway, with another upstream and another provider than are shown.
struct Running {
    shown: Shown,
    gateway: Program,
    _echo: RunningEcho,
}

impl Running {
    async fn start(document: &str, issuer: &Issuer, shown_issuer: &str) -> Self {
        let shown = Shown::in_document(document);
        let echo = start_echo(None).await;
        let file = "orders/kong.yaml";
        shown.change(file, "orders.internal:8080", &echo.http.to_string());
        shown.change(file, shown_issuer, &issuer.url());
        let authority = shown.directory().join("provider.pem");
        std::fs::write(&authority, issuer.authority_pem()).unwrap();
        let authority = authority.display().to_string();
        let environment = [
            ("KONG_PROXY_LISTEN", "127.0.0.1:0 ssl http2"),
            ("KONG_STATUS_LISTEN", "off"),
            ("KONG_LUA_SSL_TRUSTED_CERTIFICATE", &*authority),
        ];
        let gateway = shown.start("orders/gateway.toml", &environment);
        Self {
            shown,
            gateway,
            _echo: echo,
        }
    }

    fn client(&self) -> Client {
        let address: SocketAddr = self.gateway.address("127.0.0.1:0 ssl http2").unwrap();
        Client::https(address, &self.shown.pki, "gateway.internal")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_for_tokens_asks_for_what_it_says() {
    let issuer = Issuer::start(1);
    let shown_issuer = "https://login.example.com/realms/shop      # or the URL of its discovery document";
    let running = Running::start("docs/tokens.md", &issuer, shown_issuer).await;
    let good = json!({
        "azp": "0oa5shop", "aud": "orders", "scope": "orders:list orders:read", "realm_access": {"roles": ["clerk"]},
    });
    for (changes, status) in table! {
        (json!({}), 200);
        (json!({"aud": ["billing", "orders"]}), 200);
        (json!({"aud": "billing"}), 403);
        (json!({"aud": null}), 403);
        (json!({"scope": "admin"}), 200);
        (json!({"scope": "orders:read"}), 403);
        (json!({"scope": "orders:read orders:listing"}), 403);
        (json!({"realm_access": {"roles": ["guest"]}}), 403);
        (json!({"realm_access": null, "roles": ["clerk"]}), 403);
        (json!({"azp": "somebody-else"}), 403);
        (json!({"azp": "acme-shop"}), 403);
        (json!({"iss": "https://login.example.com/realms/shop"}), 401);
        (json!({"exp": 1}), 401);
    } {
        let mut claims = good.clone();
        claims
            .as_object_mut()
            .unwrap()
            .extend(changes.as_object().unwrap().clone());
        let call = running.client().get("/orders");
        let call = call.header("authorization", &format!("Bearer {}", issuer.token(&claims)));
        let answer = call.header("X-Subject", "mallory").await;
        assert_eq!(answer.status, status, "{changes}: {answer:?}");
        if status == 200 {
            assert_eq!(answer.received("x-subject").as_deref(), Some("alice"));
            assert_eq!(
                answer.received("x-consumer-username").as_deref(),
                Some("acme-shop")
            );
        }
    }
    assert_eq!(running.client().get("/orders").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_for_principals_wants_both_and_that_they_belong_together() {
    let issuer = Issuer::start(1);
    let running = Running::start("docs/principals.md", &issuer, "https://login.example.com/").await;
    let shop = issuer.token(&json!({"azp": "0oa5shop"}));
    let other = issuer.token(&json!({"azp": "another-shop"}));
    let authority = running.shown.pki.authority("clients-intermediate");
    let certificate =
        |name: &str| harness::pki::shown(&authority.issue(Leaf::client("client").dns(name)).unwrap());
    let (acme, beta) = (
        certificate("gateway.acme.example"),
        certificate("gateway.beta.example"),
    );
    for (shown, token, status) in [
        (Some(&acme), Some(&shop), 200),
        (Some(&acme), Some(&other), 403),
        (Some(&acme), None, 401),
        (Some(&beta), Some(&shop), 401),
        (None, Some(&shop), 401),
    ] {
        let client = match shown {
            Some(certificate) => running.client().with(std::sync::Arc::clone(certificate)),
            None => running.client(),
        };
        let call = client.get("/orders");
        let answer = match token {
            Some(token) => call.header("authorization", &format!("Bearer {token}")).await,
            None => call.await,
        };
        assert_eq!(answer.status, status, "{} {token:?}: {answer:?}", shown.is_some());
        if status == 200 {
            let told = |name: &str| answer.received(name).map_or(Value::Null, Value::from);
            assert_eq!(told("x-consumer-username"), "acme-shop");
            assert_eq!(told("x-principal-mtls-auth-username"), "gateway.acme.example");
            assert_eq!(told("x-principal-mtls-auth-groups"), "partners");
            assert_eq!(told("x-principal-mtls-auth-evidence"), "socket");
            assert_eq!(told("x-principal-openid-connect-custom-id"), "0oa5shop");
            assert_eq!(told("x-principal-openid-connect-groups"), "orders-read");
            assert_eq!(told("x-principal-openid-connect-evidence"), "token");
        }
    }
    // A partner's certificate, and the token of somebody in the right group of another organisation.
    running.shown.change(
        "orders/kong.yaml",
        "- username: acme-shop\n",
        "- { username: beta-shop, custom_id: 0oa5beta, tags: [\"org:beta\"], acls: [{ group: orders-read }] }\n- username: acme-shop\n",
    );
    running.gateway.signal(rustix::process::Signal::HUP);
    let beta = issuer.token(&json!({"azp": "0oa5beta"}));
    let client = running.client().with(acme);
    harness::stack::eventually("another organisation's token", async || {
        let call = client
            .get("/orders")
            .header("authorization", &format!("Bearer {beta}"));
        let answer = call.await;
        assert_eq!(answer.status, 403, "{answer:?}");
        running
            .gateway
            .output()
            .contains("principals_differ")
            .then_some(())
    })
    .await;
}
