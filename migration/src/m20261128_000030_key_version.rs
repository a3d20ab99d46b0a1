//! A version of the API keys, so that servers read them again only after they have changed.

use crate::Script;

pub(crate) fn migration() -> Script {
    Script::new(file!(), POSTGRES, SQLITE)
}

// The version is random, and not a counter: a database that is restored to an earlier state must not reach the version
// that a server has seen. It does not change with last_used_at, which servers update themselves.
const POSTGRES: &str = "
CREATE TABLE sync_history.sync_key_version (id uuid NOT NULL PRIMARY KEY);
INSERT INTO sync_history.sync_key_version VALUES (gen_random_uuid());

CREATE FUNCTION sync_history.sync_key_changed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE sync_history.sync_key_version SET id = gen_random_uuid();
    RETURN NULL;
END $$;

CREATE TRIGGER sync_key_changed AFTER INSERT OR DELETE OR TRUNCATE
OR UPDATE OF id, name, hash, scopes, sources, expires_at, revoked_at ON sync_history.sync_key
FOR EACH STATEMENT EXECUTE FUNCTION sync_history.sync_key_changed();
";

const SQLITE: &str = "
CREATE TABLE sync_key_version (id blob NOT NULL PRIMARY KEY);
INSERT INTO sync_key_version VALUES (randomblob(16));

CREATE TRIGGER sync_key_inserted AFTER INSERT ON sync_key
BEGIN
    UPDATE sync_key_version SET id = randomblob(16);
END;
CREATE TRIGGER sync_key_updated AFTER UPDATE OF id, name, hash, scopes, sources, expires_at,
    revoked_at ON sync_key
BEGIN
    UPDATE sync_key_version SET id = randomblob(16);
END;
CREATE TRIGGER sync_key_deleted AFTER DELETE ON sync_key
BEGIN
    UPDATE sync_key_version SET id = randomblob(16);
END;
";
