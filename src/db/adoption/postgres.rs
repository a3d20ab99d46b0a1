//! Checks of a PostgreSQL database.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, QueryResult, Statement, TryGetable,
};

use super::columns::{COLUMNS, Column, EVENTS, RUNS, USERS, Usage};

/// The lowest version of PostgreSQL.
const MIN_VERSION: i32 = 130_000;

/// Returns what prevents the migrations, in sentences. `is_new` says that none has been applied yet.
pub(in crate::db) async fn problems(
    connection: &DatabaseConnection,
    is_new: bool,
) -> Result<Vec<String>, DbErr> {
    if let Some(problem) = version_problem(connection).await? {
        // The other checks need columns of later versions.
        return Ok(vec![problem]);
    }
    let mut problems = Vec::new();
    problems.extend(encoding_problem(connection).await?);
    for row in query(connection, SCHEMAS).await? {
        problems.extend(schema_problem(&row)?);
    }
    for row in query(connection, TABLES).await? {
        problems.extend(table_problem(&row, is_new)?);
    }
    problems.extend(column_problems(connection, is_new).await?);
    Ok(problems)
}

/// Returns what is wrong with the columns of the tables that exist, in sentences.
pub(in crate::db) async fn column_problems(
    connection: &DatabaseConnection,
    is_new: bool,
) -> Result<Vec<String>, DbErr> {
    let rows = query(connection, STORED_COLUMNS).await?;
    let stored = rows.iter().map(StoredColumn::decode);
    let stored = stored.collect::<Result<Vec<_>, _>>()?;
    let known = COLUMNS.iter().filter_map(|column| {
        let mut of_table = stored.iter().filter(|stored| stored.table == column.table);
        // A table that does not exist will be created.
        of_table.clone().next()?;
        let stored = of_table.find(|stored| stored.name == column.name);
        column_problem(column, stored, is_new)
    });
    let unknown = stored.iter().filter_map(unknown_column_problem);
    Ok(known.chain(unknown).collect())
}

async fn version_problem(connection: &DatabaseConnection) -> Result<Option<String>, DbErr> {
    let version: i32 = setting(connection, "current_setting('server_version_num')::int").await?;
    Ok((version < MIN_VERSION).then(|| {
        format!(
            "the server is PostgreSQL {}: use version {} or newer",
            version / 10_000,
            MIN_VERSION / 10_000
        )
    }))
}

async fn encoding_problem(connection: &DatabaseConnection) -> Result<Option<String>, DbErr> {
    let encoding: String = setting(connection, "current_setting('server_encoding')").await?;
    Ok((encoding != "UTF8").then(|| {
        format!(
            "the encoding of the database is {encoding}: dump it, and restore it into one that is created with \
             ENCODING 'UTF8'"
        )
    }))
}

/// The schemas, and what the current role may do with them.
const SCHEMAS: &str = "SELECT s.name, n.oid IS NOT NULL AS is_present, quote_ident(current_user) AS role,
        quote_ident(current_database()) AS database,
        has_database_privilege(current_database(), 'CREATE') AS can_create_schemas,
        n.oid IS NULL OR has_schema_privilege(n.oid, 'USAGE') AS is_usable,
        s.is_complete AND EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relname = s.name)
            OR n.oid IS NULL OR has_schema_privilege(n.oid, 'CREATE') AS can_create_tables
    FROM (VALUES ('sync_history', false), ('user', true)) AS s (name, is_complete)
        LEFT JOIN pg_namespace n ON n.nspname = s.name
    ORDER BY 1";

fn schema_problem(row: &QueryResult) -> Result<Option<String>, DbErr> {
    let text = |column| row.try_get::<String>("", column);
    let is = |column| row.try_get::<bool>("", column);
    let (name, role, database) = (text("name")?, text("role")?, text("database")?);
    let name = quoted(&name);
    Ok(if !is("is_present")? && !is("can_create_schemas")? {
        Some(format!(
            "the role {role} may not create the schema {name}: GRANT CREATE ON DATABASE {database} TO {role}"
        ))
    } else if !is("is_usable")? {
        Some(format!(
            "the role {role} may not use the schema {name}: GRANT USAGE ON SCHEMA {name} TO {role}"
        ))
    } else if !is("can_create_tables")? {
        Some(format!(
            "the role {role} may not create tables in the schema {name}: GRANT CREATE ON SCHEMA {name} TO {role}"
        ))
    } else {
        None
    })
}

