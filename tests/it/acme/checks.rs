//! What `check` says before anything is started.

use harness::acme_server::AcmePlan;
use harness::pki::Pki;

use super::{Door, Tier, served, shown};

#[tokio::test(flavor = "multi_thread")]
async fn of_the_edges_file() {
    let server = AcmePlan::new().start();
    for (config, finding) in table! {
        ("", "error[missing-key]: `listeners.public.tls.acme.domains` is missing");
        ("domains = []", "error[bad-value]: `listeners.public.tls.acme.domains` is empty");
        ("domains = [\"*.a.test\"]", "`*.a.test`: it is a wildcard, whose certificate takes a DNS challenge (dns-01)");
        ("domains = [\"127.0.0.1\"]", "it is an address");
        ("domains = [\"bücher.test\"]", "write an international name in A-labels");
        ("domains = [\"a.test\"]\nexternal_account_key_id = \"x\"", "`listeners.public.tls.acme.external_account_hmac_key` is missing");
        ("domains = [\"a.test\"]\nexternal_account_key_id = \"x\"\nexternal_account_hmac_key = \"none\"", "error[hmac-key-unusable]");
        ("domains = [\"a.test\"]\nchallenge = \"dns-01\"", "http-01");
        ("domains = [\"a.test\"]\nkey_algorithm = \"EC_secp384r1\"", "EC_prime256v1");
        ("domains = [\"a.test\"]\nrenewal = \"1d\"", "error[unknown-key]");
    } {
        let door = Door::edge(&server, config).await;
        let said = door.check();
        assert!(
            said.code == Some(1) && said.stdout.contains(finding),
            "{config}: {said:?}"
        );
    }
    for (from, to, finding) in table! {
        ("terms_of_service_agreed = true", "", "error[terms-not-agreed]");
        ("terms_of_service_agreed = true", "terms_of_service_agreed = false", "error[terms-not-agreed]");
        ("https://", "http://ca.example/", "is plain http, which only a server on this machine may speak");
        ("contact = \"ops@example.com\"", "contact = \"ops\"", "is no e-mail address");
        ("protocol = \"http\"\ntarget_group", "protocol = \"https\"\ntls = { certificate = \"x\", private_key = \"y\" }\ntarget_group", "error[acme-unanswerable]");
        ("[listeners.public.tls.acme]", "[listeners.public.tls]\ncertificate = \"x\"\n[listeners.public.tls.acme]", "`listeners.public.tls.private_key` is missing");
        ("trust_store = \"", "trust_store = \"/none", "error[trust-store-unusable]");
    } {
        let door = Door::edge(&server, "domains = [\"a.test\"]\nchallenge = \"http-01\"").await;
        door.change("edge.toml", from, to);
        let said = door.check();
        assert!(
            said.code == Some(1) && said.stdout.contains(finding),
            "{to}: {said:?}"
        );
    }
    let door = Door::edge(&server, "domains = [\"a.test\"]").await;
    let said = door.check();
    assert_eq!(
        (said.code, said.stdout.trim()),
        (Some(0), "0 errors, 0 warnings"),
        "{said:?}"
    );
    assert!(!door.path("state").exists(), "check makes nothing");
}

