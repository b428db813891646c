//! Valid certificates with names that lead astray: read in two ways, normalised, constrained, or full of control
//! characters. A name is compared as it stands or not at all, and goes upstream as harmless text.

use certs::{AlternativeName as Name, Attribute, Authority, Ca, Leaf, Subject};
use harness::exhibit::{Exhibit, WAYS};
use rcgen::GeneralSubtree;

use crate::hostile_certificates::{ALICE, World, alice, assert_everywhere, rows};

#[tokio::test]
async fn a_name_that_could_be_read_in_two_ways_is_nobodys() {
    let world = World::new();
    let of = |leaf: Leaf| Exhibit::from(world.issue(leaf));
    let named = |subject: Subject| of(Leaf::client("").subject(subject));
    let cn = Subject::common_name;
    let (ambiguous, nobody) = ("identity_ambiguous", "consumer_not_found");
    let (control, several) = ("holds a control character", "more than one common name");
    let rows = rows![
        "a common name", of(Leaf::client("alice")) => "200 as alice";
        "NUL after it", of(Leaf::client("alice\0")) => ambiguous, control;
        "NUL and another domain after it", of(Leaf::client("alice\0.evil.test")) => ambiguous, control;
        "a header after it", of(Leaf::client("alice\r\nX-Consumer-Username: bob@example.com")) => ambiguous, control;
        "a tab in it", of(Leaf::client("ali\tce")) => ambiguous, control;
        "DEL in it", of(Leaf::client("alice\u{7f}")) => ambiguous, control;
        "a C1 control in it", of(Leaf::client("alice\u{85}")) => ambiguous, control;
        "a comma in it", of(Leaf::client("alice,O=Admins")) => nobody, "CN=alice\\,O=Admins";
        "an e-mail address", of(alice()) => ALICE;
        "NUL in an e-mail address", of(Leaf::client("x").email("alice@example.com\0.evil.test")) => ambiguous, control;
        "a line end in one", of(Leaf::client("x").email("alice@example.com\r\n")) => ambiguous, control;
        "NUL in a DNS name", of(Leaf::client("x").dns("client.example.com\0.evil.test")) => ambiguous, control;
        "NUL in a URI", of(Leaf::client("x").uri("spiffe://a\0b")) => ambiguous, control;
        "NUL in a name behind a good one", of(alice().dns("client.example.com\0")) => ambiguous, control;
        "NUL in a common name that is not used", of(Leaf::client("alice\0").email("alice@example.com")) => ALICE;
        "two common names", of(Leaf::client("alice").another_common_name("bob")) => ambiguous, several;
        "one of them twice", of(Leaf::client("alice").another_common_name("alice")) => ambiguous, several;
        "two beside an e-mail address", of(alice().another_common_name("bob")) => ALICE;
        "joined with another attribute", named(cn("alice").joined(Attribute::Unit, "x")) => ambiguous, several;
        "beside another attribute", named(cn("alice").with(Attribute::Unit, "x")) => "200 as alice";
        "octets that are no text", named(Subject::empty().with_octets(Attribute::CommonName, 0x0c, &[0xff]))
            => ambiguous, several;
        "the common name in another encoding",
            named(Subject::empty().with_octets(Attribute::CommonName, 0x1e, b"\0a\0l\0i\0c\0e")) => "200 as alice";
        "octets above ASCII where it cannot be said which", named(Subject::empty().with_octets(Attribute::CommonName, 0x14, b"\xe4lice"))
            => ambiguous, several;
        "no name at all", named(Subject::empty()) => nobody, "it has no name to look up";
        "a common name beside another name, which counts instead", of(Leaf::client("alice").dns("alice.test"))
            => nobody, "no consumer matches the certificate of CN=alice, by `alice.test`";
        "another attribute alone", named(Subject::empty().with(Attribute::Unit, "alice")) => nobody;
        "an e-mail attribute of the subject", named(Subject::empty().with(Attribute::Email, "alice@example.com"))
            => nobody;
    ];
    assert_everywhere(&world, &[], &rows).await;
}