/// The tables that exist, who owns them, and what the current role may do with them.
const TABLES: &str = "SELECT n.nspname || '.' || c.relname AS name, c.relkind = 'r' AS is_table,
        quote_ident(pg_get_userbyid(c.relowner)) AS owner, quote_ident(current_user) AS role,
        pg_has_role(c.relowner, 'USAGE') AS is_owner,
        has_any_column_privilege(c.oid, 'SELECT') AS is_readable,
        has_any_column_privilege(c.oid, 'REFERENCES') OR EXISTS (
            SELECT 1 FROM pg_class r JOIN pg_namespace rn ON rn.oid = r.relnamespace
            WHERE rn.nspname = 'sync_history' AND r.relname = 'sync_history') AS is_referable
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'sync_history'
            AND c.relname IN ('sync_history', 'sync_event', 'sync_change', 'sync_feed', 'sync_moment', 'sync_key')
        OR n.nspname = 'user' AND c.relname = 'user'
    ORDER BY 1";

fn table_problem(row: &QueryResult, is_new: bool) -> Result<Option<String>, DbErr> {
    let text = |column| row.try_get::<String>("", column);
    let is = |column| row.try_get::<bool>("", column);
    let (name, owner, role) = (text("name")?, text("owner")?, text("role")?);
    // Users are only read, and referred to by runs.
    if name == USERS {
        let missing = match (is("is_readable")?, is("is_referable")?) {
            (false, _) => "SELECT",
            (true, false) => "REFERENCES",
            (true, true) => return Ok(None),
        };
        return Ok(Some(format!(
            "the role {role} lacks a privilege on {name}: GRANT {missing} ON {} TO {role}",
            quoted(&name)
        )));
    }
    let is_adopted = name == RUNS || name == EVENTS;
    Ok(if is_new && !is_adopted {
        Some(format!(
            "the table {name} exists already, which this server creates: rename it"
        ))
    } else if !is("is_table")? {
        Some(format!(
            "{name} is no ordinary table, so that triggers and unique indexes cannot be added to it: replace it by one"
        ))
    } else if !is("is_owner")? {
        Some(format!(
            "the table {name} belongs to {owner}, and only its owner can add columns and triggers: \
             run `sync-history migrate` as {owner}, or GRANT {owner} TO {role}"
        ))
    } else {
        None
    })
}

/// The columns of these tables. The type of a domain is the one that it is based on.
const STORED_COLUMNS: &str = "SELECT n.nspname || '.' || c.relname AS table_name, a.attname::text AS name, base.type,
        NOT (a.attnotnull OR base.is_not_null) AS is_nullable,
        a.attgenerated <> '' AS is_generated,
        a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL
            OR EXISTS (SELECT 1 FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal) AS has_default,
        coalesce(co.collisdeterministic, true) AS is_deterministic,
        EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid
            AND i.indimmediate AND i.indpred IS NULL AND i.indnkeyatts = 1 AND i.indkey[0] = a.attnum) AS is_unique
    FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_type t ON t.oid = a.atttypid
        LEFT JOIN pg_collation co ON co.oid = a.attcollation
        CROSS JOIN LATERAL (
            WITH RECURSIVE base AS (
                SELECT t.typname, t.typbasetype, t.typnotnull
                UNION ALL
                SELECT inner_type.typname, inner_type.typbasetype, base.typnotnull OR inner_type.typnotnull
                FROM base JOIN pg_type inner_type ON inner_type.oid = base.typbasetype)
            SELECT typname::text AS type, typnotnull AS is_not_null FROM base WHERE typbasetype = 0
        ) AS base
    WHERE a.attnum > 0 AND NOT a.attisdropped AND (n.nspname, c.relname) IN
        (('sync_history', 'sync_history'), ('sync_history', 'sync_event'), ('user', 'user'))
    ORDER BY c.relname, a.attnum";

/// A column as it is.
#[expect(
    clippy::struct_excessive_bools,
    reason = "these do not depend on each other"
)]
struct StoredColumn {
    table: String,
    name: String,
    ty: String,
    is_nullable: bool,
    is_generated: bool,
    /// Whether a row that is inserted without a value may get one.
    has_default: bool,
    is_deterministic: bool,
    is_unique: bool,
}

impl StoredColumn {
    fn decode(row: &QueryResult) -> Result<Self, DbErr> {
        Ok(Self {
            table: row.try_get("", "table_name")?,
            name: row.try_get("", "name")?,
            ty: row.try_get("", "type")?,
            is_nullable: row.try_get("", "is_nullable")?,
            is_generated: row.try_get("", "is_generated")?,
            has_default: row.try_get("", "has_default")?,
            is_deterministic: row.try_get("", "is_deterministic")?,
            is_unique: row.try_get("", "is_unique")?,
        })
    }
}

