//! OCSP answers that both doors fetch from a responder over the test authority that can be made to say anything. What
//! clients get is read by `openssl s_client -status`.

use std::fmt::Write as _;
use std::net::SocketAddr;

use certs::{Authority, Issued, Leaf, Standing, Validity};
use harness::responder::{Responder, Word};
use harness::stack::{Plan, Stack, eventually};
use harness::template::quoted;
use http::StatusCode;
use serde_json::Value;

use crate::stapling::status;

pub(crate) const ANY: &str = "127.0.0.1:0";

/// A plan whose two doors show this certificate, with its issuer behind it, and fetch what is said of it.
fn fetching(plan: Plan, authority: &Authority, shown: &Issued) -> Plan {
    plan.file("own/server.pem", shown.certificate_pem() + &authority.pem())
        .file("own/server.key", shown.key_pem())
        .gateway("ssl_cert", "pki/own/server.pem")
        .gateway("ssl_cert_key", "pki/own/server.key")
        .gateway("ssl_stapling", "on")
        .edge("LISTENERS__OFF__TLS__CERTIFICATE", "pki/own/server.pem")
        .edge("LISTENERS__OFF__TLS__PRIVATE_KEY", "pki/own/server.key")
        .edge("LISTENERS__OFF__TLS__STAPLING", "fetch")
}

/// The same, allowed to ask the loopback network.
pub(crate) fn fetching_here(plan: Plan, authority: &Authority, shown: &Issued) -> Plan {
    fetching(plan, authority, shown)
        .gateway("revocation_allowed_hosts", "127.0.0.0/8")
        .edge("REVOCATION_ALLOWED_HOSTS", "127.0.0.0/8")
}

pub(crate) async fn is_shown(what: &str, address: SocketAddr, expected: &str) {
    eventually(what, async || {
        (status(address, &["-tls1_3"]) == expected).then_some(())
    })
    .await;
}

