//! What a run found: named figures, printed as an aligned table and written as JSON; and what went wrong.
//! Every subcommand makes one. Never computes: figures arrive ready.

use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

use hdrhistogram::Histogram;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::{
    cpu::Moment,
    problem::{Outcome, Problem},
};

/// One figure.
#[derive(Clone, Serialize, Debug)]
pub struct Figure {
    /// Its name, stable across versions: scripts read it.
    pub name: String,
    /// Its value.
    pub value: f64,
    /// Its unit, as printed.
    pub unit: &'static str,
}

/// The figures of one run.
#[derive(Default, Clone, Debug)]
pub struct Report {
    /// What was run, for the heading.
    pub title: String,
    /// The figures, in the order of printing.
    pub figures: Vec<Figure>,
    /// Promises that were broken: any makes the command fail.
    pub failures: Vec<String>,
    /// Circumstances that make the figures doubtful.
    pub doubts: Vec<String>,
}

/// A histogram of microseconds up to ten minutes, three digits exact.
///
/// # Errors
/// Never in practice: the bounds are constants.
pub fn histogram() -> Outcome<Histogram<u64>> {
    Histogram::new_with_bounds(1, 600_000_000, 3).map_err(|error| Problem::new(error.to_string()))
}

impl Report {
    /// An empty report.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds a figure.
    pub fn add(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.figures.push(Figure { name: name.into(), value, unit });
    }

    /// Adds p50, p90, p99, p99.9 and the maximum of microseconds, in milliseconds.
    pub fn add_latency(&mut self, name: &str, histogram: &Histogram<u64>) {
        if histogram.is_empty() {
            return;
        }
        for (suffix, quantile) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            self.add(format!("{name}_{suffix}"), histogram.value_at_quantile(quantile) as f64 / 1e3, "ms");
        }
    }

    /// Adds what server, PostgreSQL and generator used between two moments, also per million of `done`.
    pub fn add_cpu(&mut self, before: &Moment, after: &Moment, seconds: f64, done: u64, per: &'static str) {
        let million = done as f64 / 1e6;
        if let Some(used) = after.server_seconds(before) {
            self.add("server_cpu", used / seconds * 100.0, "% of a core");
            if done > 0 {
                self.add("server_s_per_million", used / million, per);
            }
        }
        if let Some(used) = after.postgres_seconds(before) {
            self.add("postgres_cpu", used / seconds * 100.0, "% of a core");
            if done > 0 {
                self.add("postgres_s_per_million", used / million, per);
            }
        }
        if let Some(server) = after.server {
            self.add("server_rss", server.rss_kib as f64 / 1024.0, "MiB");
        }
        let own = after.own_seconds(before) / seconds * 100.0;
        self.add("generator_cpu", own, "% of a core");
        let others = after.others_seconds(before) / seconds * 100.0;
        self.add("others_cpu", others, "% of a core");
        // Without a pid the server's own work is among the others'.
        if others > 25.0 && after.server.is_some() {
            self.doubts.push("other programs kept the machine busy: only CPU figures mean something".to_owned());
        }
        if own > 90.0 {
            self.doubts.push(format!("the generator itself was {own:.0} % busy: latencies include its own"));
        }
    }

    /// Notes closes that the run did not ask for.
    pub fn add_closes(&mut self, closes: &BTreeMap<u16, u64>) {
        let total: u64 = closes.values().sum();
        self.add("unexpected_closes", total as f64, "sockets");
        for (code, count) in closes {
            self.failures.push(format!("{count} sockets were closed with {code}"));
        }
    }

    /// Notes a broken promise when `count` is not zero.
    pub fn forbid(&mut self, count: u64, what: &str) {
        if count > 0 {
            self.failures.push(format!("{count} {what}"));
        }
    }

    /// The figure of that name, for tests.
    #[cfg(test)]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    /// The table.
    pub fn table(&self) -> String {
        let width = self.figures.iter().map(|figure| figure.name.len()).max().unwrap_or(0);
        let mut text = format!("{}\n", self.title);
        for Figure { name, value, unit } in &self.figures {
            let _ = writeln!(text, "  {name:width$}  {:>14}  {unit}", shown(*value));
        }
        for doubt in &self.doubts {
            let _ = writeln!(text, "  doubtful: {doubt}");
        }
        for failure in &self.failures {
            let _ = writeln!(text, "  FAILED: {failure}");
        }
        text
    }

    /// The same as JSON.
    pub fn json(&self) -> Value {
        let figures: Map<_, _> = self.figures.iter().map(|f| (f.name.clone(), json!(f.value))).collect();
        json!({ "title": self.title, "figures": figures, "doubts": self.doubts, "failures": self.failures })
    }

    /// Prints the table and writes `file`, when one is wanted.
    ///
    /// # Errors
    /// When the file cannot be written, and when the run broke a promise.
    pub fn finish(&self, file: Option<&Path>) -> Outcome<()> {
        print!("{}", self.table());
        if let Some(file) = file {
            write_json(file, &self.json())?;
        }
        if self.failures.is_empty() { Ok(()) } else { Err(Problem::new("the run broke a promise (see FAILED above)")) }
    }
}

/// Writes a JSON file for scripts.
///
/// # Errors
/// When it cannot be written.
pub fn write_json(file: &Path, value: &Value) -> Outcome<()> {
    fs::write(file, format!("{value:#}\n")).map_err(|error| Problem::new(format!("{}: {error}", file.display())))
}

/// A number with as many digits as anybody reads.
pub fn shown(value: f64) -> String {
    match value.abs() {
        _ if value.fract() == 0.0 && value.abs() < 1e15 => grouped(value),
        large if large >= 1000.0 => grouped(value.round()),
        large if large >= 10.0 => format!("{value:.1}"),
        large if large >= 0.1 => format!("{value:.3}"),
        _ => format!("{value:.5}"),
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = String::from(if value < 0.0 { "-" } else { "" });
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_the_digits_that_matter() {
        let pairs = [(0.0, "0"), (1_740_000.0, "1,740,000"), (-1234.5, "-1,235"), (26.64, "26.6"), (0.275, "0.275")];
        for (value, text) in pairs {
            assert_eq!(shown(value), text);
        }
        assert_eq!(shown(0.0275), "0.02750");
    }

    #[test]
    fn a_broken_promise_fails_the_command_and_stands_in_the_table() {
        let mut report = Report::new("a run");
        report.add("delivered", 100.0, "%");
        report.forbid(0, "cursors were lost");
        assert!(report.failures.is_empty());
        report.forbid(3, "cursors were lost");
        assert!(report.table().contains("FAILED: 3 cursors were lost"));
        assert!(report.finish(None).is_err());
        assert_eq!(report.json()["figures"]["delivered"], 100.0);
    }
}
