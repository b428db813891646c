//! What is found in a document, in the order of its text.

use std::cell::RefCell;
use std::sync::Arc;

use transport::finding::{Finding, Origin, Severity};

use super::tree::Place;

/// Nobody reads more problems than this; what is left over is only counted.
const MAX_FINDINGS: usize = 1000;

/// The findings of one document.
pub(super) struct Log {
    source: Arc<str>,
    findings: RefCell<Vec<Finding>>,
    dropped: RefCell<usize>,
}

impl Log {
    pub(super) fn new(source: Arc<str>) -> Self {
        Self {
            source,
            findings: RefCell::default(),
            dropped: RefCell::default(),
        }
    }

    pub(super) fn origin(&self, place: Place) -> Origin {
        Origin::File {
            file: Arc::clone(&self.source),
            line: place.line,
            column: place.column,
        }
    }

    pub(super) fn push(&self, mut finding: Finding) {
        finding.message = presentable(finding.message);
        finding.path = presentable(finding.path);
        let mut findings = self.findings.borrow_mut();
        if findings.len() < MAX_FINDINGS {
            findings.push(finding);
        } else {
            *self.dropped.borrow_mut() += 1;
        }
    }

    /// Whether what is pushed now is only counted, so that nothing need be worked out for it.
    pub(super) fn is_full(&self) -> bool {
        self.findings.borrow().len() >= MAX_FINDINGS
    }

    pub(super) fn has_errors(&self) -> bool {
        *self.dropped.borrow() > 0
            || self
                .findings
                .borrow()
                .iter()
                .any(|finding| finding.severity == Severity::Error)
    }

    /// The findings in the order of the text.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        let mut findings = self.findings.into_inner();
        findings.sort_by(|one, other| one.origin.cmp(&other.origin));
        let dropped = self.dropped.into_inner();
        if dropped > 0 {
            let message = format!("{dropped} further problems are not shown");
            findings.push(Finding::error(
                "too-many-problems",
                Origin::Whole(self.source),
                "",
                message,
            ));
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
