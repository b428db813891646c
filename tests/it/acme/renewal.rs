//! A certificate is renewed in time, and the new one is shown without a reload.

use harness::acme_server::AcmePlan;
use harness::stack::eventually;

use super::{Door, Tier, fetch, served, shown};

#[tokio::test(flavor = "multi_thread")]
async fn the_new_certificate_is_shown_without_a_reload() {
    for (tier, challenge) in [(Tier::Gateway, "http-01"), (Tier::Edge, "tls-alpn-01")] {
        // Renewed when two thirds of its life are over.
        let server = AcmePlan::new().valid_for(12).start();
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
