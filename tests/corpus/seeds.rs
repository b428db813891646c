//! Every seed of every target holds what the target demands of it.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use super::{
    certificate, certificate_header, document, form, identity, node_file, ocsp_response, request_path,
    revocation_list, router, token,
};

/// What a target does with one input.
type Check = fn(&[u8]);

const TARGETS: [(&str, Check); 11] = [
    ("certificate", certificate::check),
    ("certificate_header", certificate_header::check),
    ("document", document::check),
    ("form", form::check),
    ("identity", identity::check),
    ("node_file", node_file::check),
    ("ocsp_response", ocsp_response::check),
    ("request_path", request_path::check),
    ("revocation_list", revocation_list::check),
    ("router", router::check),
    ("token", token::check),
];

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The files of a folder, which must be there and must not be empty: a corpus that is lost is a test that is lost.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files.sort();
    files
}

#[test]
fn every_seed_holds() {
    let mut failed = Vec::new();
    for (target, check) in TARGETS {
        for file in files(&fuzz().join("corpus").join(target)) {
            let octets = fs::read(&file).unwrap();
            if catch_unwind(|| check(&octets)).is_err() {
                failed.push(file);
            }
        }
    }
    assert!(failed.is_empty(), "what each says is above: {failed:#?}");
}

#[test]
fn every_target_has_seeds_and_is_run_here() {
    let rows: BTreeSet<String> = TARGETS.iter().map(|(target, _)| (*target).to_owned()).collect();
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).unwrap();
    let programs = manifest.split("[[bin]]").skip(1);
    let named: BTreeSet<String> = programs
        .filter_map(|program| program.split('"').nth(1))
        .map(str::to_owned)
        .collect();
    assert_eq!(named, rows, "the targets of fuzz/Cargo.toml");
    for (folder, what) in [("corpus", ""), ("checks", ".rs"), ("fuzz_targets", ".rs")] {
        let found: BTreeSet<String> = files(&fuzz().join(folder))
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap())
            .map(|name| name.strip_suffix(what).unwrap_or(name).to_owned())
            .collect();
        assert_eq!(found, rows, "fuzz/{folder}");
    }
}
