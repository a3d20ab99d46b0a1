-- Computes the runs {first} to {last} of {total}: all values derive from the number of the run, by hashes, so that
-- both databases, and every fill, get the same rows. Timestamps are microseconds since 1970, one run per interval up
-- to 2026-11-01.
CREATE TEMPORARY TABLE batch AS
WITH RECURSIVE numbers(n) AS (
    SELECT CAST({first} AS bigint) UNION ALL SELECT n + 1 FROM numbers WHERE n < {last}
),
-- The modulus is prime, and small enough for its square to fit into 64 bits.
seeds AS MATERIALIZED (
    SELECT n,
        (n * 48271 + 350000003) % 2147483647 AS s1,
        (n * 48271 + 700000006) % 2147483647 AS s2,
        (n * 48271 + 1050000009) % 2147483647 AS s3,
        (n * 48271 + 1400000012) % 2147483647 AS s4,
        (n * 48271 + 1750000015) % 2147483647 AS s5,
        (n * 48271 + 2100000018) % 2147483647 AS s6
    FROM numbers
),
hashes AS MATERIALIZED (
    SELECT n,
        (s1 * s1 + 1013904223) % 2147483647 * 48271 % 2147483647 AS h1,
        (s2 * s2 + 1013904223) % 2147483647 * 48271 % 2147483647 AS h2,
        (s3 * s3 + 1013904223) % 2147483647 * 48271 % 2147483647 AS h3,
        (s4 * s4 + 1013904223) % 2147483647 * 48271 % 2147483647 AS h4,
        (s5 * s5 + 1013904223) % 2147483647 * 48271 % 2147483647 AS h5,
        (s6 * s6 + 1013904223) % 2147483647 * 48271 % 2147483647 AS h6
    FROM seeds
),
statuses AS MATERIALIZED (
    SELECT *,
        1793491200000000 - ({total} - n) * {interval} - h4 % 120000000 AS started_at,
        5000000 + (h3 % 1000) * (h4 % 1000) * 1000 + h5 % 1000000 AS duration,
        -- Only the latest 300,000 runs may be unfinished.
        CASE WHEN h1 % 1000 < 3 AND n > {total} - 300000 THEN 'pending'
            WHEN h1 % 1000 < 10 AND n > {total} - 300000 THEN 'running'
            WHEN h1 % 1000 BETWEEN 10 AND 69 THEN 'failed'
            WHEN h1 % 1000 BETWEEN 70 AND 99 THEN 'cancelled'
            ELSE 'completed' END AS status
    FROM hashes
),
counts AS MATERIALIZED (
    SELECT *,
        CASE WHEN status NOT IN ('pending', 'running') THEN started_at + duration END AS completed_at,
        CASE WHEN status = 'pending' THEN 0 ELSE (h3 % 200) * (h5 % 300) END AS processed,
        CASE WHEN status = 'failed' THEN h5 % 20 ELSE 0 END AS failed
    FROM statuses
)
SELECT n, h1, h2, h3, h4, started_at, duration, status, completed_at, processed, failed,
    processed * (h6 % 30) / 100 AS created,
    CASE WHEN processed > failed THEN processed - processed * (h6 % 30) / 100 - failed
        ELSE 0 END AS updated,
    CASE WHEN h6 / 270 % 2 = 0 THEN processed END AS expected,
    CASE WHEN h6 / 30 % 3 = 0 THEN h5 % 50 + 1 END AS user_number,
    CASE status WHEN 'pending' THEN 1 WHEN 'running' THEN 2 ELSE 3 END AS version,
    CASE WHEN h2 / 100 % 100 < 30 THEN 'stock' WHEN h2 / 100 % 100 < 50 THEN 'pricing'
        WHEN h2 / 100 % 100 < 65 THEN 'product' WHEN h2 / 100 % 100 < 77 THEN 'order'
        WHEN h2 / 100 % 100 < 86 THEN 'customer' WHEN h2 / 100 % 100 < 92 THEN 'measurement'
        WHEN h2 / 100 % 100 < 97 THEN 'manufacturer' ELSE 'autocare' END AS entity_type,
    CASE WHEN h2 % 100 < 40 THEN 'as400' WHEN h2 % 100 < 65 THEN 'api' WHEN h2 % 100 < 80 THEN 'file'
        WHEN h2 % 100 < 92 THEN 'filemaker' ELSE 'external' END AS source,
    CASE WHEN status = 'failed' THEN CASE WHEN h3 % 2000 = 7 THEN 'checksum mismatch in page '
        ELSE CASE h5 / 20 % 8
        WHEN 0 THEN 'part_number is null in a row of the extract, first in row '
        WHEN 1 THEN 'timeout after 30 s while waiting for the host, at attempt '
        WHEN 2 THEN 'duplicate key value violates a unique constraint in chunk '
        WHEN 3 THEN 'price is not a number in the file that was sent, at line '
        WHEN 4 THEN 'connection reset by peer while reading the answer, page '
        WHEN 5 THEN 'manufacturer is not known to the target, asked for with id '
        WHEN 6 THEN 'the file is shorter than its header says, bytes missing: '
        WHEN 7 THEN 'quantity is negative for a warehouse that counts, number '
        END END || (h5 / 160 % 40 * 25 + 10) END AS error_message,
    CASE WHEN h6 / 90 % 3 = 0 THEN '{"host":"edge-' || (h5 % 9 + 1) || '","attempt":' || (h4 % 3 + 1) ||
        ',"file":"export-' || n || '.csv"}' END AS details
FROM counts;
