//! `docs/checks.md` is true: what an example marks is found at that line, and the mended form beside it is silent.
//!
//! The info string of a block says how it is written, which code it is about, and whether it shows the problem (`bad`),
//! does not (`good`), or is the same for both. `base` is what a part is loaded with: a key or a table of the part takes
//! the place of the base's.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use api_gateway::load::Inputs;
use certs::{Leaf, Revocations, Validity};
use edge_proxy::settings::Settings;
use harness::pki::Pki;
use tempfile::TempDir;
use transport::finding::{Origin, Report};

use crate::documentation::filled;

/// What every certificate plugin gives rise to that does not say how it checks revocation.
const NOISE: &str = "nothing-fetched";
const MARK: &str = "# ← ";

/// The page, taken apart.
pub(crate) struct Page {
    pub(crate) text: String,
    blocks: Vec<Block>,
}

struct Block {
    language: String,
    code: String,
    kinds: Vec<String>,
    text: String,
}

impl Page {
    pub(crate) fn read() -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/checks.md");
        let text = fs::read_to_string(file).unwrap();
        let mut blocks = Vec::new();
        let mut lines = text.lines();
        while let Some(line) = lines.next() {
            let Some(info) = line.strip_prefix("```") else {
                continue;
            };
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let mut words = info.split_whitespace().map(str::to_owned);
            if let (Some(language), Some(code)) = (words.next(), words.next()) {
                blocks.push(Block {
                    language,
                    code,
                    kinds: words.collect(),
                    text: body.join("\n") + "\n",
                });
            }
        }
        Self { text, blocks }
    }

    fn block(&self, language: &str, code: &str, kind: &str) -> Option<&str> {
        let is_it = |block: &&Block| {
            block.language == language
                && block.code == code
                && (block.kinds.is_empty() || block.kinds.iter().any(|own| own == kind))
        };
        let mut found = self.blocks.iter().filter(is_it);
        let block = found.next()?;
        assert!(found.next().is_none(), "{language} {code} {kind} is there twice");
        Some(&block.text)
    }

    /// Codes that have a heading.
    pub(crate) fn sections(&self) -> BTreeSet<&str> {
        self.text
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .collect()
    }

    /// Codes that have a row, with the severity there.
    pub(crate) fn rows(&self) -> BTreeMap<&str, &str> {
        let cells = |line: &'_ str| -> Option<(usize, usize)> {
            let begin = line.find("<a id=\"")? + 7;
            Some((begin, begin + line[begin..].find('"')?))
        };
        let rows = self.text.lines().filter_map(|line| {
            let (begin, end) = cells(line)?;
            Some((&line[begin..end], line.split(" | ").nth(2)?))
        });
        rows.collect()
    }
}

/// The base with a part: the part's keys and tables take the place of the base's.
fn joined(base: &str, part: Option<&str>) -> String {
    let Some(part) = part else { return base.to_owned() };
    let name = |line: &str| {
        let key = line.split_once(" = ").map(|(key, _)| key.to_owned());
        line.starts_with('[').then(|| line.to_owned()).or(key)
    };
    let is_table = part.starts_with('[');
    let names: BTreeSet<String> = part
        .lines()
        .filter(|line| !is_table || line.starts_with('['))
        .filter_map(name)
        .collect();
    let mut dropped = false;
    let mut text = String::new();
    for line in base.lines() {
        if is_table && line.starts_with('[') {
            dropped = names.contains(line);
        }
        let is_replaced = !is_table && name(line).is_some_and(|name| names.contains(&name));
        if !dropped && !is_replaced {
            text += line;
            text.push('\n');
        }
    }
    text + part
}

type Found = BTreeSet<(String, u32, String)>;

/// What is marked in a file.
fn marked(file: &str, text: &str) -> Found {
    let lines = text.lines().zip(1..);
    let mark = |(line, number): (&str, u32)| {
        let (_, code) = line.split_once(MARK)?;
        Some((file.to_owned(), number, code.trim().to_owned()))
    };
    lines.filter_map(mark).collect()
}

/// What is found, by the name of the file.
fn found(report: &Report, code: &str) -> Found {
    let told = report
        .iter()
        .filter(|finding| finding.code != NOISE || code == NOISE);
    told.map(|finding| match &finding.origin {
        Origin::File { file, line, .. } => {
            let name = Path::new(&**file)
                .file_name()
                .unwrap()
                .to_string_lossy()
                .into_owned();
            (name, *line, finding.code.to_owned())
        }
        other @ (Origin::Whole(_) | Origin::Environment(_) | Origin::Node) => panic!("{other}: {finding}"),
    })
    .collect()
}

