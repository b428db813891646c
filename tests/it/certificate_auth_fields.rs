//! What `allow_partial_chain` and `revocation_check_mode` decide, value by value.

use certs::{Authority, Ca, Leaf, Reason, Revocations, Serial, Validity};
use harness::exhibit::{WAYS, Way, both_ways};
use harness::stack::{Plan, Stack, eventually};

use crate::names_to_consumers::{Roots, of};

pub(crate) const DOCUMENT: &str = r#"_format_version: "3.0"
services: [{name: echo, url: "http://{echo}"}]
consumers: [{username: alice}, {username: guest}]
routes:
"#;

pub(crate) const ALICE: &str = "200 as alice";
const UNVERIFIED: &str = "401 TLS certificate failed verification: ";

fn alice() -> Leaf {
    Leaf::client("alice")
}

#[tokio::test]
async fn a_listed_intermediate_ends_a_path_only_where_partial_chains_are_allowed() {
    let roots = Roots::new();
    let routes = [
        ("root", "ca_certificates: [{a}]"),
        (
            "root-allowed",
            "ca_certificates: [{a}], allow_partial_chain: true",
        ),
        (
            "both",
            "ca_certificates: [{a}, {below-a}], allow_partial_chain: false",
        ),
        ("middle", "ca_certificates: [{below-a}]"),
        (
            "middle-refused",
            "ca_certificates: [{below-a}], allow_partial_chain: false",
        ),
        (
            "middle-allowed",
            "ca_certificates: [{below-a}], allow_partial_chain: true",
        ),
    ];
    let routes = routes.map(|(name, config)| both_ways(name, config, "")).concat();
    let stack = roots.start([DOCUMENT, &routes].concat()).await;
    let (whole, alone) = (of(&roots.below_a, alice()), of(&roots.below_a, alice()).alone());
    let with_root = of(&roots.below_a, alice()).and([roots.a.certificate().clone()]);
    let beside = of(&roots.a, alice());
    for (route, as_whole, as_leaf, by_the_root) in [
        ("root", true, false, true),
        ("root-allowed", true, false, true),
        ("both", true, true, true),
        ("middle", false, false, false),
        ("middle-refused", false, false, false),
        ("middle-allowed", true, true, false),
    ] {
        for (what, exhibit, passes) in [
            ("leaf and issuer", &whole, as_whole),
            ("and the root", &with_root, as_whole),
            ("the leaf alone", &alone, as_leaf),
            ("issued by the root", &beside, by_the_root),
        ] {
            for way in [Way::Socket, Way::Header] {
                let judged = stack.judge(way, exhibit, route).await;
                let refused = format!("{UNVERIFIED}certificate_untrusted");
                let expected = if passes { ALICE } else { refused.as_str() };
                assert_eq!(
                    judged.verdict(),
                    expected,
                    "{what} at {route} by {way:?}: {}",
                    judged.cause()
                );
            }
        }
    }
    let warnings = stack.status().get("/status").await.json()["warnings"].to_string();
    let pathless = warnings.matches("none of these CAs is self-signed").count();
    assert_eq!(pathless, 4, "two routes, both ways: {warnings}");
}

/// Authorities with a list, without one, with an old one, with a future one, and a namesake of the first.
struct Lists {
    listed: Authority,
    /// Below it, with a list of its own.
    kept: Authority,
    /// Below it, without one.
    bare: Authority,
    /// Below it, with a list of its own, and taken back.
    gone: Authority,
    unlisted: Authority,
    stale: Authority,
    twin: Authority,
}

const TAKEN_BACK: &[u8] = &[0x51, 0x07];

impl Lists {
    fn new() -> Self {
        let root = |name: &str| Authority::root(name).unwrap();
        let listed = root("Listed");
        let below = |name: &str| listed.intermediate(name).unwrap();
        Self {
            kept: below("Kept"),
            bare: below("Bare"),
            gone: below("Gone"),
            unlisted: root("Unlisted"),
            stale: root("Stale"),
            twin: root("Listed"),
            listed,
        }
    }

