//! SIGHUP reads every key again, from wherever it is, while clients come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use harness::client::Client;
use harness::outside::s_client;
use harness::program::Program;
use harness::stack::eventually;
use rustix::process::Signal;

use super::Kept;
use super::world::World;

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
        world.write("edge.toml", &world.edge_file((&key, &sni), keys, HTTP));
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
    let text = world.edge_file((&key, &sni), "ec", HTTP);
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
