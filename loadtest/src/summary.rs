//! All rounds of a suite: medians with their range, ratios of the same round, and goals.
//! Filled by `suite`, printed once. Never drops a round.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};

use crate::{
    report::{Report, shown},
    suite_plan::{GOALS, Goal},
};

/// Values of one figure, a round each.
#[derive(Clone, Debug, Default)]
struct Values {
    list: Vec<f64>,
    unit: &'static str,
}

impl Values {
    fn median(&self) -> f64 {
        let mut sorted = self.list.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        match sorted.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        }
    }

    fn text(&self) -> String {
        let least = self.list.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.list.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let median = shown(self.median());
        if self.list.len() < 2 { median } else { format!("{median} [{}-{}]", shown(least), shown(most)) }
    }
}

/// Figures by name, in the order in which they came.
type Figures = Vec<(String, Values)>;

/// What a suite found.
#[derive(Default)]
pub struct Summary {
    /// Run, server, figures.
    runs: Vec<(&'static str, &'static str, Figures)>,
    /// Broken promises, with the run they belong to.
    pub failures: Vec<String>,
    doubts: BTreeMap<String, u64>,
    /// Seconds that the whole suite took.
    pub seconds: f64,
}

impl Summary {
    /// Adds one round of a run on one server (`side`).
    pub fn add(&mut self, part: &'static str, side: &'static str, report: &Report) {
        let at = self.runs.iter().position(|run| (run.0, run.1) == (part, side)).unwrap_or_else(|| {
            self.runs.push((part, side, Vec::new()));
            self.runs.len() - 1
        });
        for figure in &report.figures {
            let figures = &mut self.runs[at].2;
            let place = figures.iter().position(|(name, _)| *name == figure.name).unwrap_or_else(|| {
                figures.push((figure.name.clone(), Values { list: Vec::new(), unit: figure.unit }));
                figures.len() - 1
            });
            figures[place].1.list.push(figure.value);
        }
        self.failures.extend(report.failures.iter().map(|failure| format!("{part} {side}: {failure}")));
        for doubt in &report.doubts {
            *self.doubts.entry(format!("{part} {side}: {doubt}")).or_default() += 1;
        }
    }

    fn values(&self, part: &str, side: &str, figure: &str) -> Option<Values> {
        let run = self.runs.iter().find(|run| (run.0, run.1) == (part, side))?;
        run.2.iter().find(|(name, _)| name == figure).map(|(_, values)| values.clone())
    }

    /// m4sh over relay, round by round.
    fn ratio(&self, part: &str) -> Option<Values> {
        let (ours, relay) =
            (self.values(part, "m4sh", "server_s_per_million")?, self.values(part, "relay", "server_s_per_million")?);
        let list = ours.list.iter().zip(&relay.list).map(|(ours, relay)| ours / relay).collect();
        Some(Values { list, unit: "x" })
    }

    fn goal_value(&self, goal: &Goal) -> Option<Values> {
        match goal.figure {
            "ratio" => self.ratio(goal.part),
            "cost_against_1kb" => {
                let cost = |part| self.values(part, "m4sh", "server_us_per_save");
                let list = vec![cost(goal.part)?.median() / cost("rest_1kb")?.median()];
                Some(Values { list, unit: "x" })
            }
            figure => self.values(goal.part, "m4sh", figure),
        }
    }

