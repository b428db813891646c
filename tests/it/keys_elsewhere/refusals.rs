//! What `check` says of a key that cannot be had: at the place where it is referred to, with what to do, and without a
//! word of a key or a PIN.

use harness::outside::openssl;
use harness::program::Said;
use harness::template::quoted;
use harness::token::PIN;

use super::world::World;

/// Where a reference may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    Edge,
    Node,
    Document,
}

const HTTP: &str = "protocol = \"http\"\ntargets = [\"127.0.0.1:9\"]\n";

/// The lines of `check`, where this is written for the key of `edge-ec` or `gateway-ec`.
fn checked(world: &World, at: At, reference: &str, without: &[&str]) -> Said {
    let sni = world.token.key("edge-sni-ec");
    match at {
        At::Edge => {
            world.write("edge.toml", &world.edge_file((reference, &sni), "ec", HTTP));
            return world.check("edge-proxy", "edge.toml", without);
        }
        At::Node => world.write("kong.yaml", "_format_version: \"3.0\"\n"),
        At::Document => {
            let chain = quoted(&world.issued("gateway-ec").chain_pem());
            let text = format!(
                "_format_version: \"3.0\"\ncertificates:\n- cert: {chain}\n  key: {}\n",
                quoted(reference)
            );
            world.write("kong.yaml", &text);
        }
    }
    let own = world.token.key("gateway-ec");
    let key = if at == At::Node { reference } else { &own };
    world.write(
        "kong.conf",
        &format!(
            "proxy_listen = 127.0.0.1:0 ssl\ndeclarative_config = kong.yaml\nssl_cert = gateway-ec.pem\nssl_cert_key = {key}\n"
        ),
    );
    world.check("api-gateway", "kong.conf", without)
}

/// What every line about a reference begins with.
fn place(at: At) -> &'static str {
    match at {
        At::Edge => "edge.toml:7:15: error[certificate-unusable]: ",
        At::Node => "kong.conf:4:16: error[unreadable-file]: ",
        At::Document => "kong.yaml:4:8: error[key-unusable]: ",
    }
}

#[test]
fn what_cannot_be_had_is_told_where_it_is_written() {
    let world = World::of(&["ec"]);
    let module = |uri: &str| format!("{uri}?module-name=softhsm2&pin-source=env:TOKEN_PIN");
    let others = "`edge-ec`";
    world.write("wrong.pin", "86420");
    for (reference, without, expected) in [
        (
            "env:NOBODYS_KEY".to_owned(),
            "",
            "the environment variable NOBODYS_KEY is not set; set NOBODYS_KEY where this program is started",
        ),
        (
            "systemd:edge-ec".to_owned(),
            "CREDENTIALS_DIRECTORY",
            "there is no systemd credential `edge-ec`: CREDENTIALS_DIRECTORY is not set; run it as a systemd service with LoadCredential=edge-ec:/PATH in its [Service] section",
        ),
        (
            "systemd:nobody".to_owned(),
            "",
            "cannot read the systemd credential `nobody`: No such file or directory (os error 2); write LoadCredential=nobody:/PATH",
        ),
        (
            "file:nobody.key".to_owned(),
            "",
            "cannot read nobody.key: No such file or directory",
        ),
        (
            module("pkcs11:token=nobody;object=edge-ec"),
            "",
            "there is no token for pkcs11:token=nobody;object=edge-ec; there are `sallyport`; correct token=",
        ),
        (
            module("pkcs11:token=sallyport;object=nobody"),
            "",
            "the token `sallyport` has no private key for pkcs11:token=sallyport;object=nobody; it has ",
        ),
        (module("pkcs11:token=sallyport;id=%7f"), "", others),
        (
            module("pkcs11:token=sallyport;object=edge-ec"),
            "TOKEN_PIN",
            "the token's PIN: the environment variable TOKEN_PIN is not set; set TOKEN_PIN",
        ),
        (
            module("pkcs11:token=sallyport;object=edge-ec"),
            "SOFTHSM2_CONF",
            "there is no token for pkcs11:token=sallyport;object=edge-ec; ",
        ),
        (
            "pkcs11:object=edge-ec?module-name=nohsm&pin-source=env:TOKEN_PIN".to_owned(),
            "",
            "there is no PKCS#11 module `nohsm`: no libnohsm.so in /usr/lib/",
        ),
        (
            "pkcs11:object=edge-ec?module-name=softhsm2".to_owned(),
            "",
            "it shows none without a PIN: add pin-source=",
        ),
        (
            "pkcs11:object=edge-ec?module-name=softhsm2&pin-source=file:wrong.pin".to_owned(),
            "",
            "the token `sallyport` refuses the PIN: CKR_PIN_INCORRECT; correct what pin-source names",
        ),
        (
            "pkcs11:object=edge-ec?module-name=softhsm2&pin-value=86420".to_owned(),
            "",
            "the token `sallyport` refuses the PIN: CKR_PIN_INCORRECT; correct what pin-source names",
        ),
    ] {
        for at in [At::Edge, At::Node, At::Document] {
            let said = checked(&world, at, &reference, &[without]);
            let mut lines = said.stdout.lines();
            let line = lines.find(|line| line.starts_with(place(at)));
            let line = line.unwrap_or_else(|| panic!("{at:?} {reference}: {said:?}"));
            assert!(line.contains(expected), "{at:?} {reference}: {line}");
            assert_eq!(said.code, Some(1), "{at:?} {reference}: {said:?}");
            for secret in [PIN, "86420"] {
                assert!(
                    !said.stdout.contains(secret) && !said.stderr.contains(secret),
                    "{said:?}"
                );
            }
        }
    }
}

