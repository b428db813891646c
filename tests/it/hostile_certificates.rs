//! Certificates that must not pass, each beside one that is made well: in the handshake, in a header through a real
//! edge, in a header from whoever has the edge's key, and in a header from a trusted address. Whatever the way, the
//! client learns one sentence and the log line says why.

use certs::{Authority, Ca, Issued, KeyKind, Leaf, Usage, Validity};
use harness::exhibit::{Exhibit, Judged, WAYS, Way, both_ways};
use harness::stack::{Plan, Stack, eventually};
use rcgen::KeyUsagePurpose;

pub(crate) const REFUSED: &str = "401 TLS certificate failed verification: ";
pub(crate) const ALICE: &str = "200 as alice@example.com";

/// Authorities that the document lists, and those that it does not.
pub(crate) struct World {
    pub(crate) root: Authority,
    pub(crate) issuing: Authority,
    /// The root's name, another key.
    twin: Authority,
    mallory: Authority,
}

impl World {
    pub(crate) fn new() -> Self {
        let root = Authority::root("Clients").unwrap();
        Self {
            issuing: root.intermediate("Issuing").unwrap(),
            root,
            twin: Authority::root("Clients").unwrap(),
            mallory: Authority::root("Mallory").unwrap(),
        }
    }

    pub(crate) fn issue(&self, leaf: Leaf) -> Issued {
        self.issuing.issue(leaf).unwrap()
    }

    pub(crate) fn plan(&self, listed: &[(&str, &Authority)]) -> Plan {
        let ids: Vec<String> = std::iter::once("{root}".to_owned())
            .chain(listed.iter().map(|(name, _)| format!("{{{name}}}")))
            .collect();
        let trust = format!("ca_certificates: [{}]", ids.join(", "));
        let document = [
            DOCUMENT,
            &both_ways("all", &trust, ""),
            &both_ways(
                "group",
                &format!("{trust}, skip_consumer_lookup: true, authenticated_group_by: DN"),
                "",
            ),
        ]
        .concat();
        let plan = Stack::reading(document)
            .without_lists()
            .authority("root", &self.root);
        listed
            .iter()
            .fold(plan, |plan, (name, ca)| plan.authority(name, ca))
    }
}

const DOCUMENT: &str = r#"_format_version: "3.0"
services: [{name: echo, url: "http://{echo}"}]
consumers:
  - username: alice@example.com
  - username: alice
  - username: bob@example.com
  - username: client.example.com
  - username: "*.example.com"
  - username: "*.wild.test"
  - username: spiffe://example.com/alice
  - username: älice
  - username: älice@example.com
  - username: "*"
routes:
"#;

/// The client of every certificate below that is not about names.
pub(crate) fn alice() -> Leaf {
    Leaf::client("alice").email("alice@example.com")
}

/// One situation.
pub(crate) struct Row {
    /// What it is.
    pub(crate) what: &'static str,
    /// What is shown.
    pub(crate) exhibit: Exhibit,
    /// Who gets through, or the reason why nobody does.
    pub(crate) verdict: &'static str,
    /// A part of the cause in the log.
    pub(crate) cause: &'static str,
}

/// A table of [`Row`]s: `what, exhibit => verdict, cause;`.
macro_rules! rows {
    ($($what:literal, $exhibit:expr => $verdict:expr $(, $cause:expr)?;)*) => {
        vec![$($crate::hostile_certificates::Row {
            what: $what,
            exhibit: $exhibit,
            verdict: $verdict,
            cause: [$($cause,)? ""][0],
        }),*]
    };
}
pub(crate) use rows;

pub(crate) fn assert_row(way: Way, row: &Row, judged: &Judged) {
    let Row {
        what,
        exhibit: _,
        verdict,
        cause,
    } = row;
    let context = format!("{what} by {way:?}: {:#}", judged.line["decision"]);
    match verdict.strip_prefix("200 as ") {
        Some(consumer) => {
            assert_eq!(judged.verdict(), *verdict, "{context}");
            let (plugin, evidence) = way.plugin();
            let principals = judged.principals();
            assert_eq!(principals.len(), 1, "{context}");
            assert!(
                principals[0].starts_with(&format!("{plugin} {evidence} {consumer} ")),
                "{principals:?} {context}"
            );
            let carried = judged.answer.received("x-amzn-mtls-clientcert").is_some();
            assert_eq!(
                carried,
                way != Way::Socket,
                "the header goes on where it was accepted: {context}"
            );
        }
        None => {
            assert_eq!(judged.verdict(), format!("{REFUSED}{verdict}"), "{context}");
            assert!(judged.cause().contains(cause), "{context}");
            assert_eq!(judged.principals(), Vec::<String>::new(), "{context}");
        }
    }
}