#[tokio::test]
async fn names_are_compared_and_not_interpreted() {
    let world = World::new();
    let of = |leaf: Leaf| Exhibit::from(world.issue(leaf));
    let mail = |address: &str| of(Leaf::client("x").email(address));
    let dns = |name: &str| of(Leaf::client("x").dns(name));
    let raw =
        |tag: u8, octets: &[u8]| of(Leaf::client("x").alternative_name(Name::Raw(tag, octets.to_vec())));
    let nobody = "consumer_not_found";
    let rows = rows![
        "an e-mail address", mail("alice@example.com") => ALICE;
        "its domain in capitals", mail("alice@EXAMPLE.Com") => ALICE;
        "its local part in capitals", mail("Alice@example.com") => nobody;
        "a tag", mail("alice+tag@example.com") => nobody;
        "a dot at its end", mail("alice@example.com.") => nobody;
        "a space at its end", mail("alice@example.com ") => nobody;
        "a name before it", mail("Alice <alice@example.com>") => nobody;
        "it as a DNS name", dns("alice@example.com") => ALICE;
        "it as a URI", of(Leaf::client("x").uri("mailto:alice@example.com")) => nobody;
        "Unicode in an e-mail address", raw(0x81, "älice@example.com".as_bytes()) => nobody;
        "Latin-1 in one", raw(0x81, b"\xe4lice@example.com") => nobody;
        "Unicode in a common name", of(Leaf::client("älice")) => "200 as älice";
        "the same decomposed", of(Leaf::client("a\u{308}lice")) => nobody;
        "a Cyrillic letter", of(Leaf::client("\u{430}lice")) => nobody;
        "a common name in capitals", of(Leaf::client("ALICE")) => nobody;
        "a DNS name", dns("client.example.com") => "200 as client.example.com";
        "in capitals", dns("CLIENT.example.COM") => "200 as client.example.com";
        "a dot at its end", dns("client.example.com.") => nobody;
        "a wildcard does not stand for a name", dns("*.com") => nobody;
        "nor a consumer's for a certificate", dns("a.wild.test") => nobody;
        "it is a name like any other", dns("*.example.com") => "200 as *.example.com";
        "a star alone", of(Leaf::client("*")) => "200 as *";
        "a URI", of(Leaf::client("x").uri("spiffe://example.com/alice")) => "200 as spiffe://example.com/alice";
        "a URI that leads there by a detour", of(Leaf::client("x").uri("spiffe://example.com/x/../alice")) => nobody;
        "one in other letters", of(Leaf::client("x").uri("SPIFFE://example.com/alice")) => nobody;
        "one with an escape", of(Leaf::client("x").uri("spiffe://example.com/%61lice")) => nobody;
        "one with a slash at its end", of(Leaf::client("x").uri("spiffe://example.com/alice/")) => nobody;
        "an IP address of three octets", raw(0x87, &[10, 0, 0]) => nobody;
        "an alternative name, and a common name that would do", of(Leaf::client("alice").dns("nobody.test")) => nobody;
        "an empty list of them", of(Leaf::client("alice").extension(&[2, 5, 29, 17], vec![0x30, 0])) => nobody;
        "one of a kind that is not looked up", of(Leaf::client("alice").alternative_name(Name::Raw(0x88, vec![42, 3])))
            => nobody;
    ];
    assert_everywhere(&world, &[], &rows).await;
}

