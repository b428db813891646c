//! A gateway that may not speak to its provider itself: everything goes through a forward proxy (tinyproxy), which wants a
//! password, sees no more than it must, and stands for nobody.

use certs::{Authority, Leaf};
use harness::issuer::now;
use harness::provider::Provider;
use harness::servers::{Files, Server, own_address};
use harness::stack::{Plan, Stack, eventually};
use serde_json::Value;

use crate::bearer_tokens::{UNJUDGED, with_token};

const USER: (&str, &str) = ("gateway", "a-password-of-the-proxy");
/// The same as `Proxy-Authorization` has it.
const AUTHORIZATION: &str = "Basic Z2F0ZXdheTphLXBhc3N3b3JkLW9mLXRoZS1wcm94eQ==";
/// With another password.
const WRONG: &str = "Basic Z2F0ZXdheTphbm90aGVyLXBhc3N3b3Jk";

struct World {
    provider: Provider,
    proxy: Server,
    /// Where the proxy is.
    at: String,
    over_tls: bool,
}

impl World {
    fn new(over_tls: bool) -> Self {
        let provider = Provider::start(over_tls);
        provider.grant("alice@example.com", "opaque", now() + 3600);
        let address = own_address(7);
        let proxy = tokio::task::block_in_place(|| Files::new().tinyproxy(address, Some(USER)));
        Self {
            provider,
            proxy,
            at: format!("http://{address}"),
            over_tls,
        }
    }

    /// Both ways to judge a token, with these fields beside.
    fn plan(&self, fields: &str) -> Plan {
        let secret = &self.provider.secret;
        self.provider.plan(&format!(
            "auth_methods: [bearer, introspection], client_secret: ['{secret}'], timeout: 5000, {fields}"
        ))
    }

    /// The fields that name the proxy for both kinds of URLs, or with `only` for one.
    fn by_proxy(&self, authorization: &str) -> String {
        let at = &self.at;
        format!(
            "http_proxy: '{at}', https_proxy: '{at}', http_proxy_authorization: '{authorization}', \
             https_proxy_authorization: '{authorization}'"
        )
    }

    /// Request lines that the proxy has got.
    fn asked(&self) -> Vec<String> {
        let log = self.proxy.read("asked");
        let request = |line: &str| {
            let (_, rest) = line.split_once("Request (file descriptor ")?;
            Some(rest.split_once("): ")?.1.trim_end().to_owned())
        };
        log.lines().filter_map(request).collect()
    }
}

async fn status(stack: &Stack) -> Value {
    stack.status().get("/status").await.json()["providers"][0].clone()
}

