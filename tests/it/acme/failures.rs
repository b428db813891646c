//! What fails is tried again later and later, over reloads and restarts; what was shown stays.

use std::time::{Duration, Instant, SystemTime};

use certs::{Authority, Leaf};
use harness::acme_server::AcmePlan;
use harness::servers::{Files, own_address};
use harness::stack::eventually;
use rustix::process::Signal;
use serde_json::Value;

use super::{Door, Tier, served, shown};

async fn failures(door: &Door, program: &harness::program::Program, least: u64) -> Value {
    eventually("failures", async || {
        let told = door.told(program).await.pop()?;
        (told["failures"].as_u64()? >= least && told["ordering"] == false).then_some(told)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_waits_grow_and_neither_a_reload_nor_a_restart_shortens_them() {
    for tier in [Tier::Gateway, Tier::Edge] {
        let server = AcmePlan::new().start();
        let domain = "lost.acme.test";
        server.names_lead_nowhere();
        let door = Door::of(tier, &server, domain, "http-01").await;
        let program = door.start();
        let mut times = Vec::new();
        for least in 1..=3 {
            let told = failures(&door, &program, least).await;
            times.push(Instant::now());
            let error = told["last_error"].as_str().unwrap();
            assert!(
                error.contains("could not see that the name is ours by http-01"),
                "{error}"
            );
        }
        let waits: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        // Two seconds, then four; each and up to a quarter more, and what an order takes.
        assert!(
            waits[0] >= Duration::from_millis(1500) && waits[1] >= Duration::from_millis(3500),
            "{waits:?}"
        );
        let before = failures(&door, &program, 3).await;
        let orders = server.orders();

        program.signal(Signal::HUP);
        eventually("the reload", async || {
            program.output().contains("\"reloaded\"").then_some(())
        })
        .await;
        let after = door.told(&program).await.pop().unwrap();
        assert_eq!(after["next_order"], before["next_order"], "a reload");
        assert_eq!(after["failures"], before["failures"]);
        program.crash();
        let program = door.start();
        let after = eventually("the state", async || door.told(&program).await.pop()).await;
        assert_eq!(after["next_order"], before["next_order"], "a restart");
        assert_eq!((after["failures"].as_u64(), server.orders()), (Some(3), orders));

        // Mended, it is ordered at its time.
        server.names_lead_to_the_doors();
        served(&server, domain).await;
        let told = door.told(&program).await.pop().unwrap();
        assert_eq!(
            (&told["failures"], &told["last_error"]),
            (&0.into(), &Value::Null),
            "{told}"
        );
        assert_eq!(door.files(".retry"), Vec::<std::path::PathBuf>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_certificate_stays_while_its_renewal_fails() {
    let server = AcmePlan::new().valid_for(12).start();
    let domain = "old.acme.test";
    for tier in [Tier::Gateway, Tier::Edge] {
        server.names_lead_to_the_doors();
        let door = Door::of(tier, &server, domain, "tls-alpn-01").await;
        let program = door.start();
        served(&server, domain).await;
        server.names_lead_nowhere();
        let first = shown(&server, domain).unwrap();
        failures(&door, &program, 2).await;
        assert_eq!(shown(&server, domain), Some(first), "{tier:?}");
        let metrics = door.metrics(&program).await;
        assert!(!metrics.contains("result=\"failed\"} 0"), "{metrics}");
        program.stop().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_the_server_refuses_takes_nothing_from_the_others() {
    let server = AcmePlan::new().refusing("refused.test").start();
    let door = Door::edge(
        &server,
        "domains = [\"www.refused.test\", \"good.acme.test\"]\nretry_after = \"1h\"",
    )
    .await;
    let program = door.start();
    served(&server, "good.acme.test").await;
    let told = eventually("the refusal", async || {
        let told = door.told(&program).await;
        told.into_iter()
            .find(|told| told["domain"] == "www.refused.test" && told["failures"] == 1)
    })
    .await;
    let error = told["last_error"].as_str().unwrap();
    assert!(
        error.contains("rejectedIdentifier") && error.contains("policy"),
        "{error}"
    );
    assert_eq!(
        shown(&server, "www.refused.test"),
        None,
        "no certificate, no handshake"
    );
}

/// As whoever is in front of a large ACME server answers when it is asked too often; pebble has no limits.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_asks_to_be_left_alone_is_left_alone() {
    let server = AcmePlan::new().start();
    let (files, address) = (Files::new(), own_address(5));
    let authority = Authority::root("Busy Root").unwrap();
    let own = authority.issue(Leaf::server("busy").ip(address.ip())).unwrap();
    let ((certificate, key), ca) = (files.pair("busy", &own), files.write("ca.pem", &authority.pem()));
    let http = format!(
        "server {{ listen {address} ssl; ssl_certificate {certificate}; ssl_certificate_key {key}; \
         location / {{ add_header Retry-After 3600 always; return 429; }} }}"
    );
    let _busy = files.nginx(&http, &[address]);
    let door = Door::of(Tier::Edge, &server, "a.acme.test", "http-01").await;
    door.change(
        "edge.toml",
        &server.directory(),
        &format!("https://{address}/dir"),
    );
    door.change("edge.toml", &server.ca(), &ca);
    let program = door.start();
    let told = failures(&door, &program, 1).await;
    let error = told["last_error"].as_str().unwrap();
    assert!(error.contains("answered 429 Too Many Requests"), "{error}");
    let metrics = door.metrics(&program).await;
    let next = "edge_proxy_acme_next_order_seconds{domain=\"a.acme.test\"} ";
    let next: u64 = metrics
        .lines()
        .find_map(|line| line.strip_prefix(next))
        .unwrap()
        .parse()
        .unwrap();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    assert!(
        (3500..3700).contains(&(next - now)),
        "an hour and not two seconds: {}",
        next - now
    );
}
