//! Percentiles of durations on PostgreSQL.

use sea_orm::sea_query::{Expr, Query, SelectStatement};
use sea_orm::{DbErr, QueryResult};

use crate::store::stats::{Percentiles, RUNS};

/// The runs with the rank of each duration.
const RANKED: &str = "ranked";
/// The columns between which percentiles are interpolated: name, and rank among the durations in ascending order.
const COLUMNS: [(&str, &str); 4] = [
    ("p50_low", "1 + (ended - 1) / 2"),
    ("p50_high", "1 + ended / 2"),
    ("p95_low", "1 + 95 * (ended - 1) / 100"),
    ("p95_high", "1 + (95 * (ended - 1) + 99) / 100"),
];

/// Selects percentiles of the durations of `runs`, in groups of these columns.
pub(in crate::store) fn select_percentiles(
    rows: &mut SelectStatement,
    runs: SelectStatement,
    group: &[&str],
) {
    let partition = if group.is_empty() {
        String::new()
    } else {
        format!("PARTITION BY {} ", group.join(", "))
    };
    let rank = format!("row_number() OVER ({partition}ORDER BY micros NULLS LAST)");
    let ranked = Query::select()
        .expr(Expr::cust("*"))
        .expr_as(Expr::cust(rank), "duration_rank")
        .expr_as(
            Expr::cust(format!("count(micros) OVER ({partition})")),
            "ended",
        )
        .from_subquery(runs, RUNS)
        .take();
    for (name, rank) in COLUMNS {
        let value = format!("max(micros) FILTER (WHERE duration_rank = {rank})");
        rows.expr_as(Expr::cust(value), name);
    }
    rows.from_subquery(ranked, RANKED);
}

/// Reads the percentiles of a row.
pub(in crate::store) fn read_percentiles(row: &QueryResult) -> Result<Percentiles, DbErr> {
    let [p50_low, p50_high, p95_low, p95_high] = COLUMNS.map(|(name, _)| row.try_get("", name));
    Ok([[p50_low?, p50_high?], [p95_low?, p95_high?]])
}
