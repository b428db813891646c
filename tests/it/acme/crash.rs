//! A program that is killed while an order is under way goes on with it.

use harness::acme_server::AcmePlan;

use super::{Door, Tier, served};

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_the_middle_of_an_order_it_goes_on_with_the_same_one() {
    for (tier, challenge) in [(Tier::Gateway, "http-01"), (Tier::Edge, "tls-alpn-01")] {
        let server = AcmePlan::new().looking_after(4).start();
        let domain = "killed.acme.test";
        let door = Door::of(tier, &server, domain, challenge).await;
        for _ in 0..2 {
            let program = door.start();
            door.appears(".order").await;
            program.crash();
        }
        assert_eq!(door.files(".pem"), Vec::<std::path::PathBuf>::new());
        let said = door.check();
        assert_eq!(said.code, Some(0), "the store is whole: {said:?}");
        let program = door.start();
        served(&server, domain).await;
        assert!(
            program.output().contains("going on with an order"),
            "{}",
            program.output()
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
