//! Percentiles of durations on SQLite, whose window functions take longer than all the rest: the durations of each group are
//! read and sorted here.

use sea_orm::sea_query::{Expr, SelectStatement};
use sea_orm::{DbErr, QueryResult};

use crate::store::stats::{Percentiles, RUNS};

/// The durations of a group, as JSON.
const DURATIONS: &str = "durations";

/// Selects the durations of `runs`.
pub(in crate::store) fn select_percentiles(rows: &mut SelectStatement, runs: SelectStatement) {
    let durations = "json_group_array(micros) FILTER (WHERE micros IS NOT NULL)";
    rows.expr_as(Expr::cust(durations), DURATIONS)
        .from_subquery(runs, RUNS);
}

/// Computes the percentiles of a row.
pub(in crate::store) fn read_percentiles(row: &QueryResult) -> Result<Percentiles, DbErr> {
    let durations: String = row.try_get("", DURATIONS)?;
    let durations = serde_json::from_str(&durations);
    let mut durations: Vec<i64> = durations.map_err(|error| DbErr::Json(error.to_string()))?;
    durations.sort_unstable();
    let Some(last) = durations.len().checked_sub(1) else {
        return Ok(Percentiles::default());
    };
    let at = |index: usize| durations.get(index).copied();
    let between = |percent: usize| {
        let hundredths = percent * last;
        [at(hundredths / 100), at(hundredths.div_ceil(100))]
    };
    Ok([between(50), between(95)])
}
