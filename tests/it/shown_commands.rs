//! What a document shows of a terminal is what the programs say.
//!
//! A `console` block that names no file is a session: each line that begins with `$ ` is run where the document's files
//! are, and what it says on standard output is compared with the lines below. `…` in a line is any text, a line that is
//! `…` alone is any lines. `$ echo $?` shows the exit code.

use std::fs;
use std::path::Path;

use harness::program::{Said, command, run_to_end};

use crate::documentation::{DOCUMENTS, Shown};

/// What is shown and is no program of ours.
const OTHERS: [&str; 3] = ["make ", "curl ", "HEADER="];

fn text_of(document: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The info strings of a document's blocks, with what is in them.
fn blocks(text: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            blocks.push((info, lines.by_ref().take_while(|line| *line != "```").collect()));
        }
    }
    blocks
}

/// Commands, each with what is shown below it.
fn steps<'t>(lines: &[&'t str]) -> Vec<(&'t str, Vec<&'t str>)> {
    let mut steps: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => steps.push((command, Vec::new())),
            (None, Some((_, shown))) => shown.push(line),
            (None, None) => panic!("a session begins with a command, not with {line:?}"),
        }
    }
    steps
}

fn is_as_shown(line: &str, shown: &str) -> bool {
    let mut pieces = shown.split('…');
    let Some(mut rest) = pieces.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut last = None;
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
        last = Some(piece);
    }
    // A `…` at the end takes all that is left.
    rest.is_empty() || last == Some("")
}

fn are_as_shown(said: &[&str], shown: &[&str]) -> bool {
    match shown {
        [] => said.is_empty(),
        ["…", after @ ..] => (0..=said.len()).any(|skipped| are_as_shown(&said[skipped..], after)),
        [first, after @ ..] => said
            .split_first()
            .is_some_and(|(line, rest)| is_as_shown(line, first) && are_as_shown(rest, after)),
    }
}

fn run(shown: &Shown, line: &str) -> Said {
    let mut words = line.split(' ');
    let program = words.next().unwrap_or_default();
    let arguments: Vec<&str> = words.collect();
    assert!(!line.contains(['\'', '"', '|', '#']), "no shell: {line}");
    let mut command = command(program, &arguments).unwrap();
    command.current_dir(shown.directory());
    tokio::task::block_in_place(|| run_to_end(command).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_says_what_is_shown() {
    let mut ran = 0;
    for document in DOCUMENTS {
        let text = text_of(document);
        let sessions = blocks(&text);
        let sessions = sessions.iter().filter(|(info, _)| *info == "console");
        let shown = Shown::in_document(document);
        let directory = format!("{}/", shown.directory().display());
        for (_, lines) in sessions {
            let mut last = None;
            for (command, below) in steps(lines) {
                if OTHERS.iter().any(|other| command.starts_with(other)) {
                    continue;
                }
                if command == "echo $?" {
                    let code = last.flatten().map(|code: i32| code.to_string());
                    assert_eq!(
                        code.as_deref(),
                        Some(below.concat().as_str()),
                        "{document}: {lines:#?}"
                    );
                    continue;
                }
                let said = run(&shown, command);
                let output = said.stdout.replace(&directory, "");
                let output: Vec<&str> = output.lines().collect();
                assert!(
                    are_as_shown(&output, &below),
                    "{document}: $ {command}\n{}\nand not\n{}\n{}",
                    output.join("\n"),
                    below.join("\n"),
                    said.stderr
                );
                last = Some(said.code);
                ran += 1;
            }
        }
    }
    assert!(ran >= 4, "{ran} commands");
}

/// A file that is shown without its name would be a file that nothing loads.
#[test]
fn every_file_that_is_shown_of_tokens_principals_and_plans_has_its_name() {
    for document in [
        "docs/explain.md",
        "docs/plan.md",
        "docs/principals.md",
        "docs/tokens.md",
    ] {
        let text = text_of(document);
        for (info, lines) in blocks(&text) {
            let (language, names) = info.split_once(' ').unwrap_or((info, ""));
            let is_file = ["yaml", "toml"].contains(&language) && !names.is_empty();
            let is_session = language == "console" && (names.is_empty() || names.ends_with("/check"));
            assert!(
                info.is_empty() || is_file || is_session,
                "{document}: ```{info}\n{}",
                lines.join("\n")
            );
        }
    }
}

#[test]
fn an_ellipsis_is_any_text() {
    for (line, shown, same) in [
        ("abc", "abc", true),
        ("abc", "ab", false),
        ("abc", "ab…", true),
        ("abc", "…c", true),
        ("abc", "a…c", true),
        ("abcd", "a…c", false),
        ("abc", "a…b…c", true),
        ("acb", "a…b…c", false),
        ("", "…", true),
    ] {
        assert_eq!(is_as_shown(line, shown), same, "{line} {shown}");
    }
    for (said, shown, same) in [
        (&["a", "b", "c"][..], &["a", "b", "c"][..], true),
        (&["a", "b", "c"], &["a", "…", "c"], true),
        (&["a", "c"], &["a", "…", "c"], true),
        (&["a", "b"], &["a"], false),
        (&["a", "b"], &["a", "…"], true),
        (&["a"], &["a", "b"], false),
        (&["a", "b"], &["…", "a"], false),
    ] {
        assert_eq!(are_as_shown(said, shown), same, "{said:?} {shown:?}");
    }
}