    fn plan(&self) -> Plan {
        let all = "[{listed}, {unlisted}, {stale}, {twin}, {kept}, {gone}]";
        let modes = [
            ("skip", ", revocation_check_mode: SKIP"),
            ("ignore", ", revocation_check_mode: IGNORE_CA_ERROR"),
            ("default", ""),
            ("strict", ", revocation_check_mode: STRICT"),
            ("guest", ", revocation_check_mode: STRICT, anonymous: guest"),
        ];
        let routes = modes.map(|(name, mode)| both_ways(name, &format!("ca_certificates: {all}{mode}"), ""));
        let none = || Revocations::none().and(&Serial::new(TAKEN_BACK), Reason::KeyCompromise);
        // The root has no say here, nor a list.
        let partial = "ca_certificates: [{kept}], allow_partial_chain: true, revocation_check_mode: STRICT";
        let files = [
            (
                "listed",
                &self.listed,
                none().and(self.gone.serial(), Reason::CaCompromise),
            ),
            ("kept", &self.kept, none()),
            ("gone", &self.gone, none()),
            ("stale", &self.stale, none().stale()),
        ];
        let names: Vec<String> = files
            .iter()
            .map(|(name, ..)| format!("pki/lists/{name}.crl"))
            .collect();
        let plan = Stack::reading([DOCUMENT, &routes.concat(), &both_ways("partial", partial, "")].concat())
            .gateway("revocation_lists", &names.join(", "))
            .authority("listed", &self.listed)
            .authority("kept", &self.kept)
            .authority("gone", &self.gone)
            .authority("unlisted", &self.unlisted)
            .authority("stale", &self.stale)
            .authority("twin", &self.twin);
        files.into_iter().fold(plan, |plan, (name, authority, list)| {
            plan.file(
                &format!("lists/{name}.crl"),
                authority.revocation_list(list).unwrap().pem(),
            )
        })
    }
}

#[tokio::test]
async fn revocation_is_judged_by_the_lists_of_the_node_in_each_mode() {
    const GOOD: &str = "";
    const REVOKED: &str = "certificate_revoked";
    const UNKNOWN: &str = "revocation_unknown";
    let lists = Lists::new();
    let stack = lists.plan().start().await;
    let good = |authority: &Authority| of(authority, alice());
    let revoked = |authority: &Authority| of(authority, alice().serial(TAKEN_BACK));
    let rows = table![
        ("not on the list", good(&lists.listed), [GOOD; 3], "");
        ("on it", revoked(&lists.listed), [GOOD, REVOKED, REVOKED], "is revoked by `CN=Listed`");
        ("an issuer's list too", good(&lists.kept), [GOOD; 3], "");
        ("on that", revoked(&lists.kept), [GOOD, REVOKED, REVOKED], "is revoked by `CN=Kept`");
        ("the issuer has none", good(&lists.bare),
            [GOOD, GOOD, UNKNOWN], "no revocation list of `CN=Bare` covers `CN=alice`");
        ("the issuer is on it", good(&lists.gone), [GOOD, REVOKED, REVOKED], "`CN=Gone`");
        ("no list", good(&lists.unlisted), [GOOD, GOOD, UNKNOWN], "no revocation list of `CN=Unlisted`");
        ("no list, a serial of another's", revoked(&lists.unlisted),
            [GOOD, GOOD, UNKNOWN], "no revocation list of `CN=Unlisted`");
        ("the list of a namesake", revoked(&lists.twin), [GOOD, GOOD, UNKNOWN], "no revocation list of `CN=Listed`");
        ("a stale list", good(&lists.stale),
            [GOOD, UNKNOWN, UNKNOWN], "the revocation list of `CN=Stale` is stale since");
        ("on a stale list", revoked(&lists.stale), [GOOD, REVOKED, REVOKED], "is revoked by `CN=Stale`");
    ];
    for (what, exhibit, [skip, ignore, strict], cause) in &rows {
        for way in WAYS {
            for (route, reason) in [
                ("skip", skip),
                ("ignore", ignore),
                ("default", ignore),
                ("strict", strict),
            ] {
                let judged = stack.judge(way, exhibit, route).await;
                let context = format!("{what} at {route} by {way:?}: {}", judged.cause());
                if *reason == GOOD {
                    assert_eq!(judged.verdict(), ALICE, "{context}");
                } else {
                    assert_eq!(judged.verdict(), format!("{UNVERIFIED}{reason}"), "{context}");
                    assert!(judged.cause().contains(cause), "{context}");
                }
            }
            let guest = stack.judge(way, exhibit, "guest").await;
            let expected = if *strict == GOOD { ALICE } else { "200 as guest" };
            assert_eq!(
                guest.verdict(),
                expected,
                "{what} where it may be anonymous by {way:?}"
            );
        }
    }
    for (exhibit, verdict) in [
        (good(&lists.kept), ALICE),
        (
            revoked(&lists.kept),
            "401 TLS certificate failed verification: certificate_revoked",
        ),
        (
            good(&lists.listed),
            "401 TLS certificate failed verification: certificate_untrusted",
        ),
    ] {
        assert_eq!(
            stack.judge(Way::Header, &exhibit, "partial").await.verdict(),
            verdict,
            "the issuer's list is enough"
        );
    }
    let warnings = stack.status().get("/status").await.json()["warnings"].to_string();
    assert!(
        warnings.contains("the revocation list of CN=Stale is stale"),
        "{warnings}"
    );
}

