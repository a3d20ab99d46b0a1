INSERT INTO "user" (id, email, full_name)
WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50)
SELECT unhex(printf('018f0000000070008000%012x', n)), 'user' || n || '@example.org', 'User ' || n
FROM numbers
WHERE true ON CONFLICT DO NOTHING;

-- Ids are version 7 UUIDs, whose last 12 digits are a number.
INSERT INTO sync_history (id, entity_type, source, status, started_at, completed_at, records_processed,
    records_created, records_updated, records_failed, triggered_by_id, error_message, details, version,
    updated_at, records_expected, creation_digest)
SELECT unhex(printf('%012x7%03x8%03x%012x', started_at / 1000, h2 % 4096, h2 / 4096 % 4096, n)),
    entity_type, source, status, {started_at}, {completed_at}, processed, created, updated, failed,
    CASE WHEN user_number > 0 THEN unhex(printf('018f0000000070008000%012x', user_number)) END,
    error_message, details, version, {updated_at}, expected,
    unhex(printf('%08x%08x%08x%08x', h1, h2, h3, h4))
FROM batch ORDER BY n;

-- As the triggers do, which are dropped meanwhile.
INSERT INTO sync_text_queue (run_id)
SELECT unhex(printf('%012x7%03x8%03x%012x', started_at / 1000, h2 % 4096, h2 / 4096 % 4096, n))
FROM batch WHERE error_message IS NOT NULL;

INSERT INTO sync_event (id, sync_id, event_type, "timestamp", message, details)
SELECT unhex(printf('%012x7%03x8%03x%012x', (started_at + duration * k / 5) / 1000, h3 % 4096,
        h3 / 4096 % 4096, n * 8 + k)),
    unhex(printf('%012x7%03x8%03x%012x', started_at / 1000, h2 % 4096, h2 / 4096 % 4096, n)),
    CASE k WHEN 0 THEN 'start' WHEN 4 THEN CASE status WHEN 'failed' THEN 'error' ELSE 'end' END
        ELSE 'chunk' END,
    {timestamp},
    CASE k WHEN 0 THEN 'Extraction started' WHEN 4 THEN 'Last row read, ' || processed || ' in all'
        ELSE 'Chunk ' || k || '/3 imported, ' || (processed / 3) || ' rows' END,
    CASE WHEN k IN (1, 2, 3) THEN '{"rows":' || (processed / 3) || '}' END
FROM batch CROSS JOIN (SELECT 0 AS k UNION ALL VALUES (1), (2), (3), (4)) WHERE k < {events} ORDER BY n, k;

DROP TABLE batch;
