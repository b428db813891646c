//! Failed handshakes as a table for people.

use std::fmt::Write as _;

use serde_json::Value;

const COLUMNS: [(&str, &str); 5] = [
    ("at", "TIME"),
    ("layer", "WITH"),
    ("peer", "PEER"),
    ("server_name", "NAME"),
    ("class", "CLASS"),
];

/// A row each, with what happened, what to do and the chain below it.
pub(super) fn of(failures: &Value) -> String {
    let failures = failures.as_array().map_or(&[][..], Vec::as_slice);
    if failures.is_empty() {
        return "no handshake has failed since the start".to_owned();
    }
    let widths = COLUMNS.map(|(key, title)| {
        let cells = failures.iter().map(|failure| cell(failure, key).chars().count());
        cells.fold(title.len(), usize::max)
    });
    let mut text = String::new();
    row(&mut text, COLUMNS.map(|(_, title)| title), widths);
    for failure in failures {
        row(&mut text, COLUMNS.map(|(key, _)| cell(failure, key)), widths);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  cause: {}", cell(failure, "cause"));
        let _ = writeln!(text, "  do:    {}", cell(failure, "remedy"));
        let chain = &failure["chain"];
        let by = if chain["shown_by"] == "us" {
            "shown by us"
        } else {
            "shown by the peer"
        };
        for (depth, shown) in chain["certificates"].as_array().into_iter().flatten().enumerate() {
            let mark = if shown["failed"] == true {
                "  <- this one"
            } else {
                ""
            };
            let _ = writeln!(text, "  {by}, {depth}: {}{mark}", certificate(shown));
        }
    }
    text.trim_end().to_owned()
}

/// One certificate in one line.
pub(super) fn certificate(shown: &Value) -> String {
    format!(
        "`{}` issued by `{}`, serial {}, {} to {}, SHA-256 {}",
        cell(shown, "subject"),
        cell(shown, "issuer"),
        cell(shown, "serial"),
        cell(shown, "not_before"),
        cell(shown, "not_after"),
        cell(shown, "sha256"),
    )
}

fn row(text: &mut String, cells: [&str; COLUMNS.len()], widths: [usize; COLUMNS.len()]) {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:width$}"))
        .collect();
    let _ = writeln!(text, "{}", padded.join("  ").trim_end());
}

fn cell<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or("-")
}
