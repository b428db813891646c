//! The text as the YAML parser reads it, with a bound on how far it reads ahead.
//!
//! The threat: a flow collection may turn out to be a key, so the parser takes it apart to its end before it tells of
//! its beginning, at some four hundred bytes for each token. A list of 64 MiB would take more memory than the machine has
//! before anybody could count its values.

use std::cell::Cell;
use std::rc::Rc;

use saphyr_parser::input::SkipTabs;
use saphyr_parser::{Input, StrInput};

/// How many characters the parser may take before it tells what it has read: a flow collection that may be a key, a
/// scalar, or what stands between two values.
pub(super) const MAX_AHEAD: usize = 1 << 20;

/// A text that ends where the parser reads too far ahead.
pub(super) struct YamlInput<'t> {
    text: StrInput<'t>,
    ahead: Ahead,
}

/// How many characters were taken since the last event.
#[derive(Clone, Default)]
pub(super) struct Ahead(Rc<Cell<usize>>);

impl Ahead {
    /// An event has come: what was read for it is done with.
    pub(super) fn reset(&self) {
        self.0.set(0);
    }

    /// Whether the text was ended before its end.
    pub(super) fn is_too_far(&self) -> bool {
        self.0.get() > MAX_AHEAD
    }
}

impl<'t> YamlInput<'t> {
    pub(super) fn new(text: &'t str, ahead: Ahead) -> Self {
        Self {
            text: StrInput::new(text),
            ahead,
        }
    }

    #[inline]
    fn take(&mut self, characters: usize) {
        let taken = &self.ahead.0;
        taken.set(taken.get().saturating_add(characters));
        if self.ahead.is_too_far() {
            let wanted = self.text.buflen();
            self.text = StrInput::new("");
            self.text.lookahead(wanted);
        }
    }
}

impl Input for YamlInput<'_> {
    fn lookahead(&mut self, count: usize) {
        self.text.lookahead(count);
    }

    fn buflen(&self) -> usize {
        self.text.buflen()
    }

    fn bufmaxlen(&self) -> usize {
        self.text.bufmaxlen()
    }

    fn raw_read_ch(&mut self) -> char {
        self.take(1);
        self.text.raw_read_ch()
    }

    fn raw_read_non_breakz_ch(&mut self) -> Option<char> {
        self.take(1);
        self.text.raw_read_non_breakz_ch()
    }

    fn skip(&mut self) {
        self.take(1);
        self.text.skip();
    }

    fn skip_n(&mut self, count: usize) {
        self.take(count);
        self.text.skip_n(count);
    }

    fn peek(&self) -> char {
        self.text.peek()
    }

    fn peek_nth(&self, n: usize) -> char {
        self.text.peek_nth(n)
    }

    // What follows could be left to the trait; the text does it without a call for each character.

    fn next_can_be_plain_scalar(&self, in_flow: bool) -> bool {
        self.text.next_can_be_plain_scalar(in_flow)
    }

    fn next_is_document_indicator(&self) -> bool {
        self.text.next_is_document_indicator()
    }

    fn next_is_document_start(&self) -> bool {
        self.text.next_is_document_start()
    }

    fn next_is_document_end(&self) -> bool {
        self.text.next_is_document_end()
    }

    fn skip_ws_to_eol(&mut self, skip_tabs: SkipTabs) -> (usize, Result<SkipTabs, &'static str>) {
        let skipped = self.text.skip_ws_to_eol(skip_tabs);
        self.take(skipped.0);
        skipped
    }

    fn skip_while_non_breakz(&mut self) -> usize {
        let skipped = self.text.skip_while_non_breakz();
        self.take(skipped);
        skipped
    }

    fn skip_while_blank(&mut self) -> usize {
        let skipped = self.text.skip_while_blank();
        self.take(skipped);
        skipped
    }

    fn fetch_while_is_alpha(&mut self, out: &mut String) -> usize {
        let fetched = self.text.fetch_while_is_alpha(out);
        self.take(fetched);
        fetched
    }
}