/// Every row by every way, at the route `all`.
async fn assert_rows(stack: &Stack, ways: &[Way], rows: &[Row]) {
    for row in rows {
        let before = stack.upstream.count();
        for way in ways {
            assert_row(*way, row, &stack.judge(*way, &row.exhibit, "all").await);
        }
        let went_on = if row.verdict.starts_with("200") {
            ways.len()
        } else {
            0
        };
        assert_eq!(stack.upstream.count() - before, went_on, "{}", row.what);
    }
}

/// The rows, by edge and socket, then by a trusted address.
pub(crate) async fn assert_everywhere(world: &World, listed: &[(&str, &Authority)], rows: &[Row]) {
    let stack = world.plan(listed).start().await;
    assert_rows(&stack, &WAYS, rows).await;
    let addresses = world
        .plan(listed)
        .trusting_addresses("127.0.0.0/8")
        .without_edge()
        .start()
        .await;
    assert_rows(&addresses, &[Way::Address], rows).await;
}

#[tokio::test]
async fn keys_usages_and_dates_are_judged_alike_by_every_way() {
    let world = World::new();
    let of = |leaf: Leaf| Exhibit::from(world.issue(leaf));
    let below = |ca: Ca, leaf: Leaf| Exhibit::from(world.root.intermediate(ca).unwrap().issue(leaf).unwrap());
    let usages = |ca: &str, usages: &[Usage]| below(Ca::named(ca).usages(usages.to_vec()), alice());
    let (purpose, untrusted) = ("certificate_purpose", "certificate_untrusted");
    let rows = rows![
        "P-256", of(alice()) => ALICE;
        "P-384", of(alice().key(KeyKind::P384)) => ALICE;
        "P-521", of(alice().key(KeyKind::P521)) => ALICE;
        "Ed25519", of(alice().key(KeyKind::Ed25519)) => ALICE;
        "RSA of 2048 bits", of(alice().key(KeyKind::Rsa2048)) => ALICE;
        "RSA of 3072 bits", of(alice().key(KeyKind::Rsa3072)) => ALICE;
        "issued by P-384", below(Ca::named("P-384").key(KeyKind::P384), alice()) => ALICE;
        "issued by Ed25519", below(Ca::named("Ed").key(KeyKind::Ed25519), alice()) => ALICE;
        "for servers only", of(alice().usages([Usage::Server])) => purpose, "does not hold clientAuth";
        "for e-mail only", of(alice().usages([Usage::Email])) => purpose, "does not hold clientAuth";
        "for anything, not named", of(alice().usages([Usage::Any])) => purpose, "does not hold clientAuth";
        "for clients and servers", of(alice().usages([Usage::Server, Usage::Client])) => ALICE;
        "for nothing in particular", of(alice().usages([])) => ALICE;
        "by an issuer for servers", usages("Servers", &[Usage::Server]) => purpose;
        "by an issuer for clients", usages("Narrow", &[Usage::Client]) => ALICE;
        "a key that signs no handshake", of(alice().key_usages([KeyUsagePurpose::KeyEncipherment]))
            => purpose, "sign a TLS handshake";
        "a key that signs certificates", of(alice().key_usages([KeyUsagePurpose::KeyCertSign]))
            => purpose, "sign a TLS handshake";
        "a key that agrees on keys", of(alice().key_usages([KeyUsagePurpose::KeyAgreement])) => ALICE;
        "a key without usages", of(alice().key_usages([])) => ALICE;
        "a leaf that claims to be a CA", of(alice().claiming_to_be_an_authority())
            => purpose, "cannot be used as a leaf";
        "the issuing CA itself", Exhibit::from(&world.issuing) => purpose, "cannot be used as a leaf";
        "the root itself", Exhibit::from(&world.root) => purpose, "cannot be used as a leaf";
        "serial number zero", of(alice().serial(&[0])) => ALICE;
        "a serial number of 20 octets", of(alice().serial(&[0x7f; 20])) => ALICE;
        "a serial number with the high bit", of(alice().serial(&[0xff, 1])) => ALICE;
        "expired", of(alice().validity(Validity::ended_days_ago(1))) => "certificate_expired", "`CN=alice` expired at";
        "not yet valid", of(alice().validity(Validity::starts_in_days(1)))
            => "certificate_not_yet_valid", "`CN=alice` is not valid before";
        "by an issuer that expired", below(Ca::named("Old").validity(Validity::ended_days_ago(1)), alice())
            => "certificate_expired", "`CN=Old`";
        "by an issuer of tomorrow", below(Ca::named("New").validity(Validity::starts_in_days(1)), alice())
            => "certificate_not_yet_valid", "`CN=New`";
        "an extension that nobody knows", of(alice().extension(&[1, 2, 3, 4], vec![5, 0])) => ALICE;
        "an issuer with a critical one", below(Ca::named("Odd").critical_extension(&[1, 2, 3, 4], vec![5, 0]), alice())
            => untrusted, "critical extension that is not understood";
        "an issuer that may sign lists only", below(Ca::named("Lists").key_usages([KeyUsagePurpose::CrlSign]), alice())
            => untrusted, "does not allow it to sign certificates";
    ];
    assert_everywhere(&world, &[], &rows).await;
}