#[test]
fn the_key_of_another_certificate_is_no_key_of_this_one() {
    let world = World::of(&["ec", "rsa"]);
    for (at, expected) in [
        (
            At::Edge,
            "edge.toml:7:15: error[certificate-unusable]: the private key does not belong to the certificate edge-ec.pem",
        ),
        (
            At::Node,
            "kong.conf:4:16: error[unreadable-file]: the private key does not belong to the certificate gateway-ec.pem",
        ),
        (
            At::Document,
            "kong.yaml:4:8: error[key-mismatch]: certificate does not match key",
        ),
    ] {
        // Of the same type, and of the other.
        for other in ["edge-sni-ec", "edge-rsa"] {
            let on_token = format!("pkcs11:object={other}?module-name=softhsm2&pin-source=env:TOKEN_PIN");
            for reference in [on_token, format!("systemd:{other}")] {
                let said = checked(&world, at, &reference, &[]);
                assert!(said.stdout.contains(expected), "{at:?} {reference}: {said:?}");
                assert_eq!(said.code, Some(1));
            }
        }
        let own = if at == At::Edge { "edge-ec" } else { "gateway-ec" };
        let said = checked(&world, at, &format!("systemd:{own}"), &[]);
        assert_eq!(said.code, Some(0), "{at:?}: {said:?}");
    }
}

#[test]
fn a_form_that_is_none_is_told_before_anything_is_opened() {
    let world = World::of(&["ec"]);
    for (reference, expected) in [
        ("systemd:../shadow", "no `/` and no `..`"),
        ("env:A B", "names no environment variable"),
        (
            "pkcs11:object=a?module-name=softhsm2&pin-value=86420%",
            "two hexadecimal digits",
        ),
        (
            "pkcs11:object=a;colour=red?module-name=softhsm2",
            "has the attribute `colour`, which is not read here",
        ),
        (
            "pkcs11:object=a?module-name=softhsm2&pin-source=|cat pin",
            "commands are not run",
        ),
    ] {
        for (at, place) in [
            (
                At::Edge,
                "edge.toml:7:15: error[bad-value]: `listeners.public.tls.private_key`: ",
            ),
            (At::Node, "kong.conf:4:16: error[bad-value]: `ssl_cert_key`: "),
            (
                At::Document,
                "kong.yaml:4:8: error[invalid-value]: key: the reference ",
            ),
        ] {
            let said = checked(&world, at, reference, &[]);
            let line = said.stdout.lines().find(|line| line.starts_with(place));
            assert!(
                line.is_some_and(|line| line.contains(expected)),
                "{at:?} {reference}: {said:?}"
            );
            assert!(!said.stdout.contains("86420"), "{said:?}");
        }
    }
    // A document is not trusted to load code, and its other vaults are not here.
    for (reference, expected) in [
        (
            world.token.key("gateway-ec"),
            "kong.yaml:4:8: error[invalid-value]: key: `module-path` would load a library",
        ),
        (
            "{vault://hcv/gateway}".to_owned(),
            "kong.yaml:4:8: error[unsupported-value]: key: vault references other than",
        ),
    ] {
        let said = checked(&world, At::Document, &reference, &[]);
        assert!(said.stdout.contains(expected), "{reference}: {said:?}");
    }
}

#[test]
fn what_works_and_should_not_stay_so_is_warned_of() {
    let world = World::of(&["ec"]);
    world.write("open.pin", PIN);
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    std::fs::set_permissions(world.path().join("open.pin"), open).unwrap();
    let by_value = format!("pkcs11:object=edge-ec?module-name=softhsm2&pin-value={PIN}");
    for (reference, expected) in [
        (
            by_value.as_str(),
            "edge.toml:7:15: warning[pin-in-file]: `pin-value` has the token's PIN in the configuration",
        ),
        (
            "pkcs11:object=edge-ec?module-name=softhsm2&pin-source=open.pin",
            "edge.toml:7:15: warning[key-permissions]: every user of this machine can read the token's PIN in open.pin",
        ),
    ] {
        let said = checked(&world, At::Edge, reference, &[]);
        assert!(said.stdout.contains(expected), "{reference}: {said:?}");
        assert_eq!(said.code, Some(0), "{said:?}");
        assert!(!said.stdout.contains(PIN), "{said:?}");
    }
    // A key that needs a passphrase, in both forms that openssl writes.
    for arguments in [
        ["pkcs8", "-topk8", "-passout", "pass:secret"],
        ["ec", "-aes128", "-passout", "pass:secret"],
    ] {
        let encrypted = openssl(&arguments, world.issued("edge-ec").key_pem().as_bytes());
        assert!(encrypted.stdout.contains("ENCRYPTED"), "{encrypted:?}");
        world.write("encrypted.key", &encrypted.stdout);
        let said = checked(&world, At::Edge, "encrypted.key", &[]);
        let expected =
            "edge.toml:7:15: error[certificate-unusable]: the private key in encrypted.key is encrypted";
        assert!(said.stdout.contains(expected), "{said:?}");
    }
}
