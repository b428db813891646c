//! What `check` prints: findings with a place, a stable code and, where there is one, the way to mend it.
//!
//! A finding is made where a problem is seen and carries the place where the operator wrote the value, so that
//! a certificate that cannot be read is reported at the line of the node file that names it. Codes are kebab-case
//! and stable: scripts match on them. The codes of the node files are listed in [`crate::layers`]; a layer above
//! documents its own. Every code is a [`Rule`] of its program, and has its place in `docs/checks.md`.

use std::cmp::Ordering;
use std::fmt::{self, Display};
use std::sync::Arc;

use serde_json::{Value, json};

/// How bad a finding is: an error keeps `run` from starting and a reload from happening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `check` exits with 1, `run` refuses to start.
    Error,
    /// Named, and shown in `/status`; nothing is refused.
    Warning,
}

impl Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
        })
    }
}

/// Where the operator wrote what a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// A place in a file.
    File {
        /// The file as the operator named it.
        file: Arc<str>,
        /// Line, from 1.
        line: u32,
        /// Column in characters, from 1.
        column: u32,
    },
    /// A file as such, where no line is to blame: it cannot be read, or something is absent from it. Printed as its
    /// first character, so that every line of a report about a file has the same form.
    Whole(Arc<str>),
    /// An environment variable, by its full name.
    Environment(Arc<str>),
    /// No place: nobody wrote it, it is a default.
    Node,
}

impl Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line, column } => write!(f, "{file}:{line}:{column}"),
            Self::Whole(file) => write!(f, "{file}:1:1"),
            Self::Environment(name) => write!(f, "env {name}"),
            Self::Node => f.write_str("defaults"),
        }
    }
}

/// A kind of finding, as a report that lists kinds tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The code of its findings.
    pub code: &'static str,
    /// How bad they are, at worst.
    pub severity: Severity,
    /// What they say, in one line.
    pub says: &'static str,
}

impl Rule {
    /// A kind of finding that refuses the configuration.
    pub const fn error(code: &'static str, says: &'static str) -> Self {
        Self {
            code,
            severity: Severity::Error,
            says,
        }
    }

    /// A kind of finding that is only told.
    pub const fn warning(code: &'static str, says: &'static str) -> Self {
        Self {
            code,
            severity: Severity::Warning,
            says,
        }
    }
}

/// One problem. Its text form is one line: `FILE:LINE:COL: error[code]: message; fix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it refuses the configuration.
    pub severity: Severity,
    /// Stable kebab-case code.
    pub code: &'static str,
    /// Where the value is written.
    pub origin: Origin,
    /// Path of the key: dotted, with indexes, such as `listeners.public.tls.certificate` or `services[1].host`.
    pub path: String,
    /// A lower-case fact that names the thing and the file. Never a secret.
    pub message: String,
    /// What to write instead, if that is known.
    pub fix: Option<String>,
}

impl Finding {
    /// A finding that refuses the configuration.
    pub fn error(
        code: &'static str,
        origin: Origin,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Error,
            code,
            origin,
            path: path.into(),
            message: message.into(),
            fix: None,
        }
    }

    /// A finding that is only told.
    pub fn warning(
        code: &'static str,
        origin: Origin,
        path: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, origin, path, message)
        }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    /// The JSON form: `{severity, code, file, line, column, path, message, fix}`, with null for what there is not.
    /// The `file` of an environment variable is `env NAME`, as in the text form.
    pub fn json(&self) -> Value {
        let Self {
            severity,
            code,
            origin,
            path,
            message,
            fix,
        } = self;
        let (file, line, column) = match origin {
            Origin::File { file, line, column } => (Some(file.to_string()), Some(*line), Some(*column)),
            Origin::Whole(file) => (Some(file.to_string()), None, None),
            Origin::Environment(_) => (Some(origin.to_string()), None, None),
            Origin::Node => (None, None, None),
        };
        json!({
            "severity": severity.to_string(),
            "code": code,
            "file": file,
            "line": line,
            "column": column,
            "path": path,
            "message": message,
            "fix": fix,
        })
    }

    /// Most severe first, then as the files are read from top to bottom.
    fn rank(&self, other: &Self) -> Ordering {
        (self.severity, &self.origin).cmp(&(other.severity, &other.origin))
    }
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        one_line(f, &self.origin.to_string())?;
        write!(f, ": {}[{}]: ", self.severity, self.code)?;
        one_line(f, &self.message)?;
        match &self.fix {
            None => Ok(()),
            Some(fix) => {
                f.write_str("; ")?;
                one_line(f, fix)
            }
        }
    }
}

/// A message may quote what somebody wrote, and so may the name of a file or a variable; a control character in it must
/// not end or repaint the line.
pub(crate) fn one_line(f: &mut impl fmt::Write, text: &str) -> fmt::Result {
    for character in text.chars() {
        if character.is_control() {
            write!(f, "{}", character.escape_default())?;
        } else {
            f.write_char(character)?;
        }
    }
    Ok(())
}

