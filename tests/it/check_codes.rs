//! Every code that a program can say is a rule of its reports and has its place in `docs/checks.md`; nothing else has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use transport::finding::{Rule, Severity};
use transport::report_form::Tool;

use crate::checks_page::Page;

fn rules(tool: &Tool) -> impl Iterator<Item = &'static Rule> {
    tool.rules.iter().copied().flatten()
}

#[test]
fn every_code_has_its_place_on_the_page_and_only_those() {
    let page = Page::read();
    let (sections, rows) = (page.sections(), page.rows());
    let tools = [&api_gateway::rules::TOOL, &edge_proxy::rules::TOOL];
    let all: BTreeMap<&str, Severity> = tools
        .into_iter()
        .flat_map(rules)
        .map(|rule| (rule.code, rule.severity))
        .collect();
    for (code, severity) in &all {
        assert!(
            sections.contains(code) != rows.contains_key(code),
            "{code}: not once on the page"
        );
        if let Some(row) = rows.get(code) {
            assert!(
                *row == severity.to_string() || *row == "both",
                "{code} is {severity}, not {row}"
            );
        } else {
            let (_, section) = page.text.split_once(&format!("\n### {code}\n")).unwrap();
            let says_error = section.trim_start().starts_with("An error.");
            assert_eq!(says_error, *severity == Severity::Error, "{code}: {severity}");
        }
    }
    for code in sections.iter().chain(rows.keys()) {
        assert!(all.contains_key(code), "no program says {code}");
    }
}

/// Calls whose text beginning with a code is one.
const CALLS: [&str; 13] = [
    "Finding::error(",
    "Finding::warning(",
    ".refuse(",
    ".refuse_with(",
    ".refuse::<()>(",
    ".warn(",
    ".warn_once(",
    ".error(",
    ".warning(",
    ".error_with_fix(",
    "node_error(",
    ".absent(",
    "code: ",
];

/// The first text after each call that looks like a code, and each constant that is called one.
fn codes_in(source: &str) -> BTreeSet<&str> {
    let source = source.split("#[cfg(test)]").next().unwrap();
    let is_code = |text: &&str| {
        text.len() > 3 && text.contains('-') && text.chars().all(|one| one == '-' || one.is_ascii_lowercase())
    };
    let texts = |after: &'_ str| -> Vec<(usize, usize)> {
        let quotes: Vec<usize> = after.match_indices('"').map(|(at, _)| at).take(4).collect();
        quotes
            .chunks_exact(2)
            .map(|pair| (pair[0] + 1, pair[1]))
            .collect()
    };
    let mut codes = BTreeSet::new();
    let calls = CALLS.iter().flat_map(|call| source.match_indices(call));
    for (at, call) in calls {
        let after = &source[at + call.len()..];
        let call = after.split(';').next().unwrap();
        codes.extend(
            texts(call)
                .into_iter()
                .map(|(begin, end)| &call[begin..end])
                .find(is_code),
        );
    }
    for (at, mark) in source.match_indices("CODE: &str = \"") {
        codes.extend(source[at + mark.len()..].split('"').next());
    }
    codes
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn every_code_that_the_sources_say_is_a_rule_of_its_program() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (crates, tool) in [
        (["transport", "edge-proxy"], &edge_proxy::rules::TOOL),
        (["transport", "api-gateway"], &api_gateway::rules::TOOL),
    ] {
        let known: BTreeSet<&str> = rules(tool).map(|rule| rule.code).collect();
        let mut files = Vec::new();
        for name in crates {
            sources(&root.join(name).join("src"), &mut files);
        }
        let mut said = BTreeSet::new();
        for file in files
            .iter()
            .filter(|file| !file.components().any(|part| part.as_os_str() == "tests"))
        {
            let source = fs::read_to_string(file).unwrap();
            for code in codes_in(&source) {
                assert!(
                    known.contains(code),
                    "{code}, of {}, is no rule of {}",
                    file.display(),
                    tool.name
                );
                said.insert(code.to_owned());
            }
        }
        assert!(said.len() > 15, "{said:?}");
    }
}
