//! Strict JSON in, values out, within bounds. Called for every body and text frame that holds board content.
//! Never recurses deeper than its bound, never allocates by a length that the text merely claims.

use super::{Object, Value, number, scan};
use crate::limits;

/// How much of a text is looked at before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Arrays and objects inside each other.
    pub depth: usize,
    /// Values and keys together.
    pub nodes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { depth: limits::JSON_DEPTH, nodes: limits::JSON_NODES }
    }
}

/// Why a text is not acceptable JSON; the message is fit for the client that sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// Not the grammar of RFC 8259, or a value that a board cannot keep.
    #[error("{what} at byte {offset}")]
    Syntax {
        /// What is wrong there.
        what: &'static str,
        /// Where, from the start of the text.
        offset: usize,
    },
    /// Arrays and objects nested deeper than the bound.
    #[error("nested deeper than {limit} levels at byte {offset}")]
    TooDeep {
        /// The bound.
        limit: usize,
        /// Where it was passed.
        offset: usize,
    },
    /// More values than the bound.
    #[error("more than {limit} values at byte {offset}")]
    TooManyNodes {
        /// The bound.
        limit: usize,
        /// Where it was passed.
        offset: usize,
    },
}

impl Value {
    /// Reads one JSON text with nothing but white space around it.
    ///
    /// # Errors
    /// What RFC 8259 does not allow, and what a board cannot keep: numbers beyond every double or longer than
    /// `limits::NUMBER_CHARS`, lone surrogates, U+0000; and more depth or nodes than `bounds` allows.
    pub fn parse(text: &[u8], bounds: Bounds) -> Result<Self, JsonError> {
        let text = std::str::from_utf8(text)
            .map_err(|fault| JsonError::Syntax { what: "not UTF-8", offset: fault.valid_up_to() })?;
        let mut parser = Parser { text, at: 0, depth: 0, nodes: 0, bounds };
        let value = parser.value()?;
        parser.skip_space();
        if parser.at < text.len() {
            return Err(parser.fault("the end was expected"));
        }
        Ok(value)
    }
}

/// The text of a canonical string with its quotes; `None` when it is none.
pub(super) fn unquote(quoted: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(quoted).ok()?;
    let mut parser = Parser { text, at: 0, depth: 0, nodes: 0, bounds: Bounds::default() };
    let string = (parser.next_byte() == Some(b'"')).then(|| parser.string().ok())??;
    (parser.at == text.len()).then_some(string)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    nodes: usize,
    bounds: Bounds,
}

impl<'a> Parser<'a> {
    fn bytes(&self) -> &'a [u8] {
        self.text.as_bytes()
    }

    fn peek(&self) -> Option<u8> {
        self.bytes().get(self.at).copied()
    }

    fn next_byte(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    fn fault(&self, what: &'static str) -> JsonError {
        JsonError::Syntax { what, offset: self.at }
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn count_node(&mut self) -> Result<(), JsonError> {
        self.nodes += 1;
        if self.nodes > self.bounds.nodes {
            return Err(JsonError::TooManyNodes { limit: self.bounds.nodes, offset: self.at });
        }
        Ok(())
    }

    fn value(&mut self) -> Result<Value, JsonError> {
        self.skip_space();
        self.count_node()?;
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => {
                self.at += 1;
                self.string().map(Value::String)
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            _ => Err(self.fault("a value was expected")),
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, JsonError> {
        if !self.bytes()[self.at..].starts_with(word.as_bytes()) {
            return Err(self.fault("a value was expected"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value, JsonError>) -> Result<Value, JsonError> {
        if self.depth == self.bounds.depth {
            return Err(JsonError::TooDeep { limit: self.bounds.depth, offset: self.at });
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value, JsonError> {
        let mut elements = Vec::new();
        self.skip_space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(elements));
        }
        loop {
            elements.push(self.value()?);
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.fault("`,` or `]` was expected")),
            }
        }
        self.at += 1;
        Ok(Value::Array(elements))
    }

    fn object(&mut self) -> Result<Value, JsonError> {
        let mut members = Vec::new();
        self.skip_space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(Object::default()));
        }
        loop {
            self.skip_space();
            if self.peek() != Some(b'"') {
                return Err(self.fault("a key was expected"));
            }
            self.at += 1;
            self.count_node()?;
            let key = self.string()?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.fault("`:` was expected"));
            }
            self.at += 1;
            members.push((key, self.value()?));
            self.skip_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.fault("`,` or `}` was expected")),
            }
        }
        self.at += 1;
        Ok(Value::Object(Object::from_unsorted(members)))
    }

    fn number(&mut self) -> Result<Value, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        let mut fractional = false;
        if self.peek() == Some(b'.') {
            self.at += 1;
            fractional = true;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            fractional = true;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        if self.at - start > limits::NUMBER_CHARS {
            return Err(JsonError::Syntax { what: "a number with too many digits", offset: start });
        }
        // Both ends are next to ASCII, so they are characters' borders.
        number::read(&self.text[start..self.at], fractional)
            .ok_or(JsonError::Syntax { what: "a number beyond every double", offset: start })
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let count = self.bytes()[self.at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.fault("a digit was expected"));
        }
        self.at += count;
        Ok(())
    }

    /// The rest of a string after its opening quote.
    fn string(&mut self) -> Result<String, JsonError> {
        let mut string = String::new();
        loop {
            let start = self.at;
            self.at += scan::plain(&self.bytes()[start..]);
            // A run ends before an ASCII byte or with the text, so both ends are characters' borders.
            let run = &self.text[start..self.at];
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    if string.is_empty() {
                        return Ok(run.to_owned());
                    }
                    string.push_str(run);
                    return Ok(string);
                }
                Some(b'\\') => {
                    string.push_str(run);
                    self.at += 1;
                    string.push(self.escape()?);
                }
                Some(_) => return Err(self.fault("a control character inside a string")),
                None => return Err(self.fault("an unfinished string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let fault = self.fault("an unknown escape");
        Ok(match self.next_byte() {
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'b') => '\u{8}',
            Some(b't') => '\t',
            Some(b'n') => '\n',
            Some(b'f') => '\u{c}',
            Some(b'r') => '\r',
            Some(b'u') => return self.unicode(),
            _ => return Err(fault),
        })
    }

    fn unicode(&mut self) -> Result<char, JsonError> {
        let lone = self.fault("a lone surrogate");
        let high = self.hex()?;
        let code = if (0xd800..0xdc00).contains(&high) {
            if !self.bytes()[self.at..].starts_with(b"\\u") {
                return Err(lone);
            }
            self.at += 2;
            let low = self.hex()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(lone);
            }
            0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00)
        } else {
            high
        };
        match char::from_u32(code) {
            Some('\0') => Err(self.fault("U+0000 is not allowed")),
            Some(character) => Ok(character),
            None => Err(lone),
        }
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let fault = self.fault("four hexadecimal digits were expected");
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.next_byte().and_then(|byte| char::from(byte).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| fault.clone())?;
        }
        Ok(code)
    }
}