/// Returns what is wrong with a column that the server uses.
fn column_problem(column: &Column, stored: Option<&StoredColumn>, is_new: bool) -> Option<String> {
    let Column { table, name, .. } = column;
    let (what, todo) = match stored {
        Some(stored) => stored_column_problem(column, stored, is_new)?,
        None => missing_column_problem(column)?,
    };
    Some(format!(
        "the column {name} of {table} {what}: ALTER TABLE {} {todo}",
        quoted(table)
    ))
}

/// What is wrong with a column, and how to alter its table.
type Problem = (String, String);

fn missing_column_problem(column: &Column) -> Option<Problem> {
    let not_null = match column.usage {
        Usage::Added => return None,
        Usage::WriteNotNull => " NOT NULL",
        Usage::Read | Usage::Write => "",
    };
    let add = format!(
        "ADD COLUMN \"{}\" {}{not_null}",
        column.name, column.types[0]
    );
    Some(("is missing".to_owned(), add))
}

fn stored_column_problem(column: &Column, stored: &StoredColumn, is_new: bool) -> Option<Problem> {
    let Column {
        table,
        name,
        types,
        usage,
    } = column;
    let alter = format!("ALTER COLUMN \"{name}\"");
    let problem = |what: &str, todo: String| Some((what.to_owned(), todo));
    if is_new && *usage == Usage::Added && *table == EVENTS {
        let rename = format!("RENAME COLUMN \"{name}\" TO \"other_{name}\"");
        return problem("exists already, which this server adds", rename);
    }
    if !types.contains(&stored.ty.as_str()) {
        let what = format!("is of type {}, not {}", stored.ty, types.join(" or "));
        let using = match stored.ty.as_str() {
            "timestamp" => " AT TIME ZONE 'UTC'".to_owned(),
            _ => format!("::{}", types[0]),
        };
        let todo = format!("{alter} TYPE {} USING \"{name}\"{using}", types[0]);
        return Some((what, todo));
    }
    if *usage == Usage::Read {
        return None;
    }
    if stored.is_generated {
        let todo = format!("{alter} DROP EXPRESSION");
        return problem("is generated, but the server writes it", todo);
    }
    if stored.is_nullable && *usage == Usage::WriteNotNull {
        return problem("accepts NULL", format!("{alter} SET NOT NULL"));
    }
    if !stored.is_deterministic {
        let todo = format!("{alter} TYPE {} COLLATE \"C\"", types[0]);
        return problem("has a nondeterministic collation", todo);
    }
    if *name == "id" && !stored.is_unique {
        return problem("has no unique index", "ADD PRIMARY KEY (\"id\")".to_owned());
    }
    if *name == "version" && (stored.is_nullable || !stored.has_default) {
        let todo = format!("{alter} SET DEFAULT 1, {alter} SET NOT NULL");
        return problem("has no default", todo);
    }
    None
}

/// Returns what is wrong with a column that the server does not know.
fn unknown_column_problem(stored: &StoredColumn) -> Option<String> {
    let StoredColumn { table, name, .. } = stored;
    let is_known = COLUMNS
        .iter()
        .any(|column| column.table == table && column.name == name);
    let is_optional = stored.is_nullable || stored.has_default;
    (table != USERS && !is_known && !is_optional).then(|| {
        format!(
            "the column {name} of {table}, which this server does not know, is mandatory: \
             ALTER TABLE {} ALTER COLUMN \"{name}\" DROP NOT NULL, or SET DEFAULT",
            quoted(table)
        )
    })
}

async fn setting<T: TryGetable>(
    connection: &DatabaseConnection,
    expression: &str,
) -> Result<T, DbErr> {
    let rows = query(connection, &format!("SELECT {expression}")).await?;
    let row = rows
        .first()
        .ok_or_else(|| DbErr::RecordNotFound(expression.to_owned()))?;
    row.try_get_by_index(0)
}

fn quoted(name: &str) -> String {
    let parts = name.split('.').map(|part| format!("\"{part}\""));
    parts.collect::<Vec<_>>().join(".")
}

async fn query(connection: &DatabaseConnection, sql: &str) -> Result<Vec<QueryResult>, DbErr> {
    let statement = Statement::from_string(DbBackend::Postgres, sql);
    connection.query_all_raw(statement).await
}
