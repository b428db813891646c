//! One row a reference: what it is, or what is wrong with it. What tokens do with it is shown by `tests/it` with real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use base64::Engine as _;
use tempfile::TempDir;

use super::token_uri::{Hidden, Library, PinSource};
use super::*;

const KEY: &str = include_str!("../../tests/vectors/leaf.key.pem");
const LEAF: &[u8] = include_bytes!("../../tests/vectors/leaf.pem");
const BASE: &str = "/etc/edge";
/// Whatever is refused, this is not in what is said.
const PIN: &str = "97531";

fn parse(text: &str) -> Result<KeyReference, String> {
    KeyReference::parse(text, Path::new(BASE))
}

fn token(text: &str) -> TokenKey {
    match parse(text) {
        Ok(KeyReference::Token(token)) => *token,
        other => panic!("{text}: {other:?}"),
    }
}

#[test]
fn a_reference_is_a_file_a_variable_a_credential_or_a_token() {
    let file = |path: &str| Ok(SecretSource::File(path.into()));
    let variable = |name: &str| Ok(SecretSource::Environment(name.to_owned()));
    let credential = |name: &str| Ok(SecretSource::Credential(name.to_owned()));
    for (text, expected) in [
        ("server.key", file("/etc/edge/server.key")),
        ("/pki/server.key", file("/pki/server.key")),
        ("../a:b.key", file("/etc/edge/../a:b.key")),
        ("file:server.key", file("/etc/edge/server.key")),
        ("file:/pki/server.key", file("/pki/server.key")),
        ("file:///pki/server.key", file("/pki/server.key")),
        ("file:env:KEY", file("/etc/edge/env:KEY")),
        ("env:EDGE_KEY", variable("EDGE_KEY")),
        ("env:_k2", variable("_k2")),
        ("systemd:edge.key", credential("edge.key")),
        ("systemd:edge@1-a:b+c_d", credential("edge@1-a:b+c_d")),
        ("", Err("names no file")),
        ("file:", Err("names no file")),
        ("env:", Err("no environment variable")),
        ("env:2K", Err("no environment variable")),
        ("env:A=B", Err("no environment variable")),
        ("env:-----BEGIN PRIVATE KEY-----", Err("no environment variable")),
        ("systemd:", Err("no credential")),
        ("systemd:a/b", Err("no `/` and no `..`")),
        ("systemd:..", Err("no `/` and no `..`")),
        ("systemd:a..b", Err("no `/` and no `..`")),
        ("systemd:.", Err("no credential")),
        ("systemd:a\0b", Err("no credential")),
        ("{vault://env/key}", Err("written env:NAME here")),
        (
            "https://kms.test/key",
            Err("a path, env:NAME, systemd:NAME or a pkcs11: URI"),
        ),
        (
            "-----BEGIN PRIVATE KEY-----\nMC4",
            Err("PEM text is not read here"),
        ),
        // The same in base64, as Kong's `ssl_cert_key` may have it.
        (
            "LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1DNA==",
            Err("PEM text is not read here"),
        ),
        (
            "file:LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCk1DNA==",
            Err("PEM text is not read here"),
        ),
    ] {
        match (parse(text), expected) {
            (Ok(KeyReference::Pem(source)), Ok(expected)) => assert_eq!(source, expected, "{text}"),
            (Err(problem), Err(part)) => {
                assert!(problem.contains(part), "{text}: {problem}");
                let shows_it = problem.contains("BEGIN") || problem.contains("LS0t");
                assert!(!shows_it, "{text}: {problem}");
            }
            (read, expected) => panic!("{text}: {read:?}, not {expected:?}"),
        }
    }
}

#[test]
fn a_uri_names_a_token_a_key_a_library_and_a_pin() {
    let whole = token(
        "pkcs11:token=My%20token;manufacturer=SoftHSM%20project;model=v2;serial=0a1b;slot-id=7;object=edge;id=%01%fF;\
         type=private?module-path=/opt/hsm/lib.so&pin-source=file:/run/pin",
    );
    assert_eq!(whole.token.label.as_deref(), Some("My token"));
    assert_eq!(whole.token.manufacturer.as_deref(), Some("SoftHSM project"));
    assert_eq!(
        (whole.token.model.as_deref(), whole.token.slot),
        (Some("v2"), Some(7))
    );
    assert_eq!(whole.token.serial.as_deref(), Some("0a1b"));
    assert_eq!(whole.object.as_deref(), Some("edge"));
    assert_eq!(whole.id.as_deref(), Some(&[1, 0xff][..]));
    assert_eq!(whole.library, Library::Path("/opt/hsm/lib.so".into()));
    let file = |path: &str| Some(PinSource::Elsewhere(SecretSource::File(path.into())));
    assert_eq!(whole.pin, file("/run/pin"));

    let least = token("PKCS11:id=%2c?module-name=softhsm2");
    assert_eq!(
        (least.object.as_deref(), least.id.as_deref()),
        (None, Some(&b","[..]))
    );
    assert_eq!(
        (least.library, least.pin),
        (Library::Name("softhsm2".to_owned()), None)
    );

    for (query, expected) in [
        ("pin-source=token.pin", file("/etc/edge/token.pin")),
        (
            "pin-source=env:PIN",
            Some(PinSource::Elsewhere(SecretSource::Environment("PIN".to_owned()))),
        ),
        (
            "pin-source=systemd:pin",
            Some(PinSource::Elsewhere(SecretSource::Credential("pin".to_owned()))),
        ),
        (
            "pin-value=12%2034",
            Some(PinSource::Written(Hidden("12 34".to_owned()))),
        ),
    ] {
        let uri = format!("pkcs11:object=a?module-path=lib.so&{query}");
        assert_eq!(token(&uri).pin, expected, "{uri}");
        assert_eq!(token(&uri).library, Library::Path("/etc/edge/lib.so".into()));
    }
}

