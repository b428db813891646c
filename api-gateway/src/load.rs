//! From files and environment to something that can be run, every problem at once. `check`, `run` and a reload all come
//! through here, so that what `check` accepts is what starts.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::UnixTime;
use transport::finding::{Finding, Origin, Report};

use crate::compile::{self, Generation};
use crate::document::{self, Document, Source, Syntax};
use crate::plugin::openid_connect::provider::Provider;
use crate::settings::{DocumentSource, Loaded as LoadedNode, Settings};
use crate::snapshot::Snapshot;

/// Where the configuration comes from.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The node file.
    pub file: Option<PathBuf>,
    /// The environment, as it was when the program started.
    pub environment: Vec<(String, String)>,
}

/// A configuration without errors.
#[derive(Debug)]
pub struct Loaded {
    /// Of the node.
    pub settings: Settings,
    /// What is executed.
    pub snapshot: Snapshot,
}

impl Inputs {
    /// Reads and compiles everything. There is a result only if no finding is an error.
    pub fn load(&self, generation: u64) -> (Option<Loaded>, Report) {
        let (loaded, report) = self.load_with_document(generation);
        (loaded.map(|(loaded, _)| loaded), report)
    }

    /// The same, in the place of what is in force: what can go on, goes on.
    pub fn load_after(&self, in_force: &Snapshot) -> (Option<Loaded>, Report) {
        let after = (in_force.generation + 1, &*in_force.providers);
        let (loaded, report) = self.load_all(after, None);
        (loaded.map(|(loaded, _)| loaded), report)
    }

    /// The same, with the document that it was compiled from: for whoever asks for lines.
    pub fn load_with_document(&self, generation: u64) -> (Option<(Loaded, Document)>, Report) {
        self.load_reading(generation, None)
    }

    /// The same; with another document than the node's, if there is a path.
    pub fn load_reading(
        &self,
        generation: u64,
        document: Option<&Path>,
    ) -> (Option<(Loaded, Document)>, Report) {
        self.load_all((generation, &[]), document)
    }

    fn load_all(
        &self,
        (generation, providers): (u64, &[Arc<Provider>]),
        document: Option<&Path>,
    ) -> (Option<(Loaded, Document)>, Report) {
        let now = UnixTime::now();
        let (node, mut report) = Settings::load(self.file.as_deref(), &self.environment);
        let Some(mut node) = node else {
            return (None, report);
        };
        if let Some(path) = document {
            node.settings.declarative_config = Some(DocumentSource::File(path.to_owned()));
        }
        // Of a document that stands in for the node's own, no line of the node file says where it is.
        let origin = |key: &str| match document {
            Some(path) => Origin::Whole(path.display().to_string().into()),
            None => node.origin(key),
        };
        let read = match read_document(&node.settings, &origin, now, &mut report) {
            Ok(read) => read,
            Err(Unreadable) => {
                files_of_the_node(&node, now).for_each(|finding| report.push(finding));
                return (None, report);
            }
        };
        let generation = Generation {
            number: generation,
            hash: read.hash.into(),
            now,
        };
        let (snapshot, findings) = compile::compile_after(&node, &read.document, generation, providers);
        for finding in findings {
            report.push(finding);
        }
        if report.has_errors() {
            return (None, report);
        }
        let loaded = snapshot.map(|mut snapshot| {
            snapshot.warnings = report.iter().cloned().collect();
            let loaded = Loaded {
                settings: node.settings,
                snapshot,
            };
            (loaded, read.document)
        });
        (loaded, report)
    }
}

/// A document that holds nothing.
const EMPTY: &[u8] = b"{\"_format_version\": \"3.0\"}";

/// What is wrong with the files that the node itself names, where there is no document to be compiled with them: whoever
/// has to mend the document should not learn only afterwards that a key is missing too. Revocation lists are judged
/// with the document's authorities, so nothing can be said of them.
fn files_of_the_node(node: &LoadedNode<Settings>, now: UnixTime) -> impl Iterator<Item = Finding> {
    let source = Source {
        name: "(no document)",
        bytes: EMPTY,
        syntax: Syntax::Json,
    };
    let generation = Generation {
        number: 0,
        hash: Box::default(),
        now,
    };
    let (document, _) = document::read(source, now);
    let findings = document.map(|document| compile::compile(node, &document, generation).1);
    findings
        .into_iter()
        .flatten()
        .filter(|finding| finding.path != "revocation_lists")
}

struct ReadDocument {
    document: Document,
    hash: String,
}

/// The findings say why.
struct Unreadable;

fn read_document(
    settings: &Settings,
    origin: &dyn Fn(&str) -> Origin,
    now: UnixTime,
    report: &mut Report,
) -> Result<ReadDocument, Unreadable> {
    let (name, bytes, syntax) = match &settings.declarative_config {
        Some(DocumentSource::File(path)) => {
            let bytes = std::fs::read(path).map_err(|error| {
                let message = format!("cannot read the declarative document {}: {error}", path.display());
                report.push(Finding::error(
                    "unreadable-file",
                    origin("declarative_config"),
                    "declarative_config",
                    message,
                ));
                Unreadable
            })?;
            (path.display().to_string(), bytes, syntax_of(path))
        }
        Some(DocumentSource::Inline(text)) => (
            "declarative_config_string".to_owned(),
            text.clone().into_bytes(),
            Syntax::Either,
        ),
        None => ("(no declarative_config)".to_owned(), EMPTY.to_vec(), Syntax::Json),
    };
    let hash =
        crate::identity::hexadecimal(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes).as_ref());
    let (document, findings) = document::read(
        Source {
            name: &name,
            bytes: &bytes,
            syntax,
        },
        now,
    );
    for finding in findings {
        report.push(finding);
    }
    document
        .map(|document| ReadDocument { document, hash })
        .ok_or(Unreadable)
}

fn syntax_of(path: &Path) -> Syntax {
    Syntax::of_file(path).unwrap_or(Syntax::Either)
}
