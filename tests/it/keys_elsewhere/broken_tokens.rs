//! Tokens that are slow, or go away, or take back what they gave: the real software token behind a module that can be told
//! so. A handshake may fail by it, and nothing else.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use harness::client::Client;
use harness::outside::s_client;
use harness::program::Program;
use harness::stack::eventually;
use rustix::process::Signal;

use super::world::World;

const HTTP: &str = "protocol = \"http\"\ntargets = [\"127.0.0.1:9\"]\n";
const ADMIN: &str = "[admin]\naddress = \"127.0.0.1:0\"\n";

/// An edge whose two certificates have their keys on the token, and its admin listener.
struct Edge {
    world: World,
    program: Program,
    address: SocketAddr,
}

impl Edge {
    fn start(keys: &str) -> Self {
        let mut world = World::of(&[keys]);
        world.token = world.token.behind_another();
        let (key, sni) = (
            world.token.key(&format!("edge-{keys}")),
            world.token.key(&format!("edge-sni-{keys}")),
        );
        let text = world.edge_file((&key, &sni), keys, HTTP) + ADMIN;
        world.write("edge.toml", &text);
        Self::of(world)
    }

    /// One whose file is written.
    fn of(world: World) -> Self {
        // Two workers, as on a machine with two processors, whatever this one has.
        let program = world.start("edge-proxy", "edge.toml", &[("TOKIO_WORKER_THREADS", "2")]);
        let address = program.address("public").unwrap();
        Self {
            world,
            program,
            address,
        }
    }

    /// Whether a handshake succeeds.
    fn shakes_hands(&self, version: &str) -> bool {
        let said = s_client(self.address, &["-servername", "edge.test", version], "/");
        let succeeded = said.stdout.contains("subject=CN = edge.test");
        // rustls has no alert for it: the connection ends.
        assert_ne!(
            succeeded,
            said.stdout.contains("no peer certificate available"),
            "{said:?}"
        );
        succeeded
    }

