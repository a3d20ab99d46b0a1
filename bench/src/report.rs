//! The output of a benchmark: a table.

use crate::stats::median;

/// Figures, each compared with a baseline's.
#[derive(Debug)]
pub(crate) struct Report {
    conditions: Vec<(&'static str, String)>,
    /// Headings of the two columns of figures.
    columns: [&'static str; 2],
    rows: Vec<Row>,
}

/// One figure, whose name ends with its unit.
#[derive(Debug)]
pub(crate) struct Row {
    figure: String,
    baseline: Option<f64>,
    value: f64,
    ratio: Option<f64>,
    target: Option<Target>,
    note: Option<String>,
}

/// The bound that a figure should keep.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    AtMost(f64),
    RatioAtMost(f64),
    RatioAtLeast(f64),
}

impl Report {
    pub(crate) fn new(columns: [&'static str; 2]) -> Self {
        Self {
            conditions: Vec::new(),
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds a line above the table: what was measured, and under which conditions.
    pub(crate) fn condition(&mut self, name: &'static str, text: impl Into<String>) {
        self.conditions.push((name, text.into()));
    }

    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    pub(crate) fn print(&self) {
        for (name, text) in &self.conditions {
            println!("{name:<10} {text}");
        }
        let width = self.rows.iter().map(|row| row.figure.chars().count());
        let width = width.max().unwrap_or(0);
        let [baseline, value] = self.columns;
        println!(
            "\n{:<width$} | {baseline:>10} | {value:>10} | {:>6} | target",
            "figure", "ratio"
        );
        for row in &self.rows {
            println!("{}", row.line(width));
        }
    }
}

impl Row {
    pub(crate) fn new(figure: impl Into<String>, value: f64) -> Self {
        Self {
            figure: figure.into(),
            baseline: None,
            value,
            ratio: None,
            target: None,
            note: None,
        }
    }

    /// Creates a row from rounds, each of which measured the baseline and the server: the medians of the figures,
    /// and the median of the ratios. A round's two figures share what else the machine did meanwhile; medians of
    /// different rounds do not.
    pub(crate) fn of_rounds<T>(
        figure: impl Into<String>,
        rounds: &[[T; 2]],
        of: impl Fn(&T) -> f64,
    ) -> Self {
        let of_side = |side: usize| median(rounds.iter().map(|round| of(&round[side])));
        let ratios = rounds
            .iter()
            .map(|[baseline, server]| of(server) / of(baseline));
        let mut row = Self::new(figure, of_side(1)).baseline(of_side(0));
        row.ratio = Some(median(ratios)).filter(|ratio| ratio.is_finite());
        row
    }

    /// Sets the baseline's figure, and the ratio to it.
    pub(crate) fn baseline(mut self, baseline: f64) -> Self {
        self.baseline = Some(baseline);
        self.ratio = (baseline > 0.0).then_some(self.value / baseline);
        self
    }

    pub(crate) fn target(mut self, target: impl Into<Option<Target>>) -> Self {
        self.target = target.into();
        self
    }

    /// Adds a remark at the end of the line.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    fn line(&self, width: usize) -> String {
        let baseline = self.baseline.map_or(String::new(), format_number);
        let value = format_number(self.value);
        let ratio = self.ratio.map_or(String::new(), |r| format!("{r:.2}"));
        let (target, is_met) = match self.target {
            Some(Target::AtMost(bound)) => (format!("at most {bound}"), self.value <= bound),
            Some(Target::RatioAtMost(bound)) => (
                format!("ratio at most {bound}"),
                self.ratio.is_some_and(|ratio| ratio <= bound),
            ),
            Some(Target::RatioAtLeast(bound)) => (
                format!("ratio at least {bound}"),
                self.ratio.is_some_and(|ratio| ratio >= bound),
            ),
            None => (String::new(), true),
        };
        let outcome = match self.target {
            Some(_) if is_met => ": met",
            Some(_) => ": MISSED",
            None => "",
        };
        let note = self
            .note
            .as_ref()
            .map_or(String::new(), |n| format!("  ({n})"));
        let figure = &self.figure;
        let line = format!(
            "{figure:<width$} | {baseline:>10} | {value:>10} | {ratio:>6} | {target}{outcome}{note}"
        );
        line.trim_end().to_owned()
    }
}

/// Formats a number with about three significant digits.
fn format_number(number: f64) -> String {
    match number.abs() {
        size if size >= 1000.0 || number.fract() == 0.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_whether_its_target_is_met() {
        let row = Row::new("CPU", 3.0).baseline(2.0);
        assert_eq!(
            row.target(Target::RatioAtMost(1.3)).line(5),
            "CPU   |          2 |          3 |   1.50 | ratio at most 1.3: MISSED"
        );
        let row = Row::new("p99", 99.96).target(Target::AtMost(100.0));
        assert_eq!(
            row.line(5),
            "p99   |            |      100.0 |        | at most 100: met"
        );
    }
}
