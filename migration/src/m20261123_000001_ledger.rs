//! The predecessor's three tables, and the columns that this server adds to runs.

use crate::Script;

pub(crate) fn migration() -> Script {
    Script::new(file!(), POSTGRES, SQLITE)
}

// The users table may belong to another role that only grants SELECT. CREATE TABLE IF NOT EXISTS requires the
// CREATE privilege even if the table exists.
const POSTGRES: &str = r#"
DO $$ BEGIN
    IF to_regclass('"user"."user"') IS NULL THEN
        CREATE TABLE "user"."user" (
            id uuid NOT NULL CONSTRAINT user_pkey PRIMARY KEY,
            email varchar(255) NOT NULL CONSTRAINT ix_user_user_email UNIQUE,
            full_name varchar(255) NOT NULL
        );
    END IF;
END $$;

CREATE TABLE IF NOT EXISTS sync_history.sync_history (
    id uuid NOT NULL CONSTRAINT sync_history_pkey PRIMARY KEY,
    entity_type varchar(50) NOT NULL,
    source varchar(50) NOT NULL,
    status varchar(20) NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    completed_at timestamptz,
    records_processed integer NOT NULL,
    records_created integer NOT NULL,
    records_updated integer NOT NULL,
    records_failed integer NOT NULL,
    sync_duration double precision,
    triggered_by_id uuid
        CONSTRAINT sync_history_triggered_by_id_fkey REFERENCES "user"."user" (id),
    error_message text,
    details json
);

CREATE TABLE IF NOT EXISTS sync_history.sync_event (
    id uuid NOT NULL CONSTRAINT sync_event_pkey PRIMARY KEY,
    sync_id uuid NOT NULL
        CONSTRAINT sync_event_sync_id_fkey REFERENCES sync_history.sync_history (id),
    event_type varchar(50) NOT NULL,
    "timestamp" timestamptz NOT NULL DEFAULT now(),
    message text NOT NULL,
    details json
);

-- The default of updated_at is set separately: adopted rows were not updated now.
ALTER TABLE sync_history.sync_history
    ADD COLUMN IF NOT EXISTS version integer NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS updated_at timestamptz,
    ADD COLUMN IF NOT EXISTS records_expected integer,
    ADD COLUMN IF NOT EXISTS creation_digest uuid;
ALTER TABLE sync_history.sync_history ALTER COLUMN updated_at SET DEFAULT clock_timestamp();
"#;

// Timestamps are text, `2026-11-23T09:00:00.123456+00:00`, which sorts by time. A UUID is a blob of 16 bytes; the
// checks reject other lengths, since one such row would fail every page that contains it. `duration_us` is the
// run's duration in microseconds. SQLite's time functions have millisecond precision, so the fraction is taken
// from the text.
const SQLITE: &str = r#"
CREATE TABLE "user" (
    id blob NOT NULL PRIMARY KEY CHECK (typeof(id) = 'blob' AND length(id) = 16),
    email text NOT NULL UNIQUE,
    full_name text NOT NULL
);

CREATE TABLE sync_history (
    id blob NOT NULL PRIMARY KEY CHECK (typeof(id) = 'blob' AND length(id) = 16),
    entity_type text NOT NULL,
    source text NOT NULL,
    status text NOT NULL,
    started_at text NOT NULL,
    completed_at text,
    records_processed integer NOT NULL,
    records_created integer NOT NULL,
    records_updated integer NOT NULL,
    records_failed integer NOT NULL,
    sync_duration real,
    triggered_by_id blob REFERENCES "user" (id),
    error_message text,
    details text,
    version integer NOT NULL DEFAULT 1,
    updated_at text,
    records_expected integer,
    creation_digest blob,
    duration_us integer GENERATED ALWAYS AS (max(0,
        (strftime('%s', substr(completed_at, 1, 19)) - strftime('%s', substr(started_at, 1, 19)))
            * 1000000
        + CAST(round(('0' || substr(completed_at, 20, length(completed_at) - 25)) * 1000000)
            AS integer)
        - CAST(round(('0' || substr(started_at, 20, length(started_at) - 25)) * 1000000)
            AS integer)
    )) VIRTUAL
);

CREATE TABLE sync_event (
    seq integer PRIMARY KEY AUTOINCREMENT,
    id blob NOT NULL UNIQUE CHECK (typeof(id) = 'blob' AND length(id) = 16),
    sync_id blob NOT NULL REFERENCES sync_history (id),
    event_type text NOT NULL,
    "timestamp" text NOT NULL,
    message text NOT NULL,
    details text
);
"#;