#[tokio::test]
async fn a_path_leads_from_the_first_certificate_to_a_listed_root() {
    let world = World::new();
    let of = |leaf: Leaf| Exhibit::from(world.issue(leaf));
    let by = |authority: &Authority| Exhibit::from(authority.issue(alice()).unwrap());
    let good = world.issue(alice());
    let serial = good.serial().octets();
    let bob = Leaf::client("bob").email("bob@example.com");
    let short_root = Authority::root(Ca::named("Short").path_length(0)).unwrap();
    let short = world.root.intermediate(Ca::named("Low").path_length(0)).unwrap();
    let no_authority = world
        .root
        .intermediate(Ca::named("None").without_authority_flag())
        .unwrap();
    // The issuing authority's name and key, certified by others.
    let crossed = |by: &Authority, ca: Ca| by.cross_sign(ca, &world.issuing).unwrap();
    let lapsed = crossed(
        &world.root,
        Ca::named("Issuing").validity(Validity::ended_days_ago(1)),
    );
    let stranger = world.mallory.intermediate("Issuing").unwrap();
    let altered = good.certificate().clone();
    let altered: Vec<u8> = altered
        .iter()
        .enumerate()
        .map(|(at, octet)| octet ^ u8::from(at + 1 == altered.len()))
        .collect();
    let untrusted = "certificate_untrusted";
    let rows = rows![
        "leaf and issuer", Exhibit::from(good.clone()) => ALICE;
        "and the root", Exhibit::new(good.chain_with_root(), good.key()) => ALICE;
        "each twice", Exhibit::from(good.clone()).and(good.chain()) => ALICE;
        "strangers after it", Exhibit::from(good.clone()).and(stranger.path()) => ALICE;
        "the leaf alone", Exhibit::from(good.clone()).alone()
            => untrusted, "no path from `CN=alice` to a certificate authority in the trust store: it ends at `CN=Issuing`";
        "a stranger's", by(&world.mallory) => untrusted, "no path from";
        "a stranger's, with his root", Exhibit::from(world.mallory.issue(alice()).unwrap()).and(world.mallory.path())
            => untrusted, "no path from";
        "by the root's namesake", by(&world.twin) => untrusted, "was not made by the certificate authority";
        "with the serial number of a good one", Exhibit::from(world.twin.issue(alice().serial(serial)).unwrap())
            => untrusted, "was not made by the certificate authority";
        "and the namesake beside it", by(&world.twin).and(world.twin.path())
            => untrusted, "was not made by the certificate authority";
        "by the issuer's namesake, with the true one", Exhibit::from(stranger.issue(alice()).unwrap()).alone().and([world.issuing.certificate().clone()])
            => untrusted, "was not made by the certificate authority";
        "an altered signature", Exhibit::new([vec![altered.into()], world.issuing.path()].concat(), good.key())
            => untrusted, "was not made by the certificate authority";
        "a stranger's, with alice's behind it", Exhibit::from(world.mallory.issue(alice()).unwrap()).and(good.chain())
            => untrusted, "`CN=alice` is issued by `CN=Mallory`, which was not sent";
        "bob's, with alice's behind it", of(bob.clone()).and(good.chain()) => "200 as bob@example.com";
        "alice's, with bob's behind it", of(alice()).and(world.issue(bob.clone()).chain()) => ALICE;
        "an issuer certified twice, first by a stranger", by(&crossed(&world.mallory, Ca::named("Issuing")))
            .and([world.issuing.certificate().clone()]) => ALICE;
        "certified twice, first for a time that is over", by(&lapsed).and([world.issuing.certificate().clone()]) => ALICE;
        "certified for a time that is over", by(&lapsed) => "certificate_expired", "`CN=Issuing`";
        "issued by a client", Exhibit::from(good.as_authority().unwrap().issue(bob).unwrap())
            => untrusted, "is not a certificate authority";
        "issued by one that is no CA", by(&no_authority) => untrusted, "is not a certificate authority";
        "below a root that allows none below", by(&short_root) => ALICE;
        "two below it", by(&short_root.intermediate("Too low").unwrap()) => untrusted, "than its path length allows";
        "below an issuer that allows none below", by(&short) => ALICE;
        "two below that", by(&short.intermediate("Too low").unwrap()) => untrusted, "than its path length allows";
    ];
    assert_everywhere(&world, &[("short", &short_root)], &rows).await;
}

