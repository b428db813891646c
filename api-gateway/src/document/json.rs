//! JSON into the tree, strictly as RFC 8259 has it.
//!
//! Our own reader, because every value needs its place and a repeated key must be seen.

use std::borrow::Cow;

use super::tree::{
    Key, KeyTexts, MAX_DEPTH, MAX_NODES, Node, Place, SyntaxProblem, SyntaxProblems, Value,
    refuse_duplicate_keys,
};

/// Reads one JSON text; `None` if it cannot be read to its end.
pub(super) fn read(text: &str, problems: &mut SyntaxProblems) -> Option<Node> {
    let mut reader = Reader {
        text,
        offset: 0,
        at: Place::START,
        nodes: 0,
        keys: KeyTexts::default(),
        problems,
    };
    let outcome = reader.whole();
    outcome.map_err(|problem| reader.problems.push(problem)).ok()
}

struct Reader<'t, 'p> {
    text: &'t str,
    offset: usize,
    at: Place,
    nodes: usize,
    keys: KeyTexts,
    problems: &'p mut SyntaxProblems,
}

impl<'t> Reader<'t, '_> {
    fn whole(&mut self) -> Result<Node, SyntaxProblem> {
        self.space();
        let node = self.value(0)?;
        self.space();
        match self.peek() {
            None => Ok(node),
            Some(_) => Err(self.problem("expected the end of the text")),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node, SyntaxProblem> {
        if depth > MAX_DEPTH {
            return Err(self.problem(&format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let place = self.at;
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(SyntaxProblem::too_many(place));
        }
        let value = match self.peek() {
            Some(b'{') => self.map(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Value::Text(self.string()?.into()),
            Some(b't') => self.word("true", Value::Bool(true))?,
            Some(b'f') => self.word("false", Value::Bool(false))?,
            Some(b'n') => self.word("null", Value::Null)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(_) => return Err(self.problem("expected a value")),
            None => return Err(self.problem("the text ends where a value is expected")),
        };
        Ok(Node { place, value })
    }

    fn map(&mut self, depth: usize) -> Result<Value, SyntaxProblem> {
        self.step();
        let mut pairs = Vec::new();
        self.space();
        if self.takes(b'}') {
            return Ok(Value::Map(pairs));
        }
        loop {
            self.space();
            let place = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.problem("expected a key in double quotes"));
            }
            let text = self.string()?;
            let text = self.keys.shared(&text);
            self.space();
            if !self.takes(b':') {
                return Err(self.problem("expected ':'"));
            }
            self.space();
            pairs.push((Key { text, place }, self.value(depth + 1)?));
            self.space();
            if self.takes(b'}') {
                refuse_duplicate_keys(&mut pairs, self.problems);
                pairs.shrink_to_fit();
                return Ok(Value::Map(pairs));
            }
            if !self.takes(b',') {
                return Err(self.problem("expected ',' or '}'"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, SyntaxProblem> {
        self.step();
        let mut nodes = Vec::new();
        self.space();
        if self.takes(b']') {
            return Ok(Value::List(nodes));
        }
        loop {
            self.space();
            nodes.push(self.value(depth + 1)?);
            self.space();
            if self.takes(b']') {
                nodes.shrink_to_fit();
                return Ok(Value::List(nodes));
            }
            if !self.takes(b',') {
                return Err(self.problem("expected ',' or ']'"));
            }
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, SyntaxProblem> {
        if !self.rest().starts_with(word) {
            return Err(self.problem("expected a value"));
        }
        for _ in word.bytes() {
            self.step();
        }
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, SyntaxProblem> {
        let start = self.offset;
        self.takes(b'-');
        let mut whole = true;
        if !self.takes(b'0') {
            self.digits()?;
        }
        if self.takes(b'.') {
            whole = false;
            self.digits()?;
        }
        if self.takes(b'e') || self.takes(b'E') {
            whole = false;
            let _ = self.takes(b'+') || self.takes(b'-');
            self.digits()?;
        }
        let text = self.text.get(start..self.offset).unwrap_or_default();
        if whole && let Ok(integer) = text.parse() {
            return Ok(Value::Int(integer));
        }
        text.parse()
            .map(Value::Float)
            .map_err(|_| self.problem("expected a number"))
    }

    fn digits(&mut self) -> Result<(), SyntaxProblem> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.problem("expected a digit"));
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.step();
        }
        Ok(())
    }

    /// Borrowed from the text where nothing in it is escaped.
    fn string(&mut self) -> Result<Cow<'t, str>, SyntaxProblem> {
        let begin = self.at;
        self.step();
        let mut string = Cow::Borrowed("");
        loop {
            let rest = self.rest();
            let run = rest
                .bytes()
                .position(|byte| matches!(byte, b'"' | b'\\') || byte < b' ')
                .and_then(|length| rest.get(..length));
            let Some(run) = run else {
                return Err(SyntaxProblem::syntax(begin, "a string does not end"));
            };
            string += run;
            self.pass(run);
            match self.peek() {
                Some(b'"') => {
                    self.step();
                    return Ok(string);
                }
                Some(b'\\') => string.to_mut().push(self.escape()?),
                _ => return Err(self.problem("a control character in a string must be escaped")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, SyntaxProblem> {
        self.step();
        let character = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.code_point(),
            _ => return Err(self.problem("an unknown escape")),
        };
        self.step();
        Ok(character)
    }

    /// `XXXX` after `\u`, and the second half of a surrogate pair.
    fn code_point(&mut self) -> Result<char, SyntaxProblem> {
        let first = self.four_digits()?;
        let code = if (0xd800..0xdc00).contains(&first) && self.rest().starts_with("\\u") {
            self.step();
            let second = self.four_digits()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(self.problem("half a surrogate pair"));
            }
            0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        char::from_u32(code).ok_or_else(|| self.problem("half a surrogate pair"))
    }

    fn four_digits(&mut self) -> Result<u32, SyntaxProblem> {
        self.step();
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.problem("expected four hexadecimal digits"));
            };
            code = code * 16 + digit;
            self.step();
        }
        Ok(code)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.step();
        }
    }

    fn takes(&mut self, byte: u8) -> bool {
        let taken = self.peek() == Some(byte);
        if taken {
            self.step();
        }
        taken
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.offset).copied()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    /// Past a part of the line.
    fn pass(&mut self, run: &str) {
        let columns = u32::try_from(run.chars().count()).unwrap_or(u32::MAX);
        self.at.column = self.at.column.saturating_add(columns);
        self.offset += run.len();
    }

    /// One byte further; the column moves once per character.
    fn step(&mut self) {
        match self.peek() {
            None => return,
            Some(b'\n') => {
                self.at = Place {
                    line: self.at.line.saturating_add(1),
                    column: 1,
                }
            }
            Some(0x80..=0xbf) => {}
            Some(_) => self.at.column = self.at.column.saturating_add(1),
        }
        self.offset += 1;
    }

    fn problem(&self, reason: &str) -> SyntaxProblem {
        SyntaxProblem::syntax(self.at, reason)
    }
}