#[tokio::test]
async fn a_list_that_goes_stale_refuses_from_then_on_whatever_is_remembered() {
    let (root, other) = (
        Authority::root("Brief").unwrap(),
        Authority::root("Lasting").unwrap(),
    );
    let list = |authority: &Authority, list: Revocations| authority.revocation_list(list).unwrap().pem();
    let trust = "ca_certificates: [{brief}, {lasting}]";
    let routes = [
        both_ways("skip", &format!("{trust}, revocation_check_mode: SKIP"), ""),
        both_ways("ignore", trust, ""),
        both_ways("strict", &format!("{trust}, revocation_check_mode: STRICT"), ""),
    ];
    let stack = Stack::reading([DOCUMENT, &routes.concat()].concat())
        .gateway("revocation_lists", "pki/brief.crl, pki/lasting.crl")
        .authority("brief", &root)
        .authority("lasting", &other)
        .file(
            "brief.crl",
            list(&root, Revocations::none().valid(Validity::seconds(7))),
        )
        .file("lasting.crl", list(&other, Revocations::none()))
        .start()
        .await;
    let (brief, lasting) = (of(&root, alice()), of(&other, alice()));
    let mut session = stack
        .gateway()
        .with(brief.identity().unwrap())
        .connect()
        .await
        .unwrap();
    for path in ["/socket/ignore", "/socket/strict"] {
        assert_eq!(
            session.get(path).await.unwrap().status,
            200,
            "while the list is good"
        );
    }
    eventually("the list's end", async || {
        (session.get("/socket/ignore").await.unwrap().status == 401).then_some(())
    })
    .await;
    for way in WAYS {
        for (route, verdict) in [
            ("skip", ALICE),
            ("ignore", "revocation_unknown"),
            ("strict", "revocation_unknown"),
        ] {
            let judged = stack.judge(way, &brief, route).await;
            let refused = format!("{UNVERIFIED}{verdict}");
            let expected = if verdict == ALICE { verdict } else { &refused };
            assert_eq!(
                judged.verdict(),
                expected,
                "{route} by {way:?}: {}",
                judged.cause()
            );
            assert_eq!(
                stack.judge(way, &lasting, route).await.verdict(),
                ALICE,
                "another's list, {route} by {way:?}"
            );
        }
    }

    // The newer list is read at the next reload, and serves.
    std::fs::write(
        stack.pki.path("brief.crl"),
        list(&root, Revocations::none().number(2)),
    )
    .unwrap();
    stack.reload_gateway().await;
    assert_eq!(session.get("/socket/strict").await.unwrap().status, 200);
}

#[test]
fn a_list_that_cannot_be_used_refuses_the_start() {
    let (root, twin) = (
        Authority::root("Listed").unwrap(),
        Authority::root("Listed").unwrap(),
    );
    let mute = [rcgen::KeyUsagePurpose::KeyCertSign];
    let mute = root.intermediate(Ca::named("Mute").key_usages(mute)).unwrap();
    let made = |authority: &Authority, list: Revocations| authority.revocation_list(list).unwrap();
    let good = || made(&root, Revocations::none());
    let odd = Revocations::none().critical_extension(&[1, 2, 3], &[5, 0]);
    let early = Revocations::none().valid(Validity::starts_in_days(1));
    for (what, file, refusal) in table![
        ("good", good().pem(), None);
        ("stale, and so told", made(&root, Revocations::none().stale()).pem(), None);
        ("forged", good().with_broken_signature().pem(), Some("is not signed by the `CN=Listed`"));
        ("by a namesake", made(&twin, Revocations::none()).pem(), Some("is not signed by the `CN=Listed`"));
        ("by a stranger", made(&Authority::root("Stranger").unwrap(), Revocations::none()).pem(), Some("`CN=Stranger` is not among the certificate authorities that are trusted here; add that authority's certificate to the document's ca_certificates"));
        ("by one that may not sign lists", made(&mute, Revocations::none()).pem(), Some("CN=Mute"));
        ("from tomorrow", made(&root, early).pem(), Some("is not valid before"));
        ("with what nobody understands", made(&root, odd).pem(), Some("critical"));
        ("cut off", good().pem()[..200].to_owned(), Some("listed.crl"));
        ("empty", String::new(), Some("listed.crl"));
        ("a certificate", root.pem(), Some("listed.crl"));
    ] {
        // Although the plugin does not look at lists.
        let trust = "ca_certificates: [{root}, {mute}], revocation_check_mode: SKIP";
        let plan = Stack::reading([DOCUMENT, &both_ways("skip", trust, "")].concat())
            .gateway("revocation_lists", "pki/listed.crl")
            .authority("root", &root)
            .authority("mute", &mute)
            .file("listed.crl", file);
        let said = plan.refusal().map(|report| report.to_string());
        match refusal {
            None => assert_eq!(said, None, "{what}"),
            Some(cause) => {
                let said = said.unwrap_or_else(|| panic!("{what} is taken"));
                let line = said.lines().next().unwrap_or_default();
                assert!(
                    line.contains("error[revocation-list]") && line.contains(cause),
                    "{what}: {said}"
                );
            }
        }
    }
}
