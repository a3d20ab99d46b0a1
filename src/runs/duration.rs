//! The length of a run, from its instants: what the database computes, indexes and compares.

use sea_orm::DbBackend;
use sea_orm::sea_query::Expr;

/// The length as each database has it, exactly as its index says: an interval on PostgreSQL, a
/// computed column of whole microseconds on SQLite. NULL for an open run, never negative.
pub(super) fn expression(backend: DbBackend) -> Expr {
    match backend {
        DbBackend::Postgres => Expr::cust(
            "(CASE WHEN completed_at < started_at THEN interval '0' \
             WHEN isfinite(completed_at) AND isfinite(started_at) \
             THEN completed_at - started_at END)",
        ),
        _ => Expr::cust("duration_us"),
    }
}

/// `micros` microseconds, to be compared with [`expression`].
pub(super) fn operand(backend: DbBackend, micros: i64) -> Expr {
    match backend {
        DbBackend::Postgres => {
            Expr::cust_with_values("($1::bigint * interval '1 microsecond')", [micros])
        }
        _ => Expr::val(micros),
    }
}