/// A signed token and an opaque one.
async fn answers(world: &World, stack: &Stack) -> [u16; 2] {
    let signed = world.provider.tokens("alice@example.com").id;
    let mut statuses = [0; 2];
    for (status, token) in statuses.iter_mut().zip([&*signed, "opaque"]) {
        *status = with_token(stack, token).await.status.as_u16();
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_the_proxy() {
    for over_tls in [false, true] {
        let world = World::new(over_tls);
        let provider = &world.provider;
        let signed = provider.tokens("alice@example.com").id;
        let stack = world.plan(&world.by_proxy(AUTHORIZATION)).start().await;
        for token in [&*signed, "opaque"] {
            let answer = with_token(&stack, token).await;
            assert_eq!(
                answer.status,
                200,
                "{over_tls} {answer:?} {}",
                status(&stack).await
            );
        }
        let asked = world.asked();
        let (url, host) = (&provider.url, provider.url.split_once("://").unwrap().1);
        if over_tls {
            // Who is asked, and nothing of what.
            let tunnel = format!("CONNECT {host} HTTP/1.1");
            assert!(
                !asked.is_empty() && asked.iter().all(|line| *line == tunnel),
                "{asked:?}"
            );
            // The door writes its line when it has answered.
            let callers = eventually("discovery, keys, introspection", async || {
                Some(provider.gateways()).filter(|callers| callers.len() >= 3)
            })
            .await;
            let proxy = own_address(7).ip().to_string();
            assert!(callers.iter().all(|caller| *caller == proxy), "{callers:?}");
        } else {
            for line in [
                format!("GET {url}/.well-known/openid-configuration HTTP/1.1"),
                format!("GET {url}/jwks HTTP/1.1"),
                format!("POST {url}/oauth2/introspect HTTP/1.1"),
            ] {
                assert_eq!(
                    asked.iter().filter(|asked| **asked == line).count(),
                    1,
                    "{line} in {asked:?}"
                );
            }
            assert_eq!(asked.len(), 3, "{asked:?}");
        }
        // The proxy's password is not the provider's to know.
        let heard = provider.introspected().last().unwrap().to_string().to_lowercase();
        assert!(
            !heard.contains("proxy-authorization") && !heard.contains(&AUTHORIZATION[6..].to_lowercase()),
            "{heard}"
        );
    }
}

/// A proxy opens the way, and proves nothing: whoever answers at its end must be the provider.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_cannot_stand_for_the_provider() {
    let world = World::new(true);
    let fields = world.by_proxy(AUTHORIZATION);
    let plan = world
        .plan(&fields)
        .file("provider.pem", Authority::root("Others").unwrap().pem());
    let stack = plan.start().await;
    assert_eq!(answers(&world, &stack).await, [UNJUDGED.0; 2]);
    let error = status(&stack).await["error"].to_string();
    assert!(error.contains("certificate"), "{error}");
    assert!(!world.asked().is_empty());
    assert_eq!(world.provider.introspections(), 0);
}

/// Each kind of URL has a proxy of its own, and `no_proxy` goes before both.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_excepted_is_asked_directly() {
    for over_tls in [false, true] {
        let world = World::new(over_tls);
        let (url, at) = (&world.provider.url, &world.at);
        let host = url.split_once("://").unwrap().1.split_once(':').unwrap().0;
        let network = if world.over_tls {
            "127.0.0.0/8"
        } else {
            "127.0.0.1/32"
        };
        let (own, other) = if over_tls {
            ("https", "http")
        } else {
            ("http", "https")
        };
        let both = world.by_proxy(AUTHORIZATION);
        for (fields, through) in [
            (format!("{both}, no_proxy: '{host}'"), false),
            (format!("{both}, no_proxy: 'login.example.com, {host}'"), false),
            (format!("{both}, no_proxy: '{network}'"), false),
            (format!("{both}, no_proxy: '*'"), false),
            (format!("{both}, no_proxy: 'example.com,10.0.0.0/8'"), true),
            (
                format!("{other}_proxy: '{at}', {other}_proxy_authorization: '{AUTHORIZATION}'"),
                false,
            ),
            (
                format!("{own}_proxy: '{at}', {own}_proxy_authorization: '{AUTHORIZATION}'"),
                true,
            ),
        ] {
            let before = world.asked().len();
            let stack = world.plan(&fields).start().await;
            assert_eq!(
                answers(&world, &stack).await,
                [200, 200],
                "{fields} {}",
                status(&stack).await
            );
            assert_eq!(world.asked().len() > before, through, "{fields}");
        }
    }
}

/// Nothing goes past a proxy that is down, or that refuses; the operator reads which, and nobody reads the password.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_proxy_there_is_no_provider() {
    for over_tls in [false, true] {
        let mut world = World::new(over_tls);
        let at = own_address(7).to_string();
        // A password that is wrong, one that is missing.
        for fields in [
            world.by_proxy(WRONG),
            format!("http_proxy: '{0}', https_proxy: '{0}'", world.at),
        ] {
            let stack = world.plan(&fields).start().await;
            assert_eq!(answers(&world, &stack).await, [UNJUDGED.0; 2], "{fields}");
            let status = status(&stack).await;
            let error = status["error"].as_str().unwrap();
            // A plain call's 401 is the proxy's too: tinyproxy says so of a password that is wrong.
            let is_plain = !over_tls && fields.contains(WRONG);
            let said = if is_plain { "answers 401" } else { &*at };
            assert!(error.contains(said), "{error}");
            assert!(!status.to_string().contains("Z2F0ZXdheTph"), "{status}");
        }
        let stack = world.plan(&world.by_proxy(AUTHORIZATION)).start().await;
        assert_eq!(answers(&world, &stack).await, [200, 200]);
        world.proxy.end();
        // What is known of the provider outlives the proxy as it outlives the provider.
        stack.reload_gateway().await;
        assert_eq!(
            answers(&world, &stack).await,
            [200, UNJUDGED.0],
            "an opaque token is asked about anew"
        );

        let introspected = world.provider.introspections();
        let stack = world.plan(&world.by_proxy(AUTHORIZATION)).start().await;
        let signed = world.provider.tokens("alice@example.com").id;
        for token in [&*signed, "opaque"] {
            let refused = with_token(&stack, token).await;
            assert_eq!(refused.status, UNJUDGED.0, "{over_tls}");
            assert_eq!(stack.reason_of(&refused).await, UNJUDGED.1);
            assert!(
                !stack
                    .line_of(&refused)
                    .await
                    .to_string()
                    .contains(&AUTHORIZATION[6..])
            );
        }
        let error = status(&stack).await["error"].as_str().unwrap().to_owned();
        assert!(error.contains(&at) && error.contains("refused"), "{error}");
        assert_eq!(
            world.provider.introspections(),
            introspected,
            "not past the proxy"
        );
        let proxy = own_address(7).ip().to_string();
        let callers = world.provider.gateways();
        assert!(
            callers.iter().all(|caller| *caller == proxy),
            "not past the proxy: {callers:?}"
        );
    }
}

