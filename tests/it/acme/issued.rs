//! A certificate is issued, shown to whoever trusts the server's root, told of, and there again after a restart.

use harness::acme_server::AcmePlan;

use super::{Door, Tier, fetch, served, shown};

async fn is_issued(tier: Tier, challenge: &str) {
    // Most nonces are refused once: an order is not to fail for that.
    let server = AcmePlan::new().refusing_nonces(20).start();
    let domain = "a.acme.test";
    let door = Door::of(tier, &server, domain, challenge).await;
    let program = door.start();
    served(&server, domain).await;
    let first = shown(&server, domain).unwrap();

    let told = &door.told(&program).await[0];
    assert_eq!(
        (&told["domain"], &told["failures"]),
        (&domain.into(), &0.into()),
        "{told}"
    );
    assert!(
        told["until"].is_string() && told["next_order"].is_string(),
        "{told}"
    );
    let prefix = if tier == Tier::Gateway {
        "gateway"
    } else {
        "edge_proxy"
    };
    let metrics = door.metrics(&program).await;
    for line in [
        format!("{prefix}_acme_orders_total{{result=\"issued\"}} 1"),
        format!("{prefix}_acme_failures{{domain=\"{domain}\"}} 0"),
        format!("{prefix}_acme_certificate_not_after_seconds{{domain=\"{domain}\"}} "),
    ] {
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    let key = std::fs::read_to_string(&door.files(".pem")[0]).unwrap();
    let key = key.lines().nth(1).unwrap();
    let output = program.output();
    assert!(
        !output.contains(key) && !output.contains("PRIVATE KEY"),
        "no key in the log"
    );
    program.stop().unwrap();

    // Started again it shows the same, and asks for nothing.
    let program = door.start();
    assert_eq!(shown(&server, domain).as_ref(), Some(&first));
    assert_eq!(fetch(&server, domain).code, Some(0));
    program.stop().unwrap();
    assert_eq!((server.orders(), server.accounts()), (1, 1), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_gateway_and_http_01() {
    is_issued(Tier::Gateway, "http-01").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_gateway_and_tls_alpn_01() {
    is_issued(Tier::Gateway, "tls-alpn-01").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_edge_and_http_01() {
    is_issued(Tier::Edge, "http-01").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_edge_and_tls_alpn_01() {
    is_issued(Tier::Edge, "tls-alpn-01").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stored_certificates_are_shown_while_the_server_is_away() {
    for tier in [Tier::Gateway, Tier::Edge] {
        let domain = "a.acme.test";
        let mut server = AcmePlan::new().start();
        let door = Door::of(tier, &server, domain, "http-01").await;
        let program = door.start();
        served(&server, domain).await;
        let before = shown(&server, domain);
        program.stop().unwrap();
        server.stop();
        let _program = door.start();
        assert_eq!(shown(&server, domain), before, "{tier:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_of_the_type_that_is_asked_for() {
    let server = AcmePlan::new().start();
    for (tier, config, expected) in [
        (
            Tier::Gateway,
            "domains: [rsa.acme.test]\nrsa_key_size: 2048",
            "Public-Key: (2048 bit)",
        ),
        (
            Tier::Edge,
            "domains = [\"rsa.acme.test\"]\nkey_algorithm = \"RSA_3072\"",
            "Public-Key: (3072 bit)",
        ),
        (Tier::Edge, "domains = [\"ec.acme.test\"]", "NIST CURVE: P-256"),
    ] {
        let door = match tier {
            Tier::Gateway => {
                let door = Door::gateway(&server, config).await;
                door.change("kong.yaml", "cert_type: ecc", "cert_type: rsa");
                door
            }
            Tier::Edge => Door::edge(&server, config).await,
        };
        let _program = door.start();
        let file = door.appears(".pem").await.display().to_string();
        let said = harness::outside::openssl(&["x509", "-in", &file, "-noout", "-text"], b"");
        assert!(said.stdout.contains(expected), "{tier:?} {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_may_have_to_be_bound_to_one_elsewhere() {
    let key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
    let server = AcmePlan::new().bound_to("kid-1", key).start();
    let domain = "bound.acme.test";
    for tier in [Tier::Gateway, Tier::Edge] {
        let door = match tier {
            Tier::Gateway => {
                let config = format!("domains: [{domain}]\neab_kid: kid-1\neab_hmac_key: {key}");
                Door::gateway(&server, &config).await
            }
            Tier::Edge => {
                let config = format!(
                    "domains = [\"{domain}\"]\nexternal_account_key_id = \"kid-1\"\nexternal_account_hmac_key = \"eab.key\""
                );
                let door = Door::edge(&server, &config).await;
                door.write("eab.key", &format!("{key}\n"));
                door
            }
        };
        let program = door.start();
        served(&server, domain).await;
        assert!(!program.output().contains(key), "{}", program.output());
        program.stop().unwrap();
    }
    // Without it, the server's own words are told.
    let door = Door::of(Tier::Edge, &server, domain, "http-01").await;
    let program = door.start();
    let error = harness::stack::eventually("the refusal", async || {
        door.told(&program).await[0]["last_error"]
            .as_str()
            .map(str::to_owned)
    })
    .await;
    assert!(error.contains("externalAccountRequired"), "{error}");
}