    fn goals(&self) -> Vec<(&'static Goal, Values, bool)> {
        let judged = |goal: &'static Goal| {
            let values = self.goal_value(goal)?;
            let median = values.median();
            let met = if goal.at_least { median >= goal.bound } else { median <= goal.bound };
            Some((goal, values, met))
        };
        GOALS.iter().filter_map(judged).collect()
    }

    /// Goals that were missed.
    pub fn missed(&self) -> usize {
        self.goals().iter().filter(|(_, _, met)| !met).count()
    }

    /// Everything, to be read by people.
    pub fn tables(&self) -> String {
        let mut text = String::new();
        let mut rows = vec![
            ["run", "relay s/M", "m4sh s/M", "m4sh / relay", "p50 ms", "p99 ms", "relay p99", "delivered %", "core %"]
                .map(str::to_owned),
        ];
        for (part, _, _) in self.runs.iter().filter(|run| run.1 == "relay") {
            let get =
                |side, figure| self.values(part, side, figure).map_or_else(|| "-".to_owned(), |values| values.text());
            rows.push([
                (*part).to_owned(),
                get("relay", "server_s_per_million"),
                get("m4sh", "server_s_per_million"),
                self.ratio(part).map_or_else(|| "-".to_owned(), |values| values.text()),
                get("m4sh", "latency_p50"),
                get("m4sh", "latency_p99"),
                get("relay", "latency_p99"),
                get("m4sh", "delivered_share"),
                get("m4sh", "server_cpu"),
            ]);
        }
        if rows.len() > 1 {
            text.push_str("\nFan-out: server CPU seconds per million cursors delivered to others, median [min-max]\n");
            push_rows(&mut text, &rows);
        }
        for (part, side, figures) in &self.runs {
            let _ = writeln!(text, "\n{part}, {side}");
            let rows: Vec<_> = figures.iter().map(|(name, v)| [name.clone(), v.text(), v.unit.to_owned()]).collect();
            push_rows(&mut text, &rows);
        }
        let goals = self.goals();
        if !goals.is_empty() {
            text.push_str("\nGoals\n");
            let row = |(goal, values, met): &(&Goal, Values, bool)| {
                let (sign, verdict) = (if goal.at_least { ">=" } else { "<=" }, if *met { "met" } else { "MISSED" });
                let bound = format!("{sign} {} {}", shown(goal.bound), values.unit);
                [format!("{} {}", goal.part, goal.figure), values.text(), bound, verdict.to_owned()]
            };
            push_rows(&mut text, &goals.iter().map(row).collect::<Vec<_>>());
        }
        for (doubt, rounds) in &self.doubts {
            let _ = writeln!(text, "doubtful ({rounds} rounds): {doubt}");
        }
        for failure in &self.failures {
            let _ = writeln!(text, "FAILED: {failure}");
        }
        let _ = writeln!(text, "\n{:.0} s in all", self.seconds);
        text
    }

    /// Everything, to be read by scripts.
    pub fn json(&self) -> Value {
        let mut runs: BTreeMap<&str, BTreeMap<&str, BTreeMap<&str, Value>>> = BTreeMap::new();
        for (part, side, figures) in &self.runs {
            let into = runs.entry(part).or_default().entry(side).or_default();
            for (name, values) in figures {
                into.insert(name, json!({"median": values.median(), "rounds": values.list, "unit": values.unit}));
            }
        }
        let ratios: BTreeMap<_, _> = self.runs.iter().filter_map(|run| Some((run.0, self.ratio(run.0)?))).collect();
        let ratios: BTreeMap<_, _> =
            ratios.iter().map(|(part, v)| (part, json!({"median": v.median(), "rounds": v.list}))).collect();
        let goal = |(goal, values, met): &(&Goal, Values, bool)| {
            json!({"run": goal.part, "figure": goal.figure, "median": values.median(), "bound": goal.bound,
                   "at_least": goal.at_least, "met": met})
        };
        let goals: Vec<_> = self.goals().iter().map(goal).collect();
        json!({"runs": runs, "ratios": ratios, "goals": goals, "doubts": self.doubts, "failures": self.failures,
               "seconds": self.seconds})
    }
}

fn push_rows<const N: usize>(text: &mut String, rows: &[[String; N]]) {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.len());
        }
    }
    for row in rows {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "  {}", cells.join("  ").trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(cost: f64) -> Report {
        let mut report = Report::new("");
        report.add("server_s_per_million", cost, "s");
        report
    }

    #[test]
    fn ratios_are_taken_within_a_round_and_the_median_is_judged() {
        let mut summary = Summary::default();
        for (relay, ours) in [(0.2, 0.3), (0.4, 0.4), (0.2, 0.5)] {
            summary.add("s2", "relay", &round(relay));
            summary.add("s2", "m4sh", &round(ours));
        }
        assert!((summary.ratio("s2").unwrap().median() - 1.5).abs() < 1e-9);
        assert_eq!(summary.missed(), 0);
        summary.add("s2", "relay", &round(0.1));
        summary.add("s2", "m4sh", &round(0.9));
        summary.add("s2", "relay", &round(0.1));
        summary.add("s2", "m4sh", &round(0.9));
        assert_eq!(summary.missed(), 1);
        assert!(summary.tables().contains("MISSED"));
        assert_eq!(summary.json()["goals"][0]["met"], false);
    }

    #[test]
    fn an_even_number_of_rounds_has_its_median_between_the_two_in_the_middle() {
        let values = Values { list: vec![4.0, 1.0, 2.0, 3.0], unit: "" };
        assert!((values.median() - 2.5).abs() < 1e-9);
        assert_eq!(values.text(), "2.500 [1-4]");
    }
}