/// The way to the proxy may be TLS itself (haproxy in front of it): then the proxy has to prove who it is, by the authorities
/// that vouch for providers.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_may_be_called_over_tls() {
    for over_tls in [false, true] {
        let world = World::new(over_tls);
        let (outside, files) = (own_address(8), Files::new());
        let issued = |authority: &Authority| {
            let leaf = Leaf::server("proxy.test").ip(outside.ip());
            let issued = authority.issue(leaf).unwrap();
            format!("{}{}", issued.chain_pem(), issued.key_pem())
        };
        for (authority, trusted) in [
            (&Authority::root("Others").unwrap(), false),
            (&world.provider.authority, true),
        ] {
            let pair = files.write("proxy.pem", &issued(authority));
            let text = format!(
                "defaults\n mode tcp\n timeout connect 10s\n timeout client 30s\n timeout server 30s\n\
                 listen proxy\n bind {outside} ssl crt {pair}\n server tinyproxy {}\n",
                own_address(7)
            );
            let _door = tokio::task::block_in_place(|| Files::new().haproxy(&text, &[outside]));
            let fields = world
                .by_proxy(AUTHORIZATION)
                .replace(&world.at, &format!("https://{outside}"));
            let before = world.asked().len();
            let stack = world.plan(&fields).start().await;
            let expected = if trusted { [200, 200] } else { [UNJUDGED.0; 2] };
            let answers = answers(&world, &stack).await;
            let status = status(&stack).await;
            assert_eq!(answers, expected, "{over_tls} {status}");
            assert_eq!(
                world.asked().len() > before,
                trusted,
                "no password for a stranger"
            );
            if !trusted {
                let error = status["error"].as_str().unwrap();
                assert!(error.contains(&outside.to_string()), "{error}");
            }
        }
    }
}

/// Everything that a program says at its most talkative, with a proxy that wants another password than it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxys_password_is_never_told() {
    let world = World::new(true);
    for authorization in [WRONG, AUTHORIZATION] {
        let plan = world.plan(&world.by_proxy(authorization));
        let stack = plan.start().await;
        let program = stack.as_program(&[("RUST_LOG", "trace")]);
        let address = program.address("127.0.0.1:0").unwrap();
        let client = harness::client::Client::http(address);
        for token in [&*world.provider.tokens("alice@example.com").id, "opaque"] {
            let call = client
                .get("/orders")
                .header("authorization", &format!("Bearer {token}"));
            let answer = call.await;
            assert_eq!(answer.status == 200, authorization == AUTHORIZATION, "{answer:?}");
        }
        let word = if authorization == WRONG {
            "cannot be asked for its keys"
        } else {
            "the keys of a provider are known"
        };
        eventually(word, async || program.output().contains(word).then_some(())).await;
        let told = program.output();
        for secret in [
            &authorization[6..],
            USER.1,
            "another-password",
            &world.provider.secret,
        ] {
            assert!(!told.contains(secret), "{secret} in {told}");
        }
    }
    let refused = world
        .plan("http_proxy: 'http://gateway:a-password-of-the-proxy@127.0.0.1:1'")
        .refusal();
    let refused = refused.expect("a password in a URL").to_string();
    assert!(
        refused.contains("invalid-value") && !refused.contains(USER.1),
        "{refused}"
    );
}