#[test]
fn a_uri_that_could_mean_another_key_is_refused_without_a_word_of_its_pin() {
    for (uri, part) in [
        ("pkcs11:", "names no key"),
        ("pkcs11:token=a?module-name=m", "names no key"),
        ("pkcs11:object=a", "names no library"),
        ("pkcs11:object=a;object=b?module-name=m", "has `object` twice"),
        ("pkcs11:object=?module-name=m", "`object` that is empty"),
        ("pkcs11:object=%zz?module-name=m", "two hexadecimal digits"),
        ("pkcs11:object=a%1?module-name=m", "two hexadecimal digits"),
        ("pkcs11:object=%ff?module-name=m", "is not UTF-8"),
        ("pkcs11:object=a%00?module-name=m", "a NUL"),
        ("pkcs11:object=a;slot-id=x?module-name=m", "no whole number"),
        ("pkcs11:object=a;type=cert?module-name=m", "only a private key"),
        (
            "pkcs11:object=a;library-version=3?module-name=m",
            "`library-version`, which is not read",
        ),
        (
            "pkcs11:object=a;x-vendor=3?module-name=m",
            "`x-vendor`, which is not read",
        ),
        ("pkcs11:object=a;To Ken=3?module-name=m", "whose name is none"),
        ("pkcs11:object=a?module-name=../m", "is no name"),
        ("pkcs11:object=a?module-name=a/m", "is no name"),
        ("pkcs11:object=a?module-name=m&module-path=/m.so", "has both"),
        (
            "pkcs11:object=a?module-name=m&pin-source=|cat",
            "commands are not run",
        ),
        (
            "pkcs11:object=a?module-name=m&pin-source=env:-",
            "`pin-source` that names no environment",
        ),
        ("pkcs11:object=a?module-name=m&slot-id=1", "behind the `?`"),
        (
            "pkcs11:object=a;pin-value=97531?module-name=m",
            "it belongs behind it",
        ),
        ("pkcs11:object=a?module-name=m&97531", "without `=`"),
        (
            "pkcs11:object=a?module-name=m&pin-value=97531&pin-source=p",
            "has both",
        ),
        (
            "pkcs11:object=a?module-name=m&pin-value=97531%",
            "two hexadecimal digits",
        ),
        (
            "pkcs11:object=a?module-name=m&pin_value=97531",
            "`pin_value` behind the `?`",
        ),
    ] {
        let problem = parse(uri).expect_err(uri);
        assert!(problem.contains(part), "{uri}: {problem}");
        assert!(!problem.contains(PIN), "{uri}: {problem}");
    }
    assert!(parse(&format!("pkcs11:object={}?module-name=m", "a".repeat(5000))).is_err());
}

#[test]
fn neither_form_of_a_reference_shows_its_pin() {
    let uri = format!("pkcs11:token=t;object=a?module-path=/m.so&pin-value={PIN}");
    let reference = parse(&uri).expect("a reference");
    for shown in [
        format!("{reference:?}"),
        reference.to_string(),
        format!("{:?}", reference.concerns()),
        format!("{:?}", reference.open().expect_err("there is no such library")),
    ] {
        assert!(!shown.contains(PIN), "{shown}");
    }
    assert_eq!(reference.to_string(), "pkcs11:token=t;object=a");
    assert_eq!(reference.concerns()[0].code, "pin-in-file");
}

