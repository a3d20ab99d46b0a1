CREATE OR REPLACE FUNCTION pg_temp.hex(number bigint, digits int) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT lpad(to_hex(number), digits, '0') $$;

-- A version 7 UUID; its last 12 digits are a number.
CREATE OR REPLACE FUNCTION pg_temp.uuid7(micros bigint, random bigint, number bigint) RETURNS uuid
LANGUAGE sql IMMUTABLE AS
$$ SELECT (pg_temp.hex(micros / 1000, 12) || '7' || pg_temp.hex(random % 4096, 3) ||
    '8' || pg_temp.hex(random / 4096 % 4096, 3) || pg_temp.hex(number, 12))::uuid $$;

CREATE OR REPLACE FUNCTION pg_temp.at(micros bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT TIMESTAMPTZ 'epoch' + micros * INTERVAL '1 microsecond' $$;

INSERT INTO "user"."user" (id, email, full_name)
SELECT ('018f0000000070008000' || pg_temp.hex(n, 12))::uuid, 'user' || n || '@example.org', 'User ' || n
FROM generate_series(1, 50) n
ON CONFLICT DO NOTHING;

INSERT INTO sync_history.sync_history (id, entity_type, source, status, started_at, completed_at,
    records_processed, records_created, records_updated, records_failed, sync_duration, triggered_by_id,
    error_message, details, version, updated_at, records_expected, creation_digest)
SELECT pg_temp.uuid7(started_at, h2, n), entity_type, source, status, pg_temp.at(started_at),
    pg_temp.at(completed_at), processed, created, updated, failed,
    (completed_at - started_at) / 1000000.0::float8,
    ('018f0000000070008000' || pg_temp.hex(user_number, 12))::uuid, error_message, details::json, version,
    pg_temp.at(coalesce(completed_at, started_at)), expected,
    (pg_temp.hex(h1, 8) || pg_temp.hex(h2, 8) || pg_temp.hex(h3, 8) || pg_temp.hex(h4, 8))::uuid
FROM batch ORDER BY n;

INSERT INTO sync_history.sync_event (id, sync_id, event_type, "timestamp", message, details)
SELECT pg_temp.uuid7(started_at + duration * k / 5, h3, n * 8 + k), pg_temp.uuid7(started_at, h2, n),
    CASE k WHEN 0 THEN 'start' WHEN 4 THEN CASE status WHEN 'failed' THEN 'error' ELSE 'end' END
        ELSE 'chunk' END,
    pg_temp.at(started_at + duration * k / 5),
    CASE k WHEN 0 THEN 'Extraction started' WHEN 4 THEN 'Last row read, ' || processed || ' in all'
        ELSE 'Chunk ' || k || '/3 imported, ' || (processed / 3) || ' rows' END,
    CASE WHEN k IN (1, 2, 3) THEN ('{"rows":' || (processed / 3) || '}')::json END
FROM batch CROSS JOIN generate_series(0, 4) k WHERE k < {events} ORDER BY n, k;

DROP TABLE batch;
