//! The `key = value` form of kong.conf: one key a line, `#` begins a comment, `\#` is a `#`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;

use transport::finding::{Finding, Origin};
use transport::layers::TextEntry;

/// Reads a file of that form. A line that is none of it, and a key written twice, are reported; of the two the last
/// one counts, as with Kong.
pub(super) fn parse(file: &Path, text: &str) -> (Vec<TextEntry>, Vec<Finding>) {
    let file: Arc<str> = file.to_string_lossy().into();
    let mut entries: Vec<TextEntry> = Vec::new();
    let mut findings = Vec::new();
    let mut first: HashMap<&str, Origin> = HashMap::new();
    for (line, number) in text.lines().zip(1..) {
        let place = |column: usize| Origin::File {
            file: Arc::clone(&file),
            line: number,
            column: u32::try_from(line[..column].chars().count() + 1).unwrap_or(u32::MAX),
        };
        let content = &line[..comment(line)];
        let name = content.split('=').next().unwrap_or_default();
        let key_at = name.len() - name.trim_start().len();
        let name = name.trim();
        match content.split_once('=') {
            None if name.is_empty() => {}
            Some((before, value)) if !name.is_empty() && !name.contains(char::is_whitespace) => {
                let value_at = before.len() + 1 + (value.len() - value.trim_start().len());
                let key = place(key_at);
                match first.entry(name) {
                    Entry::Occupied(earlier) => {
                        let message = format!("`{name}` is written twice, first at {}", earlier.get());
                        findings.push(Finding::error("conflict", key.clone(), name, message));
                    }
                    Entry::Vacant(slot) => {
                        slot.insert(key.clone());
                    }
                }
                let text = value.trim().replace("\\#", "#");
                entries.push(TextEntry {
                    name: name.to_owned(),
                    text,
                    key,
                    value: place(value_at),
                });
            }
            None | Some(_) => {
                findings.push(Finding::error(
                    "syntax",
                    place(key_at),
                    "",
                    "this line is not of the form `key = value`",
                ));
            }
        }
    }
    (entries, findings)
}

/// Where the comment begins: at a `#` without a backslash before it.
fn comment(line: &str) -> usize {
    let mut before = ' ';
    for (at, letter) in line.char_indices() {
        if letter == '#' && before != '\\' {
            return at;
        }
        before = letter;
    }
    line.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_their_places() {
        let text = "# a comment\n\n  log_level = debug   # why\nheaders=off\ntrusted_ips =\nname = a\\#b#c\r\nü = é\n";
        let (entries, findings) = parse(Path::new("kong.conf"), text);
        assert_eq!(findings, []);
        let seen: Vec<String> = entries
            .iter()
            .map(
                |TextEntry {
                     name,
                     text,
                     key,
                     value,
                 }| format!("{key} {name} | {value} {text}"),
            )
            .collect();
        assert_eq!(
            seen,
            [
                "kong.conf:3:3 log_level | kong.conf:3:15 debug",
                "kong.conf:4:1 headers | kong.conf:4:9 off",
                "kong.conf:5:1 trusted_ips | kong.conf:5:14 ",
                "kong.conf:6:1 name | kong.conf:6:8 a#b",
                "kong.conf:7:1 ü | kong.conf:7:5 é",
            ]
        );
    }

    #[test]
    fn every_line_that_is_none_is_reported() {
        let (entries, findings) = parse(
            Path::new("kong.conf"),
            "[kong]\nlog level = info\n= x\nplugins = a\nplugins = b",
        );
        assert_eq!(entries.len(), 2);
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "kong.conf:1:1: error[syntax]: this line is not of the form `key = value`",
                "kong.conf:2:1: error[syntax]: this line is not of the form `key = value`",
                "kong.conf:3:1: error[syntax]: this line is not of the form `key = value`",
                "kong.conf:5:1: error[conflict]: `plugins` is written twice, first at kong.conf:4:1",
            ]
        );
    }
}
