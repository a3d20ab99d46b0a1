//! What was seen, as a table for people and as JSON.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Value, json};

/// All figures, a base and what is measured against it side by side.
#[derive(Debug)]
pub(crate) struct Report {
    /// What the figures were seen with.
    about: Vec<(&'static str, String)>,
    /// The name of the base, and of what is measured.
    columns: [&'static str; 2],
    rows: Vec<Row>,
}

/// One figure.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    figure: String,
    base: Option<f64>,
    measured: Option<f64>,
    ratio: Option<f64>,
    /// What it should be.
    limit: Option<Limit>,
    /// Whether it is.
    met: Option<bool>,
    /// What is no number.
    remark: Option<String>,
}

/// What a figure should be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    /// At most so much.
    Figure(f64),
    /// At most so many times the base.
    Ratio(f64),
    /// No less than so much.
    Least(f64),
    /// No less than so many times the base.
    LeastRatio(f64),
}

impl Report {
    pub(crate) fn new(columns: [&'static str; 2]) -> Self {
        Self {
            about: Vec::new(),
            columns,
            rows: Vec::new(),
        }
    }

    /// Adds what the figures were seen with.
    pub(crate) fn about(&mut self, what: &'static str, text: impl Into<String>) {
        self.about.push((what, text.into()));
    }

    /// Adds a figure.
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Prints the table; writes the same to a file, if there is to be one.
    pub(crate) fn publish(&self, file: Option<&Path>) -> Result<()> {
        for (what, text) in &self.about {
            println!("{what:<10} {text}");
        }
        println!();
        let width = self.rows.iter().map(|row| row.figure.chars().count());
        let width = width.max().unwrap_or(0);
        let [base, measured] = self.columns;
        println!(
            "{:<width$} | {base:>10} | {measured:>10} | {:>6} | limit",
            "figure", "ratio"
        );
        for row in &self.rows {
            println!("{}", row.line(width));
        }
        let Some(file) = file else {
            return Ok(());
        };
        fs::write(file, format!("{:#}\n", self.json()))
            .with_context(|| format!("cannot write {}", file.display()))
    }

    fn json(&self) -> Value {
        let about = self.about.iter();
        let about: serde_json::Map<_, _> = about
            .map(|(what, text)| ((*what).to_owned(), json!(text)))
            .collect();
        let [base, measured] = self.columns;
        json!({"about": about, "base": base, "measured": measured, "figures": self.rows})
    }
}

impl Row {
    /// A figure of what is measured.
    pub(crate) fn new(figure: impl Into<String>, measured: f64) -> Self {
        Self {
            figure: figure.into(),
            base: None,
            measured: Some(measured),
            ratio: None,
            limit: None,
            met: None,
            remark: None,
        }
    }

    /// Something that is no number.
    pub(crate) fn remark(figure: impl Into<String>, remark: impl Into<String>) -> Self {
        Self {
            measured: None,
            remark: Some(remark.into()),
            ..Self::new(figure, 0.0)
        }
    }

    /// The base's figure.
    pub(crate) fn base(mut self, base: f64) -> Self {
        self.base = Some(base);
        self
    }

    /// Compares with the base.
    pub(crate) fn ratio(mut self) -> Self {
        let both = self.base.zip(self.measured);
        self.ratio = both.and_then(|(base, measured)| (base > 0.0).then_some(measured / base));
        self
    }

    /// Compares with the base by a ratio that was found otherwise.
    pub(crate) fn ratio_of(mut self, ratio: f64) -> Self {
        self.ratio = Some(ratio);
        self
    }

    /// What it should be.
    pub(crate) fn limit(mut self, limit: Limit) -> Self {
        self.met = match limit {
            Limit::Figure(most) => self.measured.map(|measured| measured <= most),
            Limit::Ratio(most) => self.ratio.map(|ratio| ratio <= most),
            Limit::Least(least) => self.measured.map(|measured| measured >= least),
            Limit::LeastRatio(least) => self.ratio.map(|ratio| ratio >= least),
        };
        self.limit = Some(limit);
        self
    }

    fn line(&self, width: usize) -> String {
        if let Some(remark) = &self.remark {
            return format!("{:<width$} | {remark}", self.figure);
        }
        let number = |number: Option<f64>| number.map_or(String::new(), plain);
        let ratio = self
            .ratio
            .map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let limit = match self.limit {
            Some(Limit::Figure(most)) => format!("at most {most}"),
            Some(Limit::Ratio(most)) => format!("ratio at most {most}"),
            Some(Limit::Least(least)) => format!("at least {least}"),
            Some(Limit::LeastRatio(least)) => format!("ratio at least {least}"),
            None => String::new(),
        };
        let verdict = match self.met {
            Some(true) => ": met",
            Some(false) => ": NOT MET",
            None => "",
        };
        let (base, measured) = (number(self.base), number(self.measured));
        let line = format!(
            "{:<width$} | {base:>10} | {measured:>10} | {ratio:>6} | {limit}{verdict}",
            self.figure
        );
        line.trim_end().to_owned()
    }
}

/// A number with as many digits as mean something.
fn plain(number: f64) -> String {
    match number.abs() {
        _ if number.fract() == 0.0 => format!("{number:.0}"),
        size if size >= 1000.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        _ => format!("{number:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_whether_its_limit_is_met() {
        let row = Row::new("CPU", 3.0).base(2.0).ratio();
        assert_eq!(
            row.limit(Limit::Ratio(1.3)).line(5),
            "CPU   |          2 |          3 |   1.50 | ratio at most 1.3: NOT MET"
        );
        let row = Row::new("p99", 99.96).limit(Limit::Figure(100.0));
        assert_eq!(
            row.line(5),
            "p99   |            |      100.0 |        | at most 100: met"
        );
    }
}