/// `levels` authorities, each below the one before.
fn stairs(root: &Authority, levels: usize) -> Vec<Authority> {
    let mut all: Vec<Authority> = Vec::new();
    for level in 1..=levels {
        let above = all.last().unwrap_or(root);
        all.push(above.intermediate(format!("Level {level}").as_str()).unwrap());
    }
    all
}

#[tokio::test]
async fn depth_is_counted_in_what_is_presented_and_on_the_path() {
    let world = World::new();
    let stairs = stairs(&world.root, 9);
    let deep = |level: usize| Exhibit::from(stairs[level - 1].issue(alice()).unwrap());
    let some = |level: usize, presented: usize| {
        let issued = stairs[level - 1].issue(alice()).unwrap();
        let mut chain = issued.chain();
        chain.truncate(presented);
        Exhibit::new(chain, issued.key())
    };
    let untrusted = "certificate_untrusted";
    let rows = rows![
        "6 authorities between", deep(6) => ALICE;
        "8 presented", deep(7) => untrusted, "8 certificates as presented, the limit is 7";
        // The two uppermost are listed, so that less has to be presented.
        "the same 6 between, 5 presented", some(6, 5) => ALICE;
        "7 between, 6 presented", some(7, 6) => untrusted, "below its anchor, the limit is 7";
        "7 doubles", some(1, 2).and(vec![stairs[0].certificate().clone(); 5]) => ALICE;
        "8 doubles", some(1, 2).and(vec![stairs[0].certificate().clone(); 6])
            => untrusted, "8 certificates as presented";
    ];
    assert_everywhere(&world, &[("first", &stairs[0]), ("second", &stairs[1])], &rows).await;

    // One more is not even looked at; in a header that is the carrier's mistake.
    let stack = world.plan(&[]).start().await;
    let socket = stack.judge(Way::Socket, &deep(8), "all").await;
    assert_eq!(socket.verdict(), format!("{REFUSED}{untrusted}"));
    assert!(
        socket
            .cause()
            .contains("9 certificates, more than the 8 that are looked at"),
        "{}",
        socket.cause()
    );
    let header = stack.judge(Way::Header, &deep(8), "all").await;
    assert_eq!(header.verdict(), "400 Bad request: header_malformed");
    assert!(
        header
            .cause()
            .contains("9 certificates, more than the 8 that are looked at"),
        "{}",
        header.cause()
    );
    let edge = stack.try_judge(Way::Edge, &deep(8), "all").await;
    assert!(edge.is_err(), "an edge carries all of it or nothing: {edge:?}");
    assert_eq!(stack.upstream.count(), 0);
}

#[tokio::test]
async fn what_expires_while_it_is_remembered_is_worth_nothing_any_more() {
    const SOON: u32 = 8;
    let world = World::new();
    let fading = |ca: &str| Ca::named(ca).validity(Validity::seconds(SOON));
    let root = Authority::root(fading("Fading root")).unwrap();
    let issuing = world.root.intermediate(fading("Fading issuer")).unwrap();
    let brief = alice().validity(Validity::seconds(SOON));
    let rows = rows![
        "a leaf", Exhibit::from(world.issue(brief)) => "certificate_expired", "`CN=alice` expired at";
        "its issuer", Exhibit::from(issuing.issue(alice()).unwrap()) => "certificate_expired", "`CN=Fading issuer`";
        "its root, which is listed", Exhibit::from(root.issue(alice()).unwrap()) => "certificate_expired", "`CN=Fading root`";
    ];
    let other = Exhibit::from(world.issue(alice()));
    let stack = world.plan(&[("fading", &root)]).start().await;
    let mut sessions = Vec::new();
    for row in &rows {
        for way in WAYS {
            assert_eq!(
                stack.judge(way, &row.exhibit, "all").await.verdict(),
                ALICE,
                "{} by {way:?}",
                row.what
            );
        }
        let client = stack.gateway().with(row.exhibit.identity().unwrap());
        sessions.push((row, client.connect().await.unwrap()));
    }
    for (row, session) in &mut sessions {
        eventually(row.what, async || {
            let answer = session.get("/socket/all").await.unwrap();
            (answer.status == 401).then_some(())
        })
        .await;
    }
    assert_rows(&stack, &WAYS, &rows).await;
    for way in WAYS {
        assert_eq!(
            stack.judge(way, &other, "all").await.verdict(),
            ALICE,
            "what has not expired stands, {way:?}"
        );
    }

    // A root that has expired is refused at load, so all of the old stays in force.
    stack.reload_gateway_in_vain().await;
    let status = stack.status().get("/status").await.json();
    let error = status["last_reload"]["error"].to_string();
    assert!(
        error.contains("certificate expired, \\\"Not After\\\" time is in the past"),
        "{error}"
    );
    assert_eq!(stack.judge(Way::Socket, &other, "all").await.verdict(), ALICE);
}
