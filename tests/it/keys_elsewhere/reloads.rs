//! SIGHUP reads every key again, from wherever it is, while clients come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use harness::client::Client;
use harness::outside::s_client;
use harness::program::Program;
use harness::stack::eventually;
use harness::template::quoted;
use rustix::process::Signal;

use super::Kept;
use super::world::{World, edge_file};

const HTTP: &str = "protocol = \"http\"\ntargets = [\"127.0.0.1:9\"]\n";

async fn reload(program: &Program) {
    let count = || program.output().matches("\"reloaded\"").count();
    let before = count();
    program.signal(Signal::HUP);
    eventually("the reload", async || (count() > before).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_under_load_loses_no_handshake_of_a_key_on_a_token() {
    for keys in ["ec", "rsa"] {
        let world = Arc::new(World::of(&[keys]));
        let (key, sni) = (
            world.token.key(&format!("edge-{keys}")),
            world.token.key(&format!("edge-sni-{keys}")),
        );
        world.write("edge.toml", &edge_file((&key, &sni), keys, HTTP));
        let program = world.start("edge-proxy", "edge.toml", &[]);
        let address = program.address("public").unwrap();
        let (done, made) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let clients: Vec<_> = (0..4)
            .map(|at| {
                let (world, done, made) = (Arc::clone(&world), Arc::clone(&done), Arc::clone(&made));
                let name = if at % 2 == 0 { "edge.test" } else { "sni.edge.test" };
                tokio::spawn(async move {
                    let pki = Arc::new(harness::pki::Pki::at(&world.path().join("pki")));
                    while !done.load(Ordering::Relaxed) {
                        // A connection of its own; the answer is the edge's, as nothing is behind it.
                        let answer = Client::https(address, &pki, name).get("/").outcome().await;
                        let answer = answer.unwrap_or_else(|error| panic!("{error}"));
                        assert_eq!(answer.status, 502);
                        made.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        for _ in 0..6 {
            let before = made.load(Ordering::Relaxed);
            reload(&program).await;
            eventually("more handshakes", async || {
                (made.load(Ordering::Relaxed) > before + 8).then_some(())
            })
            .await;
        }
        done.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.unwrap();
        }
        let output = program.output();
        assert!(
            !output.contains("does not sign") && !output.contains("panicked"),
            "{output}"
        );
        assert!(
            program.stop().unwrap().success(),
            "it ends in good order, whatever the module left behind"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_renewed_is_shown_after_a_reload_and_what_is_wrong_refuses_it() {
    let world = World::of(&["ec", "rsa"]);
    let (key, sni) = (
        world.key(Kept::Credential, "edge-ec"),
        world.token.key("edge-sni-ec"),
    );
    let text = edge_file((&key, &sni), "ec", HTTP);
    world.write("edge.toml", &text);
    let program = world.start("edge-proxy", "edge.toml", &[]);
    let address = program.address("public").unwrap();
    let shown = |name: &str| {
        let said = s_client(address, &["-servername", name], "/");
        let rsa = said.stdout.contains("Peer signature type: RSA-PSS");
        assert!(
            rsa || said.stdout.contains("Peer signature type: ECDSA"),
            "{said:?}"
        );
        if rsa { "rsa" } else { "ec" }
    };
    assert_eq!(shown("edge.test"), "ec");
    // The unit's credential and the certificate are replaced, as a renewal does.
    for (from, to) in [
        ("credentials/edge-rsa", "credentials/edge-ec"),
        ("edge-rsa.pem", "edge-ec.pem"),
    ] {
        std::fs::copy(world.file(from), world.file(to)).unwrap();
    }
    assert_eq!(shown("edge.test"), "ec", "not before the reload");
    reload(&program).await;
    assert_eq!(shown("edge.test"), "rsa");
    // The token's key gives way to another of it, in a second configuration of the same module.
    world.write(
        "edge.toml",
        &text
            .replace(&sni, &world.token.key("edge-sni-rsa"))
            .replace("edge-sni-ec.pem", "edge-sni-rsa.pem"),
    );
    reload(&program).await;
    assert_eq!(shown("sni.edge.test"), "rsa");
    // One that is not there refuses the reload, and what was in force stays.
    world.write("edge.toml", &text.replace(&sni, &world.token.key("nobody")));
    program.signal(Signal::HUP);
    eventually("the refusal", async || {
        program.output().contains("has no private key for").then_some(())
    })
    .await;
    assert_eq!(shown("sni.edge.test"), "rsa");
}

fn pipe(world: &World, name: &str) {
    let made = std::process::Command::new("mkfifo")
        .arg(world.file(name))
        .status();
    assert!(made.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_the_place_of_a_key_refuses_the_reload_instead_of_stopping_it_for_ever() {
    let world = World::of(&["ec"]);
    pipe(&world, "pipe");
    let document = |key: &str| {
        let chain = quoted(&world.issued("gateway-ec").chain_pem());
        format!(
            "_format_version: \"3.0\"\ncertificates:\n- cert: {chain}\n  key: {key}\n  snis: [gateway.test]\n"
        )
    };
    world.write("kong.yaml", &document("file:credentials/gateway-ec"));
    world.write(
        "gateway.toml",
        "proxy_listen = \"127.0.0.1:0 ssl\"\nstatus_listen = \"127.0.0.1:0\"\ndeclarative_config = \"kong.yaml\"\n",
    );
    let program = world.start("api-gateway", "gateway.toml", &[]);
    world.write("kong.yaml", &document("file:pipe"));
    program.signal(Signal::HUP);
    eventually("the refusal", async || {
        program
            .output()
            .contains("pipe: it is not a regular file")
            .then_some(())
    })
    .await;
    world.write("kong.yaml", &document("file:credentials/gateway-ec"));
    // The same for everything else that is read then: a trust store, a revocation list, a response to be stapled.
    let node = std::fs::read_to_string(world.file("gateway.toml")).unwrap();
    for line in [
        "trusted_edges = \"dns:a.test\"\ntrusted_edge_ca = \"pipe\"\n",
        "revocation_lists = \"pipe\"\n",
        "ssl_stapling = \"on\"\nssl_stapling_file = \"pipe\"\n",
        "ssl_cert = \"pipe\"\nssl_cert_key = \"credentials/gateway-ec\"\n",
    ] {
        world.write("gateway.toml", &format!("{node}{line}"));
        let refusals = || program.output().matches("not a regular file").count();
        let before = refusals();
        program.signal(Signal::HUP);
        eventually(line, async || (refusals() > before).then_some(())).await;
    }
    world.write("gateway.toml", &node);
    reload(&program).await;
    assert!(program.stop().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_that_does_not_end_keeps_nobody_from_stopping() {
    let world = World::of(&["ec"]);
    let key = world.key(Kept::File, "edge-ec");
    let text = edge_file((&key, &world.key(Kept::File, "edge-sni-ec")), "ec", HTTP);
    world.write("edge.toml", &text);
    world.write("kong.yaml", "_format_version: \"3.0\"\n");
    let node = "proxy_listen = \"127.0.0.1:0 ssl\"\nstatus_listen = \"127.0.0.1:0\"\ndeclarative_config = \"kong.yaml\"\n";
    world.write("gateway.toml", node);
    for (name, file) in [("edge-proxy", "edge.toml"), ("api-gateway", "gateway.toml")] {
        let program = world.start(name, file, &[("TOKIO_WORKER_THREADS", "2")]);
        // The node file itself may be a pipe, as `<(…)` of a shell is one.
        std::fs::remove_file(world.file(file)).unwrap();
        pipe(&world, file);
        program.signal(Signal::HUP);
        // A writer comes in as soon as somebody reads: then the reload has begun, and it ends no more.
        let held = tokio::task::spawn_blocking({
            let pipe = world.file(file);
            move || std::fs::OpenOptions::new().write(true).open(pipe)
        });
        let _held = held.await.unwrap().unwrap();
        assert!(program.stop().unwrap().success(), "{name}");
    }
}