/// A name that has a certificate of its own is left to it.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_a_certificate_is_not_ordered() {
    let server = AcmePlan::new().start();
    let door = Door::edge(&server, "domains = [\"edge.test\", \"a.acme.test\"]").await;
    let pki = Pki::make(&door.path("pki")).unwrap();
    let own = "certificate = \"pki/edge/server.pem\"\nprivate_key = \"pki/edge/server.key\"";
    let table = "[listeners.public.tls.acme]";
    door.change(
        "edge.toml",
        table,
        &format!("[listeners.public.tls]\n{own}\n{table}"),
    );
    let said = door.check();
    let expected =
        "warning[no-effect]: nothing is ordered for edge.test: a certificate of this listener has the name";
    assert!(said.code == Some(0) && said.stdout.contains(expected), "{said:?}");
    let program = door.start();
    served(&server, "a.acme.test").await;
    let own = std::fs::read_to_string(pki.path("edge/server.pem")).unwrap();
    for name in ["edge.test", "unknown.test"] {
        assert!(
            own.contains(shown(&server, name).unwrap().trim()),
            "{name}: the listener's own"
        );
    }
    assert_eq!(server.orders(), 1);
    drop(program);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_gateways_document() {
    let server = AcmePlan::new().start();
    for (config, finding) in table! {
        ("domains: ['127.0.0.1']", "it is an address");
        ("domains: [localhost]", "it has no dot");
        ("storage: redis", "error[unsupported-value]");
        ("storage: disk", "expected one of: shm, kong, redis, consul, vault");
        ("account_key: {key_id: x}", "error[unsupported-field]");
        ("preferred_chain: x", "error[unsupported-field]");
        ("eab_kid: x", "eab_kid requires eab_hmac_key");
        ("eab_hmac_key: x", "expected a key in base64url");
        ("rsa_key_size: 1024", "expected one of: 2048, 3072, 4096");
        ("renew_threshold_days: 0", "value must be greater than 0");
        ("fail_backoff_minutes: -1", "value must be greater than 0");
        ("challenge: dns-01", "expected one of: http-01, tls-alpn-01");
        ("domain: [a.test]", "unknown field");
    } {
        let said = Door::gateway(&server, config).await.check();
        assert!(
            said.code == Some(1) && said.stdout.contains(finding),
            "{config}: {said:?}"
        );
    }
    for (from, to, finding) in table! {
        ("tos_accepted: true", "tos_accepted: false", "warning[terms-not-accepted]");
        ("tos_accepted: true", "allow_any_domain: true", "warning[orders-for-anybody]");
        ("domains: [a.test]", "domains: [a.test, 'a.*']", "warning[orders-for-anybody]");
        ("domains: [a.test]", "domains: [a.test, '*.a.test']", "warning[no-wildcard-certificate]");
        ("domains: [a.test]", "domains: []", "warning[no-effect]");
    } {
        let door = Door::gateway(&server, "domains: [a.test]").await;
        door.change("kong.yaml", from, to);
        let said = door.check();
        assert!(
            said.code == Some(0) && said.stdout.contains(finding),
            "{to}: {said:?}"
        );
    }
    for (from, to, finding) in table! {
        ("- name: acme", "- name: acme\n  route: {name: all}", "route: value must be null");
        ("account_email: ops@example.com", "account_email: ops", "is no e-mail address");
        ("https://", "http://ca.example/", "is plain http");
        ("tos_accepted: true", "tos_accepted: false", "terms of service must be accepted, see https://letsencrypt.org/repository/");
    } {
        let door = Door::gateway(&server, "domains: [a.test]").await;
        if finding.starts_with("terms") {
            door.change(
                "kong.yaml",
                &server.directory(),
                "https://acme-v02.api.letsencrypt.org",
            );
        }
        door.change("kong.yaml", from, to);
        let said = door.check();
        assert!(
            said.code == Some(1) && said.stdout.contains(finding),
            "{to}: {said:?}"
        );
    }
    for (listens, challenge, finding) in table! {
        ("127.0.0.1:0 ssl", "http-01", "error[acme-unanswerable]");
        ("127.0.0.1:0", "tls-alpn-01", "error[acme-unanswerable]");
        ("off", "http-01", "error[acme-unanswerable]");
        ("127.0.0.1:0", "http-01", "warning[no-effect]");
    } {
        let door = Door::gateway(&server, &format!("domains: [a.test]\nchallenge: {challenge}")).await;
        door.change(
            "gateway.toml",
            &format!("{}, {} ssl http2", server.http(), server.https()),
            listens,
        );
        let said = door.check();
        assert!(said.stdout.contains(finding), "{listens}: {said:?}");
    }
}

/// Everything that Kong's schema has, as a node of Kong's may have it.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_of_kongs_loads_unchanged() {
    let server = AcmePlan::new().start();
    let config = "domains: [a.test]\nallow_any_domain: false\nrsa_key_size: 4096\nrenew_threshold_days: 14\n\
                  fail_backoff_minutes: 5\nstorage: shm\nenable_ipv4_common_name: true\neab_kid: null\naccount_key: null\n\
                  storage_config:\n  shm: {shm_name: kong}\n  kong: {}\n  redis: {host: null, port: 6379, database: 0}\n  \
                  consul: {https: false}\n  vault: {https: false, tls_verify: true, auth_method: token}\n\
                  preferred_chain: null";
    let said = Door::gateway(&server, config).await.check();
    assert_eq!(
        (said.code, said.stdout.lines().last()),
        (Some(0), Some("0 errors, 1 warnings")),
        "{said:?}"
    );
    assert!(said.stdout.contains("warning[self-signed]"), "{said:?}");
    let door = Door::of(Tier::Gateway, &server, "a.test", "http-01").await;
    assert_eq!(door.check().code, Some(0));
}