/// The page's examples, on disk beside a PKI.
struct Desk {
    page: Page,
    dir: TempDir,
    pki: Pki,
}

impl Desk {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let pki = Pki::make(&dir.path().join("pki")).unwrap();
        fs::create_dir(pki.path("soon")).unwrap();
        let server = pki
            .authority("internal")
            .issue(Leaf::server("gateway.test").validity(Validity::days(29)))
            .unwrap();
        let root = pki.authority("clients-root");
        let list = |revocations: Revocations| root.revocation_list(revocations).unwrap().pem();
        for (name, content) in [
            ("server.pem", server.chain_pem()),
            ("server.key", server.key_pem()),
            (
                "clients-root.crl",
                list(Revocations::none().valid(past_its_prime())),
            ),
            ("stale.crl", list(Revocations::none().stale())),
        ] {
            let file = pki.path("soon").join(name);
            fs::write(&file, content).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        Self {
            page: Page::read(),
            dir,
            pki,
        }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.dir.path().join(name), text).unwrap();
    }

    /// What is found of a gateway, and what is marked.
    fn gateway(&self, code: &str, kind: &str) -> (Report, Found) {
        let base = |language| self.page.block(language, "base", kind).unwrap();
        let node = joined(base("toml"), self.page.block("toml", code, kind));
        let part = self.page.block("yaml", code, kind).unwrap_or_default();
        let document = filled(&format!("{}{part}", base("yaml")), &self.pki);
        self.write("gateway.toml", &node);
        self.write("kong.yaml", &document);
        let inputs = Inputs {
            file: Some(self.dir.path().join("gateway.toml")),
            environment: Vec::new(),
        };
        let mut marks = marked("gateway.toml", &node);
        marks.extend(marked("kong.yaml", &document));
        (inputs.load(1).1, marks)
    }

    fn edge(&self, code: &str, kind: &str) -> (Report, Found) {
        let base = self.page.block("toml", "edge-base", kind).unwrap();
        let node = joined(base, self.page.block("toml", code, kind));
        self.write("edge.toml", &node);
        let (loaded, mut report) = Settings::load(&self.dir.path().join("edge.toml"), &[]);
        report.extend(edge_proxy::compile(&loaded.unwrap()).1);
        (report, marked("edge.toml", &node))
    }
}

/// 100 days, of which 29 are left.
fn past_its_prime() -> Validity {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let now = i64::try_from(now.as_secs()).unwrap();
    Validity::unix(now - 71 * 86_400, now + 29 * 86_400).unwrap()
}

#[test]
fn what_an_example_marks_is_found_and_nothing_else() {
    let desk = Desk::new();
    let mut codes = BTreeSet::new();
    for block in &desk.page.blocks {
        for kind in &block.kinds {
            assert!(
                ["bad", "good", "edge-bad", "edge-good"].contains(&kind.as_str()),
                "{kind}"
            );
            codes.insert((block.code.as_str(), kind.as_str()));
        }
    }
    let mut wrong = Vec::new();
    for (code, kind) in &codes {
        let is_edge = kind.starts_with("edge-");
        let (report, marks) = if is_edge {
            desk.edge(code, kind)
        } else {
            desk.gateway(code, kind)
        };
        let found = found(&report, code);
        let is_good = kind.ends_with("good");
        assert!(
            is_good || marks.iter().any(|(_, _, mark)| mark == code),
            "{code} {kind} marks nothing"
        );
        let expected = if is_good { Found::new() } else { marks };
        if found != expected {
            wrong.push(format!("{code} {kind} should have {expected:?}:\n{report}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    let (report, _) = desk.edge("nothing", "good");
    assert_eq!(report, Report::new(), "{report}");
    // What cannot be done right in one place, or is the same as another section says.
    let exceptions = ["nothing-fetched"];
    let shows = |code: &str, kinds: [&str; 2]| kinds.iter().any(|kind| codes.contains(&(code, kind)));
    for section in desk.page.sections() {
        assert!(shows(section, ["bad", "edge-bad"]), "{section} has no example");
        let good = shows(section, ["good", "edge-good"]) || exceptions.contains(&section);
        assert!(good, "{section} has no example of how it is right");
    }
}
