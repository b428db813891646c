//! The one-shot container of `compose/`: makes the PKI and gives each tier its own part. Arguments in, exit code out.
//!
//! A tier's container sees the files of its share and nothing else, so that who breaks into the edge holds neither the
//! gateway's key nor an authority's.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use certs::tree::{self, Existing};
use clap::Parser;

/// What each container may see of the tree; a name without a file type is a directory with all its files.
const SHARES: [(&str, &[&str]); 4] = [
    (
        "edge",
        &[
            "ca/clients.pem",
            "ca/internal.pem",
            "crl/clients-intermediate.crl",
            "crl/clients-root.crl",
            "edge/client.key",
            "edge/client.pem",
            "edge/server.key",
            "edge/server.pem",
        ],
    ),
    (
        "gateway",
        &[
            "ca/clients.pem",
            "ca/internal.pem",
            "crl/clients-intermediate.crl",
            "crl/clients-root.crl",
            "crl/internal.crl",
            "gateway/client.key",
            "gateway/client.pem",
            "gateway/server.key",
            "gateway/server.pem",
        ],
    ),
    ("upstream", &["upstream/server.key", "upstream/server.pem"]),
    ("clients", &["ca/internal.pem", "clients"]),
];

/// The share that declarative documents belong to.
const READER: &str = "gateway";

/// The file that tells a tree from an empty directory.
const LANDMARK: &str = "ca/internal.pem";

const OPENING: &str = "\"{pem ";
const CLOSING: &str = "}\"";