/// All findings of one check, most severe first, then by place.
///
/// Its text form is one line a finding and always ends with `N errors, M warnings`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(Vec<Finding>);

impl Report {
    /// A report without findings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding at its place in the order; equals stay in the order of their arrival.
    pub fn push(&mut self, finding: Finding) {
        let at = self.0.partition_point(|earlier| earlier.rank(&finding).is_le());
        self.0.insert(at, finding);
    }

    /// Whether anything refuses the configuration.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// How many findings have that severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.0
            .iter()
            .filter(|finding| finding.severity == severity)
            .count()
    }

    /// Every finding, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Finding> {
        self.0.iter()
    }

    /// The JSON form: an array of [`Finding::json`].
    pub fn json(&self) -> Value {
        Value::Array(self.0.iter().map(Finding::json).collect())
    }
}

impl Extend<Finding> for Report {
    fn extend<I: IntoIterator<Item = Finding>>(&mut self, findings: I) {
        for finding in findings {
            self.push(finding);
        }
    }
}

impl FromIterator<Finding> for Report {
    fn from_iter<I: IntoIterator<Item = Finding>>(findings: I) -> Self {
        let mut report = Self::new();
        report.extend(findings);
        report
    }
}

impl IntoIterator for Report {
    type Item = Finding;
    type IntoIter = std::vec::IntoIter<Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Report {
    type Item = &'a Finding;
    type IntoIter = std::slice::Iter<'a, Finding>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.0 {
            writeln!(f, "{finding}")?;
        }
        write!(
            f,
            "{} errors, {} warnings",
            self.count(Severity::Error),
            self.count(Severity::Warning)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(line: u32) -> Origin {
        Origin::File {
            file: "edge.toml".into(),
            line,
            column: 5,
        }
    }

    #[test]
    fn a_report_is_ordered_and_counted() {
        let report: Report = [
            Finding::warning("no-effect", at(1), "a", "first written"),
            Finding::error(
                "bad-value",
                Origin::Environment("KONG_B".into()),
                "b",
                "from the environment",
            ),
            Finding::error("unknown-key", at(9), "c", "below"),
            Finding::error("unknown-key", at(2), "d", "above").with_fix("remove it"),
            Finding::error("unreadable", Origin::Whole("x.pem".into()), "", "cannot read"),
            Finding::error("missing-key", Origin::Node, "e", "nobody wrote it"),
        ]
        .into_iter()
        .collect();
        assert_eq!(
            report.to_string(),
            "edge.toml:2:5: error[unknown-key]: above; remove it\n\
             edge.toml:9:5: error[unknown-key]: below\n\
             x.pem:1:1: error[unreadable]: cannot read\n\
             env KONG_B: error[bad-value]: from the environment\n\
             defaults: error[missing-key]: nobody wrote it\n\
             edge.toml:1:5: warning[no-effect]: first written\n\
             5 errors, 1 warnings"
        );
        assert!(report.has_errors());
    }

    #[test]
    fn an_empty_report_has_no_errors() {
        assert_eq!(Report::new().to_string(), "0 errors, 0 warnings");
        assert!(!Report::new().has_errors());
        assert_eq!(Report::new().json(), json!([]));
    }

    #[test]
    fn a_warning_alone_is_no_error() {
        let report: Report = [Finding::warning("no-effect", at(1), "a", "b")]
            .into_iter()
            .collect();
        assert!(!report.has_errors());
        assert_eq!(
            report.to_string(),
            "edge.toml:1:5: warning[no-effect]: b\n0 errors, 1 warnings"
        );
    }

    #[test]
    fn json_has_every_field_and_null_for_the_absent() {
        let place = Finding::error("bad-value", at(3), "a.b", "m").with_fix("f");
        assert_eq!(
            place.json(),
            json!({"severity": "error", "code": "bad-value", "file": "edge.toml", "line": 3, "column": 5,
                   "path": "a.b", "message": "m", "fix": "f"})
        );
        let variable = Finding::warning("bad-value", Origin::Environment("KONG_A".into()), "a", "m");
        assert_eq!(
            variable.json(),
            json!({"severity": "warning", "code": "bad-value", "file": "env KONG_A", "line": null, "column": null,
                   "path": "a", "message": "m", "fix": null})
        );
    }

    #[test]
    fn a_quoted_line_break_stays_on_the_line() {
        let finding = Finding::error("bad-value", at(1), "a", "`x\ny\u{1b}[31m` is no address");
        assert_eq!(
            finding.to_string(),
            r"edge.toml:1:5: error[bad-value]: `x\ny\u{1b}[31m` is no address"
        );
        let variable = Origin::Environment("KONG_A\nkong.conf:1:1: error[x]: y".into());
        assert_eq!(
            Finding::error("bad-value", variable, "a", "m").to_string(),
            r"env KONG_A\nkong.conf:1:1: error[x]: y: error[bad-value]: m"
        );
    }
}
