//! Statements as they are sent.

use std::fmt::{self, Write};

use sea_orm::sea_query::{
    PostgresQueryBuilder, QueryBuilder, SelectStatement, SqlWriter, SqlWriterValues,
    SqliteQueryBuilder, Value,
};
use sea_orm::{DbBackend, Statement};

/// A select with its limit written out. PostgreSQL keeps the plan of a statement that is executed again
/// if it would not do better with the values at hand; of a limit that is a value it thinks that it
/// would, and plans each time, which takes longer than to read a page.
pub(crate) fn with_limit(select: &SelectStatement, backend: DbBackend) -> Statement {
    let (sql, values) = if backend == DbBackend::Postgres {
        let mut writer = WithLimit(SqlWriterValues::new("$", true));
        select.build_collect_into(PostgresQueryBuilder, &mut writer);
        writer.0.into_parts()
    } else {
        let mut writer = WithLimit(SqlWriterValues::new("?", false));
        select.build_collect_into(SqliteQueryBuilder, &mut writer);
        writer.0.into_parts()
    };
    Statement::from_sql_and_values(backend, sql, values)
}

/// Writes limits, which alone are unsigned, as they are, and all other values as parameters.
struct WithLimit(SqlWriterValues);

impl SqlWriter for WithLimit {
    fn push_param<T: QueryBuilder>(&mut self, value: Value, builder: &T) {
        match value {
            // A string takes whatever is written to it.
            Value::BigUnsigned(Some(limit)) => _ = write!(self.0, "{limit}"),
            value => self.0.push_param(value, builder),
        }
    }

    fn as_writer(&mut self) -> &mut dyn Write {
        self.0.as_writer()
    }
}

impl Write for WithLimit {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)
    }
}

impl fmt::Display for WithLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
