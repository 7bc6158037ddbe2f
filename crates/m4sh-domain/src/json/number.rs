//! Numbers: how they are read, and how they are written the way Python writes them.
//! Called by the parser and the writer. Never rounds an integer.

use std::fmt::{self, Write as _};

use super::{Int, Value};

/// The value of a number whose grammar was checked; `fractional` when it has a fraction or an exponent.
/// `None` when it is beyond every double.
pub(super) fn read(digits: &str, fractional: bool) -> Option<Value> {
    if fractional {
        return digits.parse().ok().filter(|value: &f64| value.is_finite()).map(Value::Float);
    }
    Some(Value::Int(digits.parse().map_or_else(|_| Int::Big(digits.into()), Int::Small)))
}

/// Appends an integer in decimal.
pub(super) fn write_int(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a finite double as Python's `repr` writes it: the shortest digits that read back as the same
/// double, with an exponent below 1e-4 and from 1e16 on.
pub(super) fn write_float(value: f64, out: &mut Vec<u8>) {
    if write_short(value, out) {
        return;
    }
    let mut text = Text::default();
    let size = value.abs();
    if size == 0.0 || (1e-4..1e16).contains(&size) {
        let _ = write!(text, "{value:?}");
        let places = text.as_bytes().iter().rev().position(|byte| *byte == b'.').unwrap_or(0);
        text.break_tie(text.len, places, value);
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let _ = write!(text, "{value:e}");
    let mark = text.as_bytes().iter().position(|byte| *byte == b'e').unwrap_or(text.len);
    let exponent: i32 = std::str::from_utf8(&text.as_bytes()[mark..]).map_or(0, |e| e[1..].parse().unwrap_or(0));
    let fraction = text.as_bytes()[..mark].iter().rev().position(|byte| *byte == b'.').unwrap_or(0);
    if let Some(places) = fraction.checked_add_signed(-exponent as isize) {
        text.break_tie(mark, places, value);
    }
    out.extend_from_slice(&text.as_bytes()[..mark]);
    out.extend_from_slice(if exponent < 0 { b"e-" } else { b"e+" });
    if exponent.abs() < 10 {
        out.push(b'0');
    }
    write_int(exponent.abs().into(), out);
}

/// Writes a double that has few decimal places, as coordinates do, and says whether it did. The quotient of two
/// exact doubles is the double nearest to the decimal fraction, and a fraction of at most 15 digits that reads
/// back is the only one as short, so the first that fits is what the slow way finds.
#[expect(clippy::float_cmp, reason = "exact equality is required")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    reason = "below 1e15, so exact in every type; a digit is below 10"
)]
fn write_short(value: f64, out: &mut Vec<u8>) -> bool {
    let size = value.abs();
    if size == 0.0 || size >= 1e11 {
        return false;
    }
    for (places, scale) in [(1, 10_u64), (2, 100), (3, 1_000), (4, 10_000)] {
        let scaled = (size * scale as f64).round();
        if scaled / scale as f64 != size {
            continue;
        }
        let scaled = scaled as u64;
        if value < 0.0 {
            out.push(b'-');
        }
        write_int((scaled / scale) as i64, out);
        out.push(b'.');
        let mut rest = scaled % scale;
        let mut divisor = scale;
        for _ in 0..places {
            divisor /= 10;
            out.push(b'0' + (rest / divisor) as u8);
            rest %= divisor;
        }
        return true;
    }
    false
}

/// Room for any `i64` and for any double's shortest digits, without the heap.
#[derive(Default)]
struct Text {
    bytes: [u8; 32],
    len: usize,
}

impl Text {
    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Of two shortest texts that are equally near to the double, Rust takes the upper one and Python the
    /// one with the even last digit. They are equally near exactly when the double, which is an odd number
    /// divided by 2^n and so has n decimal places, has one place more than the text. `end` is where the
    /// text's last digit ends.
    fn break_tie(&mut self, end: usize, places: usize, value: f64) {
        let bits = value.to_bits();
        let (exponent, fraction) = ((bits >> 52) & 0x7ff, bits & ((1 << 52) - 1));
        let (exponent, mantissa) = if exponent == 0 { (1, fraction) } else { (exponent, fraction | 1 << 52) };
        let power = i64::from(mantissa.trailing_zeros()) + exponent.cast_signed() - 1075;
        if places > 0 && power == -i64::try_from(places).unwrap_or(i64::MAX) - 1 && self.bytes[end - 1] % 2 == 1 {
            self.bytes[end - 1] -= 1;
        }
    }
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.len + text.len();
        self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.len = end;
        Ok(())
    }
}