    fn admin(&self) -> Client {
        Client::http(self.program.address("admin").unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_broke_is_opened_anew_and_no_client_sees_it() {
    let edge = Edge::start("ec");
    for (answer, name) in [
        ("b3", "CKR_SESSION_HANDLE_INVALID"),
        ("101", "CKR_USER_NOT_LOGGED_IN"),
        ("32", "CKR_DEVICE_REMOVED"),
        ("82", "CKR_OBJECT_HANDLE_INVALID"),
        ("5", "CKR_GENERAL_ERROR"),
    ] {
        let before = edge.world.token.calls("open");
        edge.world.token.tell("answer-once", answer);
        assert!(edge.shakes_hands("-tls1_3"), "{name}: {}", edge.program.output());
        assert!(edge.world.token.calls("open") > before, "{name}");
    }
    assert!(!edge.program.output().contains("does not sign"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_away_fails_handshakes_and_is_used_again_when_it_is_back() {
    let edge = Edge::start("rsa");
    assert!(edge.shakes_hands("-tls1_3"));
    edge.world.token.tell("answer", "32");
    for version in ["-tls1_2", "-tls1_3"] {
        assert!(!edge.shakes_hands(version));
    }
    // Told once, with the key and the token's own word; and by the doctor, for each client.
    let output = edge.program.output();
    assert_eq!(output.matches("the token does not sign").count(), 1, "{output}");
    assert!(
        output.contains("C_SignInit answers CKR_DEVICE_REMOVED"),
        "{output}"
    );
    let failures = edge.admin().get("/handshakes").await.text();
    assert!(
        failures.contains("own_key") && failures.contains("CKR_DEVICE_REMOVED"),
        "{failures}"
    );
    edge.world.token.untell("answer");
    assert!(edge.shakes_hands("-tls1_2"));
    eventually("the good news", async || {
        edge.program
            .output()
            .contains("the token signs again")
            .then_some(())
    })
    .await;
    // It is the same program: nothing of it panicked.
    assert!(!edge.program.output().contains("panicked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_token_keeps_nobody_waiting_but_those_who_need_it() {
    let edge = Edge::start("ec");
    edge.world.token.tell("delay", "1500");
    let handshakes: Vec<_> = (0..8)
        .map(|_| {
            let address = edge.address;
            tokio::task::spawn_blocking(move || {
                let begun = Instant::now();
                let mut command = std::process::Command::new("openssl");
                command.args([
                    "s_client",
                    "-connect",
                    &address.to_string(),
                    "-servername",
                    "edge.test",
                ]);
                let said = harness::program::run_to_end(command).unwrap();
                (said.stdout.contains("subject=CN = edge.test"), begun.elapsed())
            })
        })
        .collect();
    // Until all of them are in the token's hands.
    eventually("eight sessions", async || {
        (edge.world.token.calls("open") >= 9).then_some(())
    })
    .await;
    let admin = edge.admin();
    for _ in 0..5 {
        let begun = Instant::now();
        assert_eq!(admin.get("/health").await.status, 200);
        assert!(
            begun.elapsed() < Duration::from_millis(500),
            "{:?}",
            begun.elapsed()
        );
    }
    assert!(
        handshakes.iter().any(|handshake| !handshake.is_finished()),
        "they were to wait meanwhile"
    );
    for handshake in handshakes {
        let (succeeded, took) = handshake.await.unwrap();
        assert!(succeeded && took >= Duration::from_millis(1500), "{took:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pin_is_offered_once_however_many_keys_want_it() {
    let mut world = World::of(&["ec"]);
    world.token = world.token.behind_another();
    world.write("wrong.pin", "86420");
    let key = |name: &str| world.token.key(name).replace("env:TOKEN_PIN", "wrong.pin");
    let target = "protocol = \"https\"\ntargets = [\"127.0.0.1:9\"]\n[target_groups.gateway.tls]\n\
                  trust_store = \"pki/ca/internal.pem\"\nserver_name = \"gateway.internal\"\n\
                  certificate = \"edge-client-ec.pem\"\n";
    let target = format!("{target}private_key = \"{}\"\n", key("edge-client-ec"));
    world.write(
        "edge.toml",
        &world.edge_file((&key("edge-ec"), &key("edge-sni-ec")), "ec", &target),
    );
    let said = world.check("edge-proxy", "edge.toml", &[]);
    assert_eq!(
        said.stdout.matches("refuses the PIN: CKR_PIN_INCORRECT").count(),
        1,
        "{said:?}"
    );
    assert_eq!(
        said.stdout
            .matches("has just refused this PIN, and is not asked again")
            .count(),
        2,
        "{said:?}"
    );
    assert_eq!(world.token.calls("login"), 1);
}

/// Who has lost the login offers the PIN once, and not with every handshake, nor at once again with a reload.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_takes_the_pin_no_more_is_not_locked_by_handshakes() {
    let mut world = World::of(&["ec"]);
    world.token = world.token.behind_another();
    let text = world.edge_file((&world.token.key("edge-ec"), "-"), "ec", HTTP);
    let one_key = text
        .lines()
        .filter(|line| !line.starts_with("additional_certificates"));
    world.write("edge.toml", &one_key.collect::<Vec<_>>().join("\n"));
    let edge = Edge::of(world);
    edge.world.token.tell("login", "a0");
    assert!(edge.shakes_hands("-tls1_3"), "who is logged in stays so");
    let before = edge.world.token.calls("login");
    edge.world.token.tell("answer-once", "b3");
    for _ in 0..4 {
        assert!(!edge.shakes_hands("-tls1_3"));
    }
    let output = edge.program.output();
    assert_eq!(output.matches("the token does not sign").count(), 1, "{output}");
    assert!(output.contains("refuses the PIN: CKR_PIN_INCORRECT"), "{output}");
    edge.program.signal(Signal::HUP);
    eventually("the refusal of the reload", async || {
        let output = edge.program.output();
        output
            .contains("has just refused this PIN, and is not asked again")
            .then_some(())
    })
    .await;
    assert_eq!(edge.world.token.calls("login") - before, 1);
}
