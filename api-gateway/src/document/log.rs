//! What is found in a document, in the order of its text.

use std::cell::RefCell;
use std::sync::Arc;

use transport::finding::{Finding, Origin, Severity};

use super::tree::Place;

/// Nobody reads more errors than this, nor more warnings; what is left over is only counted.
pub(crate) const MAX_FINDINGS: usize = 1000;

/// The findings of one document.
pub(crate) struct Log {
    source: Arc<str>,
    errors: RefCell<Kind>,
    warnings: RefCell<Kind>,
}

/// Findings of one severity. They are told apart so that a flood of warnings neither hides an error nor becomes one.
#[derive(Default)]
struct Kind {
    findings: Vec<Finding>,
    further: usize,
}

impl Kind {
    fn push(&mut self, mut finding: Finding) {
        if self.is_full() {
            self.further += 1;
            return;
        }
        finding.message = presentable(finding.message);
        finding.path = presentable(finding.path);
        self.findings.push(finding);
    }

    fn is_full(&self) -> bool {
        self.findings.len() >= MAX_FINDINGS
    }
}

impl Log {
    pub(crate) fn new(source: Arc<str>) -> Self {
        Self {
            source,
            errors: RefCell::default(),
            warnings: RefCell::default(),
        }
    }

    /// The document's name.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    pub(super) fn origin(&self, place: Place) -> Origin {
        Origin::File {
            file: Arc::clone(&self.source),
            line: place.line,
            column: place.column,
        }
    }

    pub(crate) fn push(&self, finding: Finding) {
        match finding.severity {
            Severity::Error => self.errors.borrow_mut().push(finding),
            Severity::Warning => self.warnings.borrow_mut().push(finding),
        }
    }

    /// Counts errors that nobody worked out.
    pub(super) fn count_further(&self, errors: usize) {
        self.errors.borrow_mut().further += errors;
    }

    /// Whether an error that is pushed now is only counted, so that nothing need be worked out for it.
    pub(super) fn is_full(&self) -> bool {
        self.errors.borrow().is_full()
    }

    pub(crate) fn has_errors(&self) -> bool {
        let errors = self.errors.borrow();
        !errors.findings.is_empty() || errors.further > 0
    }

    /// The findings in the order of the text.
    pub(crate) fn into_findings(self) -> Vec<Finding> {
        let (errors, warnings) = (self.errors.into_inner(), self.warnings.into_inner());
        let mut findings = errors.findings;
        findings.extend(warnings.findings);
        findings.sort_by(|one, other| one.origin.cmp(&other.origin));
        let whole = Origin::Whole(self.source);
        if errors.further > 0 {
            let message = format!("{} further problems are not shown", errors.further);
            findings.push(Finding::error("too-many-problems", whole.clone(), "", message));
        }
        if warnings.further > 0 {
            let message = format!("{} further warnings are not shown", warnings.further);
            findings.push(Finding::warning("too-many-problems", whole, "", message));
        }
        findings
    }
}

/// A text that quotes the document, fit to be shown: no more than a few lines of it, and nothing of a PEM section, which
/// may be a private key in the wrong field.
fn presentable(mut text: String) -> String {
    const LONGEST: usize = 600;
    let pem = text.find("-----BEGIN");
    let end = pem.unwrap_or(text.len()).min(LONGEST);
    if end < text.len() {
        let end = (0..=end)
            .rev()
            .find(|end| text.is_char_boundary(*end))
            .unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}