/// Makes a PKI where there is none (one that is there stays), copies to SHARES/edge, SHARES/gateway, SHARES/upstream and
/// SHARES/clients what each may see of it, and writes each DOCUMENT to SHARES/gateway, under its own name, with each
/// "{pem FILE}" in it replaced by that file of the PKI.
#[derive(Parser)]
#[command(name = "compose-pki", version)]
struct Command {
    /// The PKI, as `certs init` writes it
    tree: PathBuf,
    /// A directory with a directory for each tier and one for the clients
    shares: PathBuf,
    /// Declarative documents of a gateway
    #[arg(required = true)]
    documents: Vec<PathBuf>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let Command {
        tree,
        shares,
        documents,
    } = Command::parse();
    match prepare(&tree, &shares, &documents) {
        Ok(said) => {
            let _ = writeln!(io::stdout(), "{said}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "compose-pki: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prepare(tree: &Path, shares: &Path, documents: &[PathBuf]) -> Result<String, Failure> {
    let is_new = !tree.join(LANDMARK).exists();
    if is_new {
        tree::init(tree, Existing::Refuse)?;
    }
    for (share, names) in SHARES {
        for file in expand(tree, names)? {
            let to = shares.join(share).join(&file);
            place(&to, &read(&tree.join(&file))?)?;
        }
    }
    for document in documents {
        let name = document
            .file_name()
            .ok_or_else(|| format!("{}: is no file", document.display()))?;
        place(
            &shares.join(READER).join(name),
            filled(tree, document)?.as_bytes(),
        )?;
    }
    Ok(format!(
        "{} PKI in {}; each tier has its share",
        if is_new { "made a new" } else { "kept the" },
        tree.display()
    ))
}

/// A document with what it names of the tree.
fn filled(tree: &Path, document: &Path) -> Result<String, Failure> {
    let text = String::from_utf8(read(document)?)
        .map_err(|error| format!("{}: {error}; it has to be UTF-8", document.display()))?;
    fill(&text, |file| {
        let path = tree.join(file);
        String::from_utf8(read(&path)?).map_err(|_| format!("{}: is no PEM", path.display()).into())
    })
    .map_err(|error| format!("{}: {error}", document.display()).into())
}

/// The files that a share's names stand for, relative to the tree.
fn expand(tree: &Path, names: &[&str]) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for name in names {
        let path = tree.join(name);
        if !path.is_dir() {
            files.push(PathBuf::from(name));
            continue;
        }
        for entry in fs::read_dir(&path).map_err(told("list", &path))? {
            files.push(Path::new(name).join(entry.map_err(told("list", &path))?.file_name()));
        }
    }
    Ok(files)
}

/// The document with its PEM in place, as double-quoted YAML: one line each, so that every line and column that
/// `api-gateway check` reports is one of the document as written.
fn fill(text: &str, pem: impl Fn(&str) -> Result<String, Failure>) -> Result<String, Failure> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPENING) {
        let (file, after) = after
            .split_once(CLOSING)
            .ok_or_else(|| format!("{OPENING} is not closed by {CLOSING}"))?;
        filled.push_str(before);
        filled.push_str(&serde_json::Value::from(pem(file)?).to_string());
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(told("read", path))
}

/// By rename, so that a tier that reloads meanwhile reads the old or the new. Whatever it is, only its owner reads it:
/// all containers run as the same user.
fn place(to: &Path, content: &[u8]) -> Result<(), Failure> {
    if let Some(directory) = to.parent() {
        fs::create_dir_all(directory).map_err(told("create directory", directory))?;
    }
    let mut new = to.to_owned().into_os_string();
    new.push(".new");
    let new = PathBuf::from(new);
    let write = || {
        // Left behind by one that was killed; its mode would stay.
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&new, to)
    };
    write().map_err(told("write", to))
}

fn told(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Failure {
    move |error| format!("cannot {action} {}: {error}", path.display()).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn files(directory: &Path) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut open = vec![directory.to_owned()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    let name = path.strip_prefix(directory).unwrap();
                    found.insert(name.to_str().unwrap().to_owned());
                }
            }
        }
        found
    }

    fn is(file: &str, kind: &str) -> bool {
        Path::new(file).extension().is_some_and(|found| found == kind)
    }

    #[test]
    fn each_tier_sees_its_own_keys_only() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, shares) = (dir.path().join("tree"), dir.path().join("shares"));
        let document = dir.path().join("kong.yaml");
        fs::write(&document, "cert: \"{pem ca/clients-root.pem}\"\n").unwrap();
        let said = prepare(&tree, &shares, std::slice::from_ref(&document)).unwrap();
        assert!(said.starts_with("made a new"), "{said}");

        let keys = |share: &str| -> Vec<String> {
            let files = files(&shares.join(share));
            files.into_iter().filter(|file| is(file, "key")).collect()
        };
        assert_eq!(keys("edge"), ["edge/client.key", "edge/server.key"]);
        assert_eq!(keys("gateway"), ["gateway/client.key", "gateway/server.key"]);
        assert_eq!(keys("upstream"), ["upstream/server.key"]);
        assert!(keys("clients").iter().all(|key| key.starts_with("clients/")));
        assert!(keys("clients").contains(&"clients/alice.key".to_owned()));
        assert!(files(&shares).iter().all(|file| !is(file, "new")));

        let key = shares.join("edge/edge/server.key");
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::read(key).unwrap(),
            fs::read(tree.join("edge/server.key")).unwrap()
        );
    }

    #[test]
    fn a_second_start_keeps_the_pki_and_brings_what_changed() {
        let dir = tempfile::tempdir().unwrap();
        let (tree, shares) = (dir.path().join("tree"), dir.path().join("shares"));
        let document = dir.path().join("kong.yaml");
        fs::write(&document, "one: 1\n").unwrap();
        prepare(&tree, &shares, std::slice::from_ref(&document)).unwrap();
        let first = fs::read(tree.join(LANDMARK)).unwrap();

        fs::write(&document, "two: 2\n").unwrap();
        fs::write(tree.join("clients/carol.pem"), "carol").unwrap();
        fs::write(shares.join("edge/edge/server.pem.new"), "half").unwrap();
        let said = prepare(&tree, &shares, std::slice::from_ref(&document)).unwrap();

        assert!(said.starts_with("kept"), "{said}");
        assert_eq!(fs::read(tree.join(LANDMARK)).unwrap(), first);
        assert_eq!(fs::read(shares.join("gateway/kong.yaml")).unwrap(), b"two: 2\n");
        assert_eq!(
            fs::read(shares.join("clients/clients/carol.pem")).unwrap(),
            b"carol"
        );
        assert!(!shares.join("edge/edge/server.pem.new").exists());
    }

    #[test]
    fn a_document_is_filled_and_keeps_its_lines() {
        let pem = |file: &str| match file {
            "a.pem" => Ok("-----BEGIN \"A\"\\-----\nQUJD\n".to_owned()),
            other => Err(Failure::from(format!("no {other}"))),
        };
        let filled = fill("x: 1\ny: \"{pem a.pem}\" # why\nz: \"{pem a.pem}\"\n", pem).unwrap();
        let quoted = r#""-----BEGIN \"A\"\\-----\nQUJD\n""#;
        assert_eq!(filled, format!("x: 1\ny: {quoted} # why\nz: {quoted}\n"));

        let as_it_is = "x: \"{vault://env/x}\"\n# {pem in a comment}\n";
        assert_eq!(fill(as_it_is, pem).unwrap(), as_it_is);
        for (text, expected) in [
            ("\"{pem b.pem}\"", "no b.pem"),
            ("\"{pem a.pem", "\"{pem  is not closed by }\""),
        ] {
            assert_eq!(fill(text, pem).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let document = dir.path().join("kong.yaml");
        fs::write(&document, "\n\ncert: \"{pem ca/nobody.pem}\"\n").unwrap();
        let (tree, shares) = (dir.path().join("tree"), dir.path().join("shares"));
        let error = prepare(&tree, &shares, std::slice::from_ref(&document))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("kong.yaml") && error.contains("ca/nobody.pem"),
            "{error}"
        );
        assert!(!shares.join("gateway/kong.yaml").exists());

        fs::remove_file(tree.join("edge/client.key")).unwrap();
        let error = prepare(&tree, &shares, std::slice::from_ref(&document))
            .unwrap_err()
            .to_string();
        assert!(error.contains("edge/client.key"), "{error}");
    }
}