#[tokio::test]
async fn name_constraints_are_met_or_refuse_by_name() {
    let world = World::new();
    let root = |name: &str, constrain: fn(Ca) -> Ca| Authority::root(constrain(Ca::named(name))).unwrap();
    let dns = root("DNS", |ca| ca.permitted_dns("example.com"));
    let excluding = root("Excluding", |ca| {
        ca.excluded(GeneralSubtree::DnsName("example.com".into()))
    });
    let email = root("E-mail", |ca| ca.permitted_email("example.com"));
    let directory = root("Directory", |ca| {
        let mut name = rcgen::DistinguishedName::new();
        name.push(rcgen::DnType::CommonName, "alice");
        ca.permitted(GeneralSubtree::DirectoryName(name))
    });
    let client = |authority: &Authority, leaf: Leaf| Exhibit::from(authority.issue(leaf).unwrap());
    let named = |name: &str| Leaf::client("x").dns(name);
    let (untrusted, cause) = (
        "certificate_untrusted",
        "the name constraints of a certificate authority above `CN=",
    );
    let rows = rows![
        "a DNS name within", client(&dns, named("client.example.com")) => "200 as client.example.com";
        "one outside", client(&dns, named("client.example.org")) => untrusted, cause;
        "one within and one outside", client(&dns, named("client.example.com").dns("evil.test")) => untrusted, cause;
        "one that is excluded", client(&excluding, named("client.example.com")) => untrusted, cause;
        // The path builder cannot judge constraints on e-mail addresses: whoever has one is refused, met or not.
        "an e-mail address within", client(&email, alice()) => untrusted, cause;
        "one outside", client(&email, Leaf::client("x").email("alice@evil.test")) => untrusted, cause;
        "no e-mail address at all", client(&email, named("client.example.com")) => "200 as client.example.com";
        // Every subject is a directory name.
        "a subject within", client(&directory, Leaf::client("alice").dns("client.example.com")) => untrusted, cause;
    ];
    let listed = [
        ("dns", &dns),
        ("excluding", &excluding),
        ("email", &email),
        ("directory", &directory),
    ];
    assert_everywhere(&world, &listed, &rows).await;

    let findings: Vec<String> = world
        .plan(&listed)
        .findings()
        .iter()
        .map(ToString::to_string)
        .collect();
    let told = "it refuses every certificate below it with a name of that kind, and every subject is a directory name";
    let warnings: Vec<&String> = findings
        .iter()
        .filter(|line| line.contains("[name-constraints]") && line.ends_with(told))
        .collect();
    assert_eq!(
        warnings.len(),
        8,
        "one for each of the two and each plugin that lists it: {findings:#?}"
    );
    assert!(
        warnings
            .iter()
            .all(|line| line.contains("the CA CN=E-mail has name")
                || line.contains("the CA CN=Directory has name")),
        "{findings:#?}"
    );
}

#[tokio::test]
async fn hostile_names_go_upstream_as_harmless_text_or_not_at_all() {
    let world = World::new();
    let stack = world.plan(&[]).start().await;
    let of = |leaf: Leaf| Exhibit::from(world.issue(leaf));
    for (what, exhibit, dn, san) in [
        (
            "a comma",
            of(Leaf::client("alice,O=Admins")),
            r"CN=alice\,O=Admins",
            None,
        ),
        (
            "line ends",
            of(Leaf::client("a\r\nX-Admin: 1")),
            r"CN=a\0D\0AX-Admin: 1",
            None,
        ),
        ("NUL", of(Leaf::client("a\0b")), r"CN=a\00b", None),
        ("Unicode", of(Leaf::client("ä")), r"CN=\C3\A4", None),
        (
            "two",
            of(Leaf::client("a").another_common_name("b")),
            "CN=b,CN=a",
            None,
        ),
        (
            "alternative names that would be read as two, or as a header",
            of(Leaf::client("a")
                .email("a@b.test,root@b.test")
                .dns("a.test")
                .uri("x:\r\nX-Admin: 1")
                .dns("b.test")),
            "CN=a",
            Some("a.test, b.test"),
        ),
    ] {
        for way in WAYS {
            let judged = stack.judge(way, &exhibit, "group").await;
            assert_eq!(judged.verdict(), "200 as nobody", "{what} by {way:?}");
            assert_eq!(
                judged.answer.received("x-client-cert-dn").as_deref(),
                Some(dn),
                "{what} by {way:?}"
            );
            assert_eq!(
                judged.answer.received("x-client-cert-san").as_deref(),
                san,
                "{what} by {way:?}"
            );
            assert_eq!(judged.answer.received("x-admin"), None, "{what} by {way:?}");
        }
    }
}
