//! The command as people and scripts meet it: what it prints, where, and how it exits.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::Pki;

fn certs(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_certs"))
        .args(arguments)
        .env_remove("RUST_LOG")
        .output()
        .unwrap()
}

fn fed(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_certs"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Nothing on stdout, and every one of `says` on stderr.
fn refused(arguments: &[&str], code: i32, says: &[&str]) {
    let output = certs(arguments);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {}",
        err(&output)
    );
    assert!(output.stdout.is_empty(), "{arguments:?}");
    for word in says {
        assert!(
            err(&output).contains(word),
            "{arguments:?} should say {word}: {}",
            err(&output)
        );
    }
}

#[test]
fn failures_are_1_and_name_the_file_and_what_to_do() {
    let pki = Pki::new();
    let dir = pki.dir().to_str().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let none = empty.path().to_str().unwrap();
    let key = pki.text("clients/alice.key");
    for (arguments, says) in [
        (&["init", dir][..], &[dir, "already holds a PKI", "--force"][..]),
        (
            &["issue", none, "--name", "x"],
            &[none, "holds no PKI", "certs init"],
        ),
        (
            &["issue", dir, "--name", "alice"],
            &["clients/alice.pem", "exists already"],
        ),
        (
            &["issue", dir, "--name", "ca", "--ca", "internal"],
            &["is a directory of the PKI"],
        ),
        (
            &["issue", dir, "--name", "x", "--days", "9999"],
            &["outlive", "--days"],
        ),
        (
            &["revoke", dir, "nobody"],
            &["clients/nobody.pem", "does not exist", "edge/client"],
        ),
        (
            &["revoke", dir, "mallory"],
            &["clients/mallory.pem", "issued by none"],
        ),
        (&["revoke", dir, "ca/internal"], &["is a root", "trust store"]),
        (&["inspect", "/nonexistent"], &["/nonexistent"]),
        (&["inspect", &key], &[&key, "no certificate"]),
        (
            &["header", "encode", "--format", "alb", &key],
            &[&key, "no certificate"],
        ),
        (
            &["header", "decode", "--format", "alb", &key],
            &[&key, "should be escaped", "--help"],
        ),
    ] {
        refused(arguments, 1, says);
    }
    assert!(
        std::fs::read_dir(none).unwrap().next().is_none(),
        "nothing was written"
    );
}

#[test]
fn what_is_not_understood_is_2() {
    let pki = Pki::new();
    let dir = pki.dir().to_str().unwrap();
    for (arguments, says) in [
        (&["issue", dir, "--name", "../x"][..], "cannot be a name"),
        (&["issue", dir, "--name", "x", "--days", "0"], "--days"),
        (&["issue", dir, "--name", "x", "--ip", "here"], "--ip"),
        (&["issue", dir], "--name"),
        (&["revoke", dir, "a/../../b"], "cannot be a name"),
        (&["header", "encode", "--format", "xfcc"], "rfc9440"),
        (&["--log-format", "xml", "init", dir], "json"),
        (&["explode"], "explode"),
        (&[], "Usage"),
    ] {
        refused(arguments, 2, &[says]);
    }
}