/// What both doors tell of the one answer that they fetch.
pub(crate) async fn told(stack: &Stack) -> [Value; 2] {
    let gateway = stack.status().get("/status").await.json()["stapling"][0].clone();
    let edge = stack.edge_admin().get("/stapling").await.json()[0].clone();
    [gateway, edge]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_good_is_not_shown_and_asked_for_again() {
    let authority = Authority::root("Stapled Root").unwrap();
    let twin = Authority::root("Stapled Root").unwrap();
    let responder = Responder::start(&authority, ANY.parse().unwrap()).await;
    let good = Word::Says(Standing::Good);
    let stale = Validity::ended_days_ago(1);
    let rows = table! {
        ("forged", Word::Forged(twin), "its signature does not hold");
        ("stale", Word::GoodIn(stale), "fetch a current one");
        ("early", Word::GoodIn(Validity::starts_in_days(2)), "it is not valid before");
        ("another's", Word::AboutAnother, "it says nothing about this certificate");
        ("unknown", Word::Says(Standing::Unknown), "does not know the certificate");
        ("an error", Word::Under(StatusCode::SERVICE_UNAVAILABLE), "it answers 503");
        ("garbage", Word::Octets(b"hello".to_vec()), "it is not an OCSP response in DER");
        ("try later", Word::Octets(vec![0x30, 3, 0x0a, 1, 3]), "declined to answer: tryLater");
        ("huge", Word::Octets(vec![0x30; 100_000]), "more than 65536 octets");
        ("a redirect", Word::Elsewhere(responder.url("/good")), "it answers 307");
    };
    responder.say("/good", good.clone());
    let mut document = "_format_version: \"3.0\"\ncertificates:\n".to_owned();
    for (row, (_, word, _)) in rows.iter().enumerate() {
        responder.say(&format!("/{row}"), word.clone());
        let leaf = Leaf::server(&format!("row-{row}.test")).ocsp_url(&responder.url(&format!("/{row}")));
        let issued = authority.issue(leaf).unwrap();
        let chain = issued.certificate_pem() + &authority.pem();
        let (chain, key) = (quoted(&chain), quoted(&issued.key_pem()));
        writeln!(
            document,
            "- {{cert: {chain}, key: {key}, snis: [row-{row}.test]}}"
        )
        .unwrap();
    }
    let stack = Stack::reading(document)
        .without_edge()
        .without_lists()
        .gateway("ssl_stapling", "on")
        .gateway("revocation_allowed_hosts", "127.0.0.1")
        .start()
        .await;
    let address = stack.gateway().address();
    let report = async |row: usize| {
        let all = stack.status().get("/status").await.json()["stapling"].clone();
        let name = format!("CN=row-{row}.test");
        let found = all
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["certificate"] == name.as_str());
        found.unwrap_or_else(|| panic!("no {name} in {all:#}")).clone()
    };
    for (row, (what, _, problem)) in rows.iter().enumerate() {
        let found = eventually(what, async || {
            let found = report(row).await;
            (!found["last_error"].is_null()).then_some(found)
        })
        .await;
        let error = found["last_error"]["error"].as_str().unwrap();
        assert!(error.contains(problem), "{what}: {found:#}");
        let name = format!("row-{row}.test");
        assert_eq!(status(address, &["-servername", &name]), "-", "{what}");
    }
    assert_eq!(responder.asked("/good"), 0, "no redirect is followed");
    // Mended, it is asked again without anybody's doing.
    for row in 0..rows.len() {
        responder.say(&format!("/{row}"), good.clone());
    }
    for (row, (what, _, _)) in rows.iter().enumerate() {
        eventually(what, async || {
            let name = format!("row-{row}.test");
            (status(address, &["-servername", &name]) == "good").then_some(())
        })
        .await;
        assert_eq!(report(row).await["failures"], 0, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_replaced_in_time_and_not_shown_beyond_its_end() {
    let authority = Authority::root("Stapled Root").unwrap();
    let responder = Responder::start(&authority, ANY.parse().unwrap()).await;
    let shown = authority
        .issue(Leaf::server("edge.test").ocsp_url(&responder.url("/a")))
        .unwrap();
    let brief = || {
        let seconds = Validity::seconds(6);
        Validity {
            not_before: seconds.not_after - std::time::Duration::from_secs(6),
            ..seconds
        }
    };
    responder.say("/a", Word::GoodIn(brief()));
    let stack = fetching_here(Stack::with("hop.yaml"), &authority, &shown)
        .start()
        .await;
    let doors = [stack.gateway().address(), stack.edge("off").address()];
    for door in doors {
        is_shown("a brief answer", door, "good").await;
    }
    // Each door asks for the next one while it still shows this one.
    let last = brief();
    responder.say("/a", Word::GoodIn(last));
    eventually("further questions", async || {
        (responder.asked("/a") >= 4).then_some(())
    })
    .await;
    for door in doors {
        assert_eq!(status(door, &["-tls1_3"]), "good");
    }
    responder.say("/a", Word::Under(StatusCode::INTERNAL_SERVER_ERROR));
    for door in doors {
        is_shown("the end of the last answer", door, "-").await;
    }
    // Whoever brings back an answer of before, perhaps of before a revocation, is not believed.
    responder.say("/a", Word::GoodIn(Validity::days(7)));
    eventually("the older answer", async || {
        let told = told(&stack).await;
        let is_older = |one: &Value| {
            one["last_error"]["error"]
                .as_str()
                .is_some_and(|error| error.contains("older"))
        };
        told.iter().all(is_older).then_some(())
    })
    .await;
    for door in doors {
        assert_eq!(status(door, &["-tls1_3"]), "-");
    }
    let fresh = brief();
    let fresh = Validity {
        not_after: fresh.not_after + std::time::Duration::from_hours(1),
        ..fresh
    };
    responder.say("/a", Word::GoodIn(fresh));
    for door in doors {
        is_shown("a new answer", door, "good").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_asked_at_an_address_that_is_not_allowed() {
    let authority = Authority::root("Stapled Root").unwrap();
    let responder = Responder::start(&authority, ANY.parse().unwrap()).await;
    responder.say("/a", Word::Says(Standing::Good));
    let by_name = responder.url("/a").replace("127.0.0.1", "localhost");
    for url in [responder.url("/a"), by_name] {
        let shown = authority.issue(Leaf::server("edge.test").ocsp_url(&url)).unwrap();
        let stack = fetching(Stack::with("hop.yaml"), &authority, &shown)
            .start()
            .await;
        let refused = eventually("a refusal", async || {
            let told = told(&stack).await;
            told.iter()
                .all(|one| !one["last_error"].is_null())
                .then_some(told)
        })
        .await;
        for one in refused {
            let error = one["last_error"]["error"].as_str().unwrap();
            assert!(error.contains("may not be called"), "{url}: {one:#}");
        }
        assert_eq!(responder.asked("/a"), 0, "{url}");
    }
    // By its name it is.
    let url = responder.url("/a").replace("127.0.0.1", "localhost");
    let shown = authority.issue(Leaf::server("edge.test").ocsp_url(&url)).unwrap();
    let stack = fetching(Stack::with("hop.yaml"), &authority, &shown)
        .gateway("revocation_allowed_hosts", "localhost")
        .edge("REVOCATION_ALLOWED_HOSTS", "localhost")
        .start()
        .await;
    for door in [stack.gateway().address(), stack.edge("off").address()] {
        is_shown("an answer", door, "good").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_are_remembered_over_a_reload_and_one_question_is_enough_for_many_names() {
    let authority = Authority::root("Stapled Root").unwrap();
    let responder = Responder::start(&authority, ANY.parse().unwrap()).await;
    let shown = authority
        .issue(Leaf::server("edge.test").ocsp_url(&responder.url("/a")))
        .unwrap();
    let stack = fetching_here(Stack::with("hop.yaml"), &authority, &shown)
        .edge("LISTENERS__PUBLIC__TLS__CERTIFICATE", "pki/own/server.pem")
        .edge("LISTENERS__PUBLIC__TLS__PRIVATE_KEY", "pki/own/server.key")
        .edge("LISTENERS__PUBLIC__TLS__STAPLING", "fetch")
        .start()
        .await;
    eventually("three failures each", async || {
        let told = told(&stack).await;
        told.iter()
            .all(|one| one["failures"].as_u64() >= Some(3))
            .then_some(())
    })
    .await;
    let asked = responder.asked("/a");
    for _ in 0..5 {
        stack.reload_gateway().await;
        stack.reload_edge();
    }
    for one in told(&stack).await {
        assert!(one["failures"].as_u64() >= Some(3), "{one:#}");
    }
    // The wait after the third is 6 s or more, and reloads take less.
    assert!(
        responder.asked("/a") <= asked + 2,
        "{asked}, then {}",
        responder.asked("/a")
    );
    assert_eq!(
        stack
            .edge_admin()
            .get("/stapling")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    responder.say("/a", Word::Says(Standing::Good));
    for door in [stack.edge("off"), stack.edge("public"), stack.gateway()] {
        is_shown("an answer", door.address(), "good").await;
    }
}
