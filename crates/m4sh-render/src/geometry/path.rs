//! A path as SVG's path data, written with as few digits as its precision needs. Called by `smooth`, `outline` and `svg`.
//! Rounding does not accumulate: every step is the difference of two rounded points.

use super::Point;

/// Path data. Coordinates are kept in hundredths of a unit.
#[derive(Default, Debug)]
pub struct VectorPath {
    data: Vec<u8>,
    at: (i64, i64),
    last: u8,
}

impl VectorPath {
    /// The text so far.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Clears the path and keeps its buffer.
    pub fn clear(&mut self) {
        self.data.clear();
        self.at = (0, 0);
        self.last = 0;
    }

    pub fn move_to(&mut self, to: Point) {
        self.data.push(b'M');
        self.last = b'M';
        let (x, y) = (hundredths(to.x), hundredths(to.y));
        self.number(x, true);
        self.number(y, false);
        self.at = (x, y);
    }

    pub fn line_to(&mut self, to: Point) {
        self.command(b'l');
        self.step(to, true, true);
    }

    /// A quadratic curve.
    pub fn curve_to(&mut self, control: Point, to: Point) {
        let fresh = self.command(b'q');
        self.step(control, fresh, false);
        self.step(to, false, true);
    }

    /// A half or smaller circle with this radius, clockwise as seen on a screen.
    pub fn arc_to(&mut self, radius: f32, to: Point) {
        let fresh = self.command(b'a');
        let radius = hundredths(radius).max(1);
        self.number(radius, fresh);
        self.number(radius, false);
        self.data.extend_from_slice(b" 0 0 1");
        self.step(to, false, true);
    }

    /// A whole circle.
    pub fn circle(&mut self, center: Point, radius: f32) {
        self.move_to(Point::new(center.x - radius, center.y));
        self.arc_to(radius, Point::new(center.x + radius, center.y));
        self.arc_to(radius, Point::new(center.x - radius, center.y));
        self.close();
    }

    pub fn close(&mut self) {
        self.data.push(b'z');
        self.last = b'z';
    }

    /// Writes a command's letter unless it repeats; returns whether it was written.
    fn command(&mut self, letter: u8) -> bool {
        let fresh = self.last != letter;
        if fresh {
            self.data.push(letter);
            self.last = letter;
        }
        fresh
    }

    /// Writes `to` relative to the current point, which moves there if `moves`.
    fn step(&mut self, to: Point, fresh: bool, moves: bool) {
        let to = (hundredths(to.x), hundredths(to.y));
        let (dx, dy) = (to.0 - self.at.0, to.1 - self.at.1);
        let fresh = fresh && self.data.last().is_some_and(u8::is_ascii_alphabetic);
        self.number(dx, fresh);
        self.number(dy, false);
        if moves {
            self.at = to;
        }
    }

    fn number(&mut self, value: i64, first: bool) {
        if !first && value >= 0 {
            self.data.push(b' ');
        }
        write_hundredths(&mut self.data, value);
    }
}

/// Rounds to hundredths; what is far outside any page is clamped.
#[must_use]
pub fn hundredths(value: f32) -> i64 {
    // Bounded first, so that the cast is exact.
    (f64::from(value).clamp(-1e7, 1e7) * 100.0).round() as i64
}

/// Appends a number of hundredths as a decimal without needless digits.
pub fn write_hundredths(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    let value = value.unsigned_abs();
    let (whole, part) = (value / 100, value % 100);
    if whole > 0 || part == 0 {
        let mut digits = [0u8; 20];
        let (mut at, mut rest) = (digits.len(), whole);
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        out.extend_from_slice(&digits[at..]);
    }
    if part > 0 {
        out.push(b'.');
        out.push(b'0' + (part / 10) as u8);
        if part % 10 > 0 {
            out.push(b'0' + (part % 10) as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f32) -> String {
        let mut out = Vec::new();
        write_hundredths(&mut out, hundredths(value));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_short_and_rounded() {
        let all = [0.0, -0.0, 1.0, -1.5, 0.25, -0.04, 123.456, 1e6, 0.001, 7.999, 1e30, -1e30].map(text);
        let expected = ["0", "0", "1", "-1.5", ".25", "-.04", "123.46", "1000000", "0", "8", "10000000", "-10000000"];
        assert_eq!(all, expected);
    }

    #[test]
    fn steps_never_add_their_rounding_up() {
        let mut path = VectorPath::default();
        path.move_to(Point::new(0.0, 0.0));
        for step in 1..=300 {
            path.line_to(Point::new(step as f32 / 300.0, -step as f32 / 300.0));
        }
        let text = String::from_utf8(path.data().to_vec()).unwrap();
        let steps = text.strip_prefix("M0 0l").unwrap().replace('-', " -");
        let total: f64 = steps.split_whitespace().step_by(2).map(|number| number.parse::<f64>().unwrap()).sum();
        assert!((total - 1.0).abs() < 1e-9, "{total}");
    }

    #[test]
    fn commands_are_written_once_for_a_run() {
        let mut path = VectorPath::default();
        path.move_to(Point::new(1.0, 2.0));
        path.curve_to(Point::new(2.0, 2.0), Point::new(3.0, 1.0));
        path.curve_to(Point::new(4.0, 0.0), Point::new(3.0, 3.0));
        path.close();
        assert_eq!(String::from_utf8_lossy(path.data()), "M1 2q1 0 2-1 1-1 0 2z");
    }
}
