use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::Arc;

use super::*;
use crate::acme::domain::Domain;
use crate::acme::folder::{Pending, Retry};
use crate::acme::signing::{self, KeyKind};
use crate::acme::{AccountTerms, Server};
use crate::client_tls::client_config;
use crate::server_verifier::accept_any_server;

const KIND: KeyKind = KeyKind::EcdsaP256;

fn account(email: &str) -> (Server, AccountTerms) {
    let server = Server {
        directory: "https://ca.example/dir".to_owned(),
        tls: Arc::clone(&client_config(None, accept_any_server()).unwrap()),
    };
    let terms = AccountTerms {
        email: Some(email.to_owned()),
        terms_agreed: true,
        external: None,
    };
    (server, terms)
}

fn domain() -> Domain {
    Domain::parse("a.example").unwrap()
}

/// A directory with one folder in which everything is that there can be, and the folder's path.
fn filled(path: &Path) -> PathBuf {
    let storage = Storage::open(path).unwrap();
    let (server, terms) = account("ops@example.com");
    let folder = storage.folder(&server, &terms).unwrap();
    let (domain, other) = (domain(), Domain::parse("b.example").unwrap());
    let key = signing::new_key(KIND).unwrap();
    let pair = rcgen::KeyPair::from_pem(&key).unwrap();
    let params = rcgen::CertificateParams::new(["a.example".to_owned()]).unwrap();
    let chain = params.self_signed(&pair).unwrap().pem();
    folder.keep_certificate((&domain, KIND), &key, &chain).unwrap();
    let pending = Pending {
        url: "https://ca.example/order/1".to_owned(),
        key,
        told: true,
    };
    folder.keep_pending((&other, KIND), &pending).unwrap();
    let retry = Retry {
        failures: 3,
        not_before_ms: 1,
        error: "no".to_owned(),
    };
    folder.keep_retry((&other, KIND), &retry).unwrap();
    assert_eq!(folder.retry((&other, KIND)).unwrap(), Some(retry));
    assert_eq!(folder.certified(KIND).unwrap(), [domain]);
    folder
        .certificate_path((&other, KIND))
        .parent()
        .unwrap()
        .to_owned()
}

#[test]
fn everything_that_is_written_is_for_us_alone_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/acme");
    let folder = filled(&path);
    Storage::inspect(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(
        (mode(&path), mode(&folder), mode(&path.join("lock"))),
        (0o700, 0o700, 0o600)
    );
    let files = entries(&folder).unwrap();
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(Storage::open(&path).unwrap());
}

/// What is done to the directory and a folder in it.
type Change = fn(&Path, &Path) -> io::Result<()>;

#[test]
fn what_is_not_ours_alone_is_refused_and_named() {
    fn written(path: &Path, content: &[u8]) -> io::Result<()> {
        write(path, content).map_err(io::Error::other)
    }
    fn mode(path: &Path, mode: u32) -> io::Result<()> {
        fs::set_permissions(path, PermissionsExt::from_mode(mode))
    }
    const PEM: &str = "a.example.ecdsa.pem";
    let spoils: [(&str, Change); 11] = [
        ("chmod 700", |path, _| mode(path, 0o750)),
        ("chmod 700", |_, folder| mode(folder, 0o701)),
        ("chmod 600", |_, folder| mode(&folder.join(PEM), 0o640)),
        ("notes.txt was not written by this program", |path, _| {
            written(&path.join("notes.txt"), b"x")
        }),
        ("x.pem was not written by this program", |_, folder| {
            written(&folder.join("x.pem"), b"x")
        }),
        ("A.example.ecdsa.pem was not", |_, folder| {
            written(&folder.join("A.example.ecdsa.pem"), b"x")
        }),
        ("is not a regular file", |_, folder| {
            symlink("/etc/passwd", folder.join("c.example.ecdsa.pem"))
        }),
        ("is not a directory", |path, _| {
            symlink("/etc", path.join("0123456789abcdef"))
        }),
        ("holds no certificate", |_, folder| {
            written(&folder.join(PEM), b"")
        }),
        ("b.example.ecdsa.order cannot be used", |_, folder| {
            written(&folder.join("b.example.ecdsa.order"), b"{")
        }),
        ("account.json cannot be used", |_, folder| {
            written(&folder.join("account.json"), b"{\"id\": 1}")
        }),
    ];
    for (what, spoil) in spoils {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("acme");
        let folder = filled(&path);
        spoil(&path, &folder).unwrap();
        for refused in [
            Storage::inspect(&path).unwrap_err(),
            Storage::open(&path).unwrap_err(),
        ] {
            assert!(refused.to_string().contains(what), "{what}: {refused}");
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    assert!(matches!(
        Storage::inspect(file.path()),
        Err(StorageError::Kind { .. })
    ));
}

#[test]
fn a_file_that_was_half_written_is_removed_and_the_old_one_stays() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme");
    let folder = filled(&path);
    let before = fs::read(folder.join("a.example.ecdsa.pem")).unwrap();
    let half = folder.join(format!("a.example.ecdsa.pem{UNFINISHED}"));
    fs::write(&half, "-----BEGIN").unwrap();
    fs::set_permissions(&half, PermissionsExt::from_mode(0o600)).unwrap();
    Storage::inspect(&path).expect("a program may be writing");
    drop(Storage::open(&path).unwrap());
    assert!(!half.exists());
    assert_eq!(fs::read(folder.join("a.example.ecdsa.pem")).unwrap(), before);
}

#[test]
fn one_program_at_a_time_writes_and_anybody_may_look() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme");
    let held = Storage::open(&path).unwrap();
    assert!(matches!(Storage::open(&path), Err(StorageError::InUse { .. })));
    Storage::inspect(&path).unwrap();
    drop(held);
    Storage::open(&path).unwrap();
}

#[test]
fn accounts_of_other_terms_have_other_folders() {
    let dir = tempfile::tempdir().unwrap();
    let storage = Storage::open(&dir.path().join("acme")).unwrap();
    let of = |email: &str| {
        let (server, terms) = account(email);
        storage.folder(&server, &terms).unwrap()
    };
    assert_eq!(of("a@example.com"), of("a@example.com"));
    assert_ne!(of("a@example.com"), of("b@example.com"));
}
