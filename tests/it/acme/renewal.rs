//! A certificate is renewed in time, and the new one is shown without a reload.

use harness::acme_server::AcmePlan;
use harness::stack::eventually;

use super::{Door, Tier, fetch, served, shown};

#[tokio::test(flavor = "multi_thread")]
async fn the_new_certificate_is_shown_without_a_reload() {
    for (tier, challenge) in [(Tier::Gateway, "http-01"), (Tier::Edge, "tls-alpn-01")] {
        // Renewed when two thirds of its life are over.
        let server = AcmePlan::new().valid_for(18).start();
        let domain = "short.acme.test";
        let door = Door::of(tier, &server, domain, challenge).await;
        let program = door.start();
        served(&server, domain).await;
        let first = shown(&server, domain).unwrap();
        let second = eventually("another certificate", async || {
            // At every moment there is one that is good.
            assert_eq!(fetch(&server, domain).code, Some(0), "{}", program.output());
            shown(&server, domain).filter(|now| *now != first)
        })
        .await;
        assert_ne!(first, second);
        assert_eq!(fetch(&server, domain).code, Some(0));
        assert_eq!(server.accounts(), 1);
        let metrics = door.metrics(&program).await;
        assert!(metrics.contains("result=\"failed\"} 0"), "{metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_or_account_leaves_no_gap() {
    let mut server = AcmePlan::new().start();
    let domain = "a.acme.test";
    let door = Door::of(Tier::Edge, &server, domain, "http-01").await;
    let program = door.start();
    served(&server, domain).await;
    let first = shown(&server, domain).unwrap();
    for (from, to) in [
        (
            "[target_groups.echo]",
            "key_algorithm = \"RSA_2048\"\n[target_groups.echo]",
        ),
        ("ops@example.com", "others@example.com"),
    ] {
        door.change("edge.toml", from, to);
        program.signal(rustix::process::Signal::HUP);
        let other = eventually("the other certificate", async || {
            let now = shown(&server, domain).expect("there always is one");
            (now != first).then_some(now)
        });
        let other = other.await;
        assert_ne!(other, first);
    }
    // While the server is away, what there is of another account is shown, and better than nothing.
    server.stop();
    door.change("edge.toml", "others@example.com", "third@example.com");
    program.signal(rustix::process::Signal::HUP);
    eventually("the failure", async || {
        let told = door.told(&program).await.pop()?;
        (told["failures"] == 1).then_some(())
    })
    .await;
    assert!(shown(&server, domain).is_some());
}