#[test]
fn a_life_from_init_to_revocation() {
    let temporary = tempfile::tempdir().unwrap();
    let pki = temporary.path().join("new/pki");
    let dir = pki.to_str().unwrap();
    let carol = format!("{dir}/clients/carol.pem");
    for (arguments, says) in [
        (&["init", dir][..], "ca/clients.pem"),
        (
            &[
                "issue",
                dir,
                "--name",
                "carol",
                "--cn",
                "Carol",
                "--email",
                "c@example.com",
                "--email",
                "carol@example.com",
                "--dns",
                "carol.test",
                "--uri",
                "urn:carol",
                "--ip",
                "::1",
                "--days",
                "3",
            ],
            "clients/carol.p12",
        ),
        (&["inspect", &carol], "email:c@example.com"),
        (&["revoke", dir, "carol"], "is number 2 now"),
        (&["revoke", dir, "carol"], "is unchanged"),
        (&["init", "--force", dir], "ca/clients.pem"),
    ] {
        let output = certs(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", err(&output));
        assert!(out(&output).contains(says), "{arguments:?}: {}", out(&output));
    }
    let output = certs(&["init", "--force", dir]);
    assert!(
        err(&output).contains("clients/carol.pem"),
        "orphans are named: {}",
        err(&output)
    );
    assert!(
        out(&certs(&["inspect", &carol])).contains("Carol"),
        "and left alone"
    );
}

#[test]
fn headers_go_and_come_back_and_are_those_of_the_vectors() {
    let pki = Pki::new();
    let alice = pki.text("clients/alice.pem");
    let pem = pki.read("clients/alice.pem");
    let leaf_only = pem.len() - pki.read("ca/clients-intermediate.pem").len();
    for (format, back) in [
        ("alb", &pem[..]),
        ("rfc9440", &pem[..]),
        ("base64", &pem[..leaf_only]),
    ] {
        let value = certs(&["header", "encode", "--format", format, &alice]);
        assert_eq!(value.status.code(), Some(0), "{}", err(&value));
        assert_eq!(
            fed(&["header", "encode", "--format", format], &pem).stdout,
            value.stdout,
            "{format}: stdin is the same"
        );
        let decoded = fed(&["header", "decode", "--format", format], &value.stdout);
        assert_eq!(decoded.stdout, back, "{format}: {}", err(&decoded));
        let crlf = [value.stdout.trim_ascii_end(), b"\r\n"].concat();
        assert_eq!(
            fed(&["header", "decode", "--format", format], &crlf).stdout,
            back,
            "{format}"
        );
        let broken = [b"x", value.stdout.as_slice()].concat();
        assert_eq!(
            fed(&["header", "decode", "--format", format], &broken)
                .status
                .code(),
            Some(1),
            "{format}"
        );
    }

    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/../transport/tests/vectors");
    let vector = |name: &str| std::fs::read(format!("{vectors}/{name}")).unwrap();
    let both = [vector("leaf.pem"), vector("int.pem")].concat();
    for (format, input, expected) in [
        ("alb", vector("leaf.pem"), vector("leaf.alb-passthrough.leaf.txt")),
        ("alb", both.clone(), vector("leaf.alb-passthrough.leaf+int.txt")),
        ("base64", both.clone(), vector("leaf.base64-der.txt")),
        (
            "rfc9440",
            vector("leaf.pem"),
            vector("leaf.rfc9440.Client-Cert.txt"),
        ),
        (
            "rfc9440",
            both,
            [
                vector("leaf.rfc9440.Client-Cert.txt"),
                b"\n".to_vec(),
                vector("leaf.rfc9440.Client-Cert-Chain.txt"),
            ]
            .concat(),
        ),
    ] {
        let written = fed(&["header", "encode", "--format", format], &input).stdout;
        assert_eq!(written.strip_suffix(b"\n").unwrap(), expected, "{format}");
    }
    let documented = fed(
        &["header", "decode", "--format", "alb"],
        &vector("leaf.alb-passthrough.docexample.txt"),
    );
    assert_eq!(
        documented.status.code(),
        Some(0),
        "AWS's own example: {}",
        err(&documented)
    );
}

#[test]
fn inspect_shows_certificates_and_lists_for_people_and_programs() {
    let pki = Pki::new();
    let json = |file: &str| -> Vec<Value> {
        let output = certs(&["inspect", "--json", &pki.text(file)]);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{file}: {error}: {}", err(&output)))
    };
    let alice = json("clients/alice.pem");
    assert_eq!(alice.len(), 2);
    assert_eq!(alice[0]["kind"], "certificate");
    assert_eq!(alice[0]["subject"], "CN=alice");
    assert_eq!(alice[0]["issuer"], alice[1]["subject"]);
    assert_eq!(alice[0]["names"], serde_json::json!(["email:alice@example.com"]));
    assert_eq!(alice[0]["extended_key_usage"], serde_json::json!(["clientAuth"]));
    assert_eq!(alice[0]["key_usage"], serde_json::json!(["digitalSignature"]));
    assert_eq!(
        alice[1]["key_usage"],
        serde_json::json!(["keyCertSign", "cRLSign"])
    );
    assert_eq!(alice[0]["key"], "ECDSA P-256");
    assert_eq!(
        (&alice[0]["ca"], &alice[1]["ca"]),
        (&Value::Bool(false), &Value::Bool(true))
    );
    assert_eq!(alice[0]["sha256"].as_str().unwrap().len(), 64);
    assert!(alice[0]["not_after"].as_str().unwrap().ends_with('Z'));

    let list = json("crl/clients-intermediate.crl");
    assert_eq!(
        (list.len(), &list[0]["kind"], &list[0]["entries"]),
        (1, &"revocation_list".into(), &1.into())
    );
    assert_eq!(list[0]["serials"][0], json("clients/revoked.pem")[0]["serial"]);

    let text = out(&certs(&["inspect", &pki.text("edge/server.pem")]));
    for word in [
        "CN=edge.test",
        "dns:localhost",
        "ip:127.0.0.1",
        "serverAuth",
        "http://pki.test/crl/internal.crl",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }

    let bundle = [
        pki.read("ca/internal.pem"),
        pki.read("ca/internal.key"),
        pki.read("crl/internal.crl"),
    ]
    .concat();
    std::fs::write(pki.path("bundle.pem"), bundle).unwrap();
    let kinds: Vec<Value> = json("bundle.pem").iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["certificate", "revocation_list"]);
    let shown = out(&certs(&["inspect", &pki.text("bundle.pem")]));
    assert!(!shown.contains("PRIVATE KEY"));

    let leaf = &pki.certificates("clients/bob.pem")[0];
    std::fs::write(pki.path("bob.der"), leaf.der()).unwrap();
    assert_eq!(json("bob.der")[0]["subject"], "CN=bob");
    let archive = certs(&["inspect", &pki.text("clients/bob.p12")]);
    assert!(archive.status.code() == Some(1) && err(&archive).contains("openssl pkcs12"));
}

