//! A program that is killed while an order is under way goes on with it.

use harness::acme_server::AcmePlan;
use harness::stack::eventually;

use super::{Door, Tier, served};

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_an_order_it_goes_on_with_the_same_one() {
    for (tier, challenge) in [(Tier::Gateway, "http-01"), (Tier::Edge, "tls-alpn-01")] {
        let server = AcmePlan::new().refusing_nonces(0).start();
        server.hold_names();
        let domain = "killed.acme.test";
        let door = Door::of(tier, &server, domain, challenge).await;
        let program = door.start();
        let order = door.appears(".order").await;
        let told = || std::fs::read_to_string(&order).is_ok_and(|order| order.contains("\"told\":true"));
        eventually("that the server was told", async || told().then_some(())).await;
        program.crash();
        assert_eq!(door.files(".pem"), Vec::<std::path::PathBuf>::new());
        let asked = server.asked_what_to_prove();
        let program = door.start();
        // It asks what it had to prove, and provides it again.
        eventually("that it goes on", async || {
            (server.asked_what_to_prove() > asked).then_some(())
        })
        .await;
        server.release_names();
        served(&server, domain).await;
        let output = program.output();
        assert!(
            output.contains("going on with an order"),
            "{output}\n{}",
            server.log()
        );
        assert_eq!(
            (server.orders(), server.accounts()),
            (1, 1),
            "{tier:?} {}",
            server.log()
        );
        assert_eq!(door.files(".order"), Vec::<std::path::PathBuf>::new());
        assert_eq!(door.check().code, Some(0));
    }
}
