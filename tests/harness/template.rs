//! Configuration files with holes: the demo's and the tests' documents name files of the PKI and addresses that are
//! known only when something listens there.

use std::fs;
use std::io;
use std::path::Path;

/// Fills a template. `"@ca/internal.pem"`, quotes included, becomes a quoted text that holds the file (relative to
/// `files`), in a form that YAML, JSON and TOML read alike; `{name}` becomes the value of that name.
pub fn fill(template: &str, files: &Path, values: &[(&str, String)]) -> io::Result<String> {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("\"@") {
        let Some((name, after)) = after.split_once('"') else {
            return Err(io::Error::other("the template has a \"@ without an end"));
        };
        let file = files.join(name);
        let content = fs::read_to_string(&file)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", file.display())))?;
        text.push_str(before);
        text.push_str(&quoted(&content));
        rest = after;
    }
    text.push_str(rest);
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    Ok(text)
}

/// A text in quotes, as YAML, JSON and TOML read it alike.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_values_are_put_in() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.pem"), "one\n\"two\"\n").unwrap();
        let values = [("echo", "127.0.0.1:1".to_owned())];
        let text = fill("cert: \"@a.pem\"\nurl: http://{echo}/\n", dir.path(), &values).unwrap();
        assert_eq!(text, "cert: \"one\\n\\\"two\\\"\\n\"\nurl: http://127.0.0.1:1/\n");
        assert!(fill("cert: \"@b.pem\"", dir.path(), &[]).is_err());
    }
}
