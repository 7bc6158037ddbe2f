//! Cuts canonical text into its members or elements without building values.
//! Called by `board`, which keeps canonical bytes. Trusts that the text is canonical: on any other text it
//! says [`NotCanonical`] or cuts at odd places, but never panics and never loops.

use std::borrow::Cow;

use super::{parse, scan};

/// The text is not the canonical text of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not canonical JSON")]
pub struct NotCanonical;

/// The members of a canonical object: key and canonical value, in the order of the keys.
pub(crate) fn members(text: &[u8]) -> Result<MemberIter<'_>, NotCanonical> {
    Ok(MemberIter(ValueSpan::open(text, b'{', b'}')?))
}

/// The elements of a canonical array.
pub(crate) fn elements(text: &[u8]) -> Result<ElementIter<'_>, NotCanonical> {
    Ok(ElementIter(ValueSpan::open(text, b'[', b']')?))
}

/// See [`members`].
pub(crate) struct MemberIter<'a>(ValueSpan<'a>);

impl<'a> Iterator for MemberIter<'a> {
    type Item = Result<(Cow<'a, str>, &'a [u8]), NotCanonical>;

    fn next(&mut self) -> Option<Self::Item> {
        let cut = &mut self.0;
        cut.next_with(|cut| {
            let quoted = cut.string()?;
            if cut.text.get(cut.at) != Some(&b':') {
                return Err(NotCanonical);
            }
            cut.at += 1;
            Ok((unquote(quoted)?, cut.value()?))
        })
    }
}

/// See [`elements`].
pub(crate) struct ElementIter<'a>(ValueSpan<'a>);

impl<'a> Iterator for ElementIter<'a> {
    type Item = Result<&'a [u8], NotCanonical>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next_with(ValueSpan::value)
    }
}

/// The text of a canonical string with its quotes.
pub(crate) fn unquote(quoted: &[u8]) -> Result<Cow<'_, str>, NotCanonical> {
    let inner = quoted.get(1..quoted.len().saturating_sub(1)).ok_or(NotCanonical)?;
    if scan::printable(inner) == inner.len() {
        return std::str::from_utf8(inner).map(Cow::Borrowed).map_err(|_| NotCanonical);
    }
    parse::unquote(quoted).map(Cow::Owned).ok_or(NotCanonical)
}

struct ValueSpan<'a> {
    text: &'a [u8],
    at: usize,
    close: u8,
    first: bool,
    done: bool,
}

impl<'a> ValueSpan<'a> {
    fn open(text: &'a [u8], open: u8, close: u8) -> Result<Self, NotCanonical> {
        if text.first() == Some(&open) && text.len() >= 2 {
            Ok(Self { text, at: 1, close, first: true, done: false })
        } else {
            Err(NotCanonical)
        }
    }

    fn next_with<T>(&mut self, read: fn(&mut Self) -> Result<T, NotCanonical>) -> Option<Result<T, NotCanonical>> {
        if self.done {
            return None;
        }
        let next = self.text.get(self.at).copied();
        if next == Some(self.close) {
            self.done = true;
            return (self.at + 1 != self.text.len()).then_some(Err(NotCanonical));
        }
        if !self.first {
            if next != Some(b',') {
                self.done = true;
                return Some(Err(NotCanonical));
            }
            self.at += 1;
        }
        self.first = false;
        let item = read(self);
        self.done = item.is_err();
        Some(item)
    }

    fn string(&mut self) -> Result<&'a [u8], NotCanonical> {
        let start = self.at;
        self.at = string_end(self.text, start).ok_or(NotCanonical)?;
        Ok(&self.text[start..self.at])
    }

    fn value(&mut self) -> Result<&'a [u8], NotCanonical> {
        let start = self.at;
        self.at = value_end(self.text, start).ok_or(NotCanonical)?;
        Ok(&self.text[start..self.at])
    }
}

fn string_end(text: &[u8], start: usize) -> Option<usize> {
    if text.get(start) != Some(&b'"') {
        return None;
    }
    let mut at = start + 1;
    loop {
        at += scan::plain(text.get(at..)?);
        match text.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => return None,
        }
    }
}

fn value_end(text: &[u8], start: usize) -> Option<usize> {
    match text.get(start)? {
        b'"' => string_end(text, start),
        b'{' | b'[' => {
            let (mut at, mut depth) = (start, 0_usize);
            loop {
                match text.get(at)? {
                    b'"' => {
                        at = string_end(text, at)?;
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return Some(at + 1);
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
        }
        _ => {
            let len = text[start..].iter().take_while(|byte| !matches!(byte, b',' | b'}' | b']')).count();
            (len > 0).then_some(start + len)
        }
    }
}