#[test]
fn what_a_certificate_holds_does_not_reach_the_terminal_raw() {
    let dir = tempfile::tempdir().unwrap();
    let root = certs::Authority::root("Root").unwrap();
    let name = certs::AlternativeName::Raw(0x82, b"a\x1b[2Jb\r\nc".to_vec());
    let leaf = root
        .issue(certs::Leaf::client("\u{1b}[2J").alternative_name(name))
        .unwrap();
    let file = dir.path().join("leaf.pem");
    std::fs::write(&file, leaf.certificate_pem()).unwrap();
    let text = out(&certs(&["inspect", file.to_str().unwrap()]));
    assert!(!text.contains('\u{1b}') && !text.contains('\r'), "{text:?}");
    assert!(text.contains("\\u{1b}[2Jb"), "{text}");
}

#[test]
fn logs_are_lines_of_their_form_wherever_the_flag_stands() {
    for arguments in [
        ["--log-format", "json", "inspect", "/nonexistent"],
        ["inspect", "--log-format", "json", "/nonexistent"],
        ["inspect", "/nonexistent", "--log-format", "json"],
    ] {
        let output = certs(&arguments);
        assert_eq!(output.status.code(), Some(1));
        let line: Value = serde_json::from_str(err(&output).trim_end()).unwrap();
        assert_eq!(line["level"], "ERROR");
        assert!(
            line["message"].as_str().unwrap().contains("/nonexistent"),
            "{line}"
        );
    }
    let text = err(&certs(&["inspect", "/nonexistent"]));
    assert!(text.starts_with("error: ") && text.lines().count() == 1, "{text}");

    let dir = tempfile::tempdir().unwrap();
    let loud = Command::new(env!("CARGO_BIN_EXE_certs"))
        .args(["init", dir.path().to_str().unwrap()])
        .env("RUST_LOG", "debug")
        .output()
        .unwrap();
    assert!(
        err(&loud).contains("ca/internal.key"),
        "RUST_LOG is heard: {}",
        err(&loud)
    );
    assert!(!err(&loud).contains("PRIVATE KEY"));
}

#[test]
fn help_teaches_and_completions_complete() {
    let help = out(&certs(&["--help"]));
    for word in [
        "Examples:",
        "certs init pki",
        "Exit codes",
        "inspect",
        "completions",
    ] {
        assert!(help.contains(word), "{word}");
    }
    for subcommand in ["init", "issue", "revoke", "inspect"] {
        let output = certs(&[subcommand, "--help"]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).contains("Examples:"), "{subcommand}");
    }
    assert_eq!(
        out(&certs(&["--version"])).trim_end(),
        concat!("certs ", env!("CARGO_PKG_VERSION"))
    );
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = out(&certs(&["completions", shell]));
        assert!(script.contains("certs") && script.contains("inspect"), "{shell}");
    }
}