/// The text of the error, with what to do; empty where there is a key of the leaf's.
fn opened(reference: &str, base: &Path, environment: &[(&str, &str)]) -> String {
    let reference = KeyReference::parse(reference, base).expect("a reference");
    let lookup = |name: &str| {
        let mut variables = environment.iter();
        let found = variables.find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    let leaf = pem::certificates_in(LEAF, "leaf.pem").expect("a certificate");
    let certified = reference
        .open_within(&lookup)
        .and_then(|key| key.certify(leaf, "leaf.pem"));
    match certified {
        Ok(_) => String::new(),
        Err(error) => format!("{error}; {}", error.fix().unwrap_or_default()),
    }
}

#[test]
fn a_key_is_read_from_where_it_is() {
    let dir = TempDir::new().expect("a directory");
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("a file");
    write("leaf.key", KEY);
    write("empty", "");
    write("large", &"x".repeat(1024 * 1024 + 1));
    let here = dir.path().display().to_string();
    let base64 = base64::engine::general_purpose::STANDARD.encode(KEY);
    let other = rcgen::KeyPair::generate().expect("a key").serialize_pem();
    let broken = KEY.replace("PRIVATE KEY-----\n", "PRIVATE KEY-----\n!!");
    let environment = [
        ("KEY", KEY),
        ("BASE64", base64.as_str()),
        ("OTHER", other.as_str()),
        ("BROKEN", broken.as_str()),
        ("EMPTY", ""),
        ("CREDENTIALS_DIRECTORY", here.as_str()),
    ];
    for (reference, expected) in [
        ("leaf.key", ""),
        ("env:KEY", ""),
        ("env:BASE64", ""),
        ("systemd:leaf.key", ""),
        ("nobody.key", "nobody.key: No such file"),
        ("large", "larger than 1 MiB"),
        ("empty", "empty holds no private key"),
        ("env:EMPTY", "the environment variable EMPTY holds no private key"),
        ("env:BROKEN", "the environment variable BROKEN is not usable PEM"),
        (
            "env:OTHER",
            "the private key does not belong to the certificate leaf.pem",
        ),
        (
            "env:NOBODY",
            "NOBODY is not set; set NOBODY where this program is started",
        ),
        (
            "systemd:nobody",
            "cannot read the systemd credential `nobody`: No such file or directory (os error 2); write LoadCredential=nobody:/PATH",
        ),
    ] {
        let said = opened(reference, dir.path(), &environment);
        assert!(
            said.contains(expected) && said.is_empty() == expected.is_empty(),
            "{reference}: {said}"
        );
        let secret = KEY.lines().nth(1).expect("a line of base64");
        assert!(!said.contains(secret), "{reference}: {said}");
    }
    let said = opened("systemd:leaf.key", dir.path(), &[]);
    assert!(said.contains(
        "CREDENTIALS_DIRECTORY is not set; run it as a systemd service with LoadCredential=leaf.key:/PATH"
    ));
}

#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let dir = TempDir::new().expect("a directory");
    let pipe = dir.path().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|made| made.success()));
    let (done, ended) = std::sync::mpsc::channel();
    let base = dir.path().to_owned();
    std::thread::spawn(move || {
        let here = base.display().to_string();
        let environment = [("CREDENTIALS_DIRECTORY", here.as_str())];
        let uri = "pkcs11:object=a?module-name=m&pin-source=pipe";
        for reference in ["pipe", "file:pipe", "systemd:pipe", ".", "/dev/zero", uri] {
            let said = opened(reference, &base, &environment);
            assert!(said.contains("it is not a regular file"), "{reference}: {said}");
        }
        done.send(()).expect("somebody waits");
    });
    let ended = ended.recv_timeout(std::time::Duration::from_secs(20));
    assert!(ended.is_ok(), "it waits for whoever writes into the pipe");
}

#[test]
fn a_file_that_everybody_can_read_is_warned_of() {
    let dir = TempDir::new().expect("a directory");
    let path = dir.path().join("a.key");
    fs::write(&path, KEY).expect("a file");
    let uri = "pkcs11:object=a?module-name=m&pin-source=a.key";
    for (mode, codes) in [(0o600, 0), (0o640, 0), (0o644, 1), (0o604, 1), (0o660, 0)] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
        for reference in ["a.key", uri] {
            let reference = KeyReference::parse(reference, dir.path()).expect("a reference");
            let found: Vec<&str> = reference.concerns().iter().map(|concern| concern.code).collect();
            assert_eq!(found, vec!["key-permissions"; codes], "{mode:o} {reference}");
        }
    }
}

#[test]
fn a_library_that_is_none_is_told_by_its_file() {
    let dir = TempDir::new().expect("a directory");
    fs::write(dir.path().join("no.so"), "no library").expect("a file");
    for (access, part) in [
        ("module-path=absent.so", "absent.so: No such file"),
        ("module-path=no.so", "no.so: "),
        ("module-path=/lib/x86_64-linux-gnu/libm.so.6", "C_GetFunctionList"),
        (
            "module-name=nobody",
            "there is no PKCS#11 module `nobody`: no libnobody.so in /usr/lib/",
        ),
        (
            "module-name=nobody&pin-source=env:PIN",
            "the token's PIN: the environment variable PIN is not set",
        ),
        (
            "module-name=nobody&pin-source=env:EMPTY",
            "the token's PIN is empty",
        ),
    ] {
        let said = opened(
            &format!("pkcs11:object=a?{access}"),
            dir.path(),
            &[("EMPTY", "\n")],
        );
        assert!(said.contains(part), "{access}: {said}");
    }
}
