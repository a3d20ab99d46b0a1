//! API keys.

use crate::Script;

pub(crate) fn migration() -> Script {
    Script::new(file!(), POSTGRES, SQLITE)
}

// hash is the SHA-256 of the key, which itself is not stored. scopes and sources are lists separated by spaces. A
// key whose sources are NULL is not bound to a source.
const POSTGRES: &str = "
CREATE TABLE sync_history.sync_key (
    id uuid NOT NULL PRIMARY KEY,
    name text NOT NULL,
    hash bytea NOT NULL UNIQUE,
    scopes text NOT NULL,
    sources text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz
);
";

const SQLITE: &str = "
CREATE TABLE sync_key (
    id blob NOT NULL PRIMARY KEY,
    name text NOT NULL,
    hash blob NOT NULL UNIQUE,
    scopes text NOT NULL,
    sources text,
    created_at text NOT NULL,
    expires_at text,
    revoked_at text,
    last_used_at text
);
";
