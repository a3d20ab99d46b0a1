//! The rows that are filled in, as SQL that both databases compute to the same values.
//!
//! All of a row comes from its run's number: by hashes of it, so that neither chance nor the clock has
//! a part in it. The databases store the same instants and ids differently; that is all in [`Dialect`].

/// What hashes are remainders of: a prime, small enough for its square to be no overflow.
const PRIME: u64 = 2_147_483_647;
/// Hashes of a run's number.
const ROLLS: usize = 6;
/// When the newest run begins at the latest, 2026-11-01, in seconds since 1970.
const NEWEST: u64 = 1_793_491_200;
/// Seconds from one run to the next, on the whole: a million take most of a year.
const PACE: u64 = 30;
/// Seconds that a run may begin earlier than that, so that numbers are not quite in order.
const JITTER: u64 = 120;
/// Only of so many of the newest runs some are open: 1 % of them.
const RECENT: u64 = 300_000;
/// People who start runs.
const USERS: u64 = 50;

const RUN_COLUMNS: &str = "id, entity_type, source, status, started_at, completed_at, \
    records_processed, records_created, records_updated, records_failed, sync_duration, \
    triggered_by_id, error_message, details, version, updated_at, records_expected, creation_digest";
const EVENT_COLUMNS: &str = "id, sync_id, event_type, \"timestamp\", message, details";

/// Of 100 runs, so many are of each.
const SOURCES: [(u64, &str); 5] = [
    (40, "as400"),
    (25, "api"),
    (15, "file"),
    (12, "filemaker"),
    (8, "external"),
];
const ENTITY_TYPES: [(u64, &str); 8] = [
    (30, "stock"),
    (20, "pricing"),
    (15, "product"),
    (12, "order"),
    (9, "customer"),
    (6, "measurement"),
    (5, "manufacturer"),
    (3, "autocare"),
];
/// What went wrong; each with a number behind it, of which there are 40.
const TROUBLES: [&str; 8] = [
    "part_number is null in a row of the extract, first in row ",
    "timeout after 30 s while waiting for the host, at attempt ",
    "duplicate key value violates a unique constraint in chunk ",
    "price is not a number in the file that was sent, at line ",
    "connection reset by peer while reading the answer, page ",
    "manufacturer is not known to the target, asked for with id ",
    "the file is shorter than its header says, bytes missing: ",
    "quantity is negative for a warehouse that counts, number ",
];

/// How a database is written to.
#[derive(Clone, Copy, Debug)]
pub(super) enum Dialect {
    Postgres,
    Sqlite,
}

/// Some of the runs, with their events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rows {
    /// The number of the first.
    pub(super) first: u64,
    /// The number of the last.
    pub(super) last: u64,
    /// How many there will be.
    pub(super) all: u64,
}

impl Dialect {
    pub(super) fn of(url: &str) -> Self {
        if url.starts_with("sqlite:") {
            Self::Sqlite
        } else {
            Self::Postgres
        }
    }

    /// The tables of users, runs and events.
    pub(super) fn tables(self) -> [&'static str; 3] {
        match self {
            Self::Postgres => [
                "\"user\".\"user\"",
                "sync_history.sync_history",
                "sync_history.sync_event",
            ],
            Self::Sqlite => ["\"user\"", "sync_history", "sync_event"],
        }
    }

    /// The statement that fills in those who start runs; a table that others keep may have them.
    pub(super) fn users(self) -> String {
        let [users, ..] = self.tables();
        let numbers = self.numbers(1, USERS);
        let id = self.user_id("n");
        format!(
            "INSERT INTO {users} (id, email, full_name) WITH {numbers} \
             SELECT {id}, 'user' || n || '@example.org', 'User ' || n FROM numbers \
             WHERE true ON CONFLICT DO NOTHING;"
        )
    }

    /// The beginning of a statement, with whole numbers from one to another.
    fn numbers(self, first: u64, last: u64) -> String {
        match self {
            Self::Postgres => {
                format!("numbers AS (SELECT generate_series({first}, {last})::bigint AS n)")
            }
            Self::Sqlite => format!(
                "RECURSIVE numbers(n) AS (SELECT {first} UNION ALL \
                 SELECT n + 1 FROM numbers WHERE n < {last})"
            ),
        }
    }

    fn user_id(self, number: &str) -> String {
        let number = self.hex(number, 12);
        self.uuid(&format!("'018f0000000070008000' || {number}"))
    }

    /// A version 7 UUID made at an instant, whose last digits are a number; `roll` is for those between.
    fn id(self, micros: &str, roll: &str, number: &str) -> String {
        let millis = self.hex(&format!("{micros} / 1000"), 12);
        let high = self.hex(&format!("{roll} % 4096"), 3);
        let low = self.hex(&format!("{roll} / 4096 % 4096"), 3);
        let number = self.hex(number, 12);
        self.uuid(&format!(
            "{millis} || '7' || {high} || '8' || {low} || {number}"
        ))
    }

    /// 32 digits as a UUID.
    fn uuid(self, digits: &str) -> String {
        match self {
            Self::Postgres => format!("({digits})::uuid"),
            Self::Sqlite => format!("unhex({digits})"),
        }
    }

    fn hex(self, number: &str, digits: u32) -> String {
        match self {
            Self::Postgres => format!("lpad(to_hex({number}), {digits}, '0')"),
            Self::Sqlite => format!("printf('%0{digits}x', {number})"),
        }
    }

    /// Microseconds since 1970 as an instant; the server's own text of it on SQLite, which has as many
    /// digits behind the second as there are, by threes.
    fn instant(self, micros: &str) -> String {
        match self {
            Self::Postgres => {
                format!("TIMESTAMPTZ 'epoch' + ({micros}) * INTERVAL '1 microsecond'")
            }
            Self::Sqlite => format!(
                "strftime('%Y-%m-%dT%H:%M:%S', ({micros}) / 1000000, 'unixepoch') || \
                 CASE WHEN ({micros}) % 1000000 = 0 THEN '' \
                 WHEN ({micros}) % 1000 = 0 THEN printf('.%03d', ({micros}) % 1000000 / 1000) \
                 ELSE printf('.%06d', ({micros}) % 1000000) END || '+00:00'"
            ),
        }
    }

    /// `updated_at`, which the triggers set to the database's clock: SQLite's knows milliseconds.
    fn updated_at(self, micros: &str) -> String {
        match self {
            Self::Postgres => self.instant(micros),
            Self::Sqlite => self.instant(&format!("{micros} / 1000 * 1000")),
        }
    }

    /// `sync_duration`, which only PostgreSQL's triggers set.
    fn sync_duration(self) -> &'static str {
        match self {
            Self::Postgres => "(ended - started) / 1000000.0::float8",
            Self::Sqlite => "NULL",
        }
    }

    fn json(self, text: &str) -> String {
        match self {
            Self::Postgres => format!("({text})::json"),
            Self::Sqlite => format!("({text})"),
        }
    }
}

impl Rows {
    /// The statements that fill them in.
    pub(super) fn statements(self, dialect: Dialect) -> String {
        let [_, runs, events] = dialect.tables();
        let common = self.common(dialect);
        let run = run_values(dialect);
        let event = event_values(dialect);
        format!(
            "INSERT INTO {runs} ({RUN_COLUMNS}) {common} SELECT {run} FROM runs ORDER BY n;\n\
             INSERT INTO {events} ({EVENT_COLUMNS}) {common}, \
             steps(k) AS (VALUES (0), (1), (2), (3), (4)) \
             SELECT {event} FROM runs CROSS JOIN steps ORDER BY n, k;\n"
        )
    }

    /// What runs and events are made from. Materialized, lest each mention of a hash compute it anew.
    fn common(self, dialect: Dialect) -> String {
        let Self { first, last, all } = self;
        let numbers = dialect.numbers(first, last);
        // Apart from one another, so that each roll is a series of its own.
        let seeds = each_roll(|roll| {
            let offset = roll as u64 * 350_000_003;
            format!("(n * 48271 + {offset}) % {PRIME} AS s{roll}")
        });
        let rolls = each_roll(|roll| {
            format!("(s{roll} * s{roll} + 1013904223) % {PRIME} * 48271 % {PRIME} AS r{roll}")
        });
        let newest = NEWEST * 1_000_000;
        let (pace, jitter) = (PACE * 1_000_000, JITTER * 1_000_000);
        format!(
            "WITH {numbers},
            seeds AS MATERIALIZED (SELECT n, {seeds} FROM numbers),
            rolls AS MATERIALIZED (SELECT n, {rolls} FROM seeds),
            begun AS MATERIALIZED (SELECT *,
                {newest} - ({all} - n) * {pace} - r4 % {jitter} AS started,
                5000000 + (r3 % 1000) * (r4 % 1000) * 1000 + r5 % 1000000 AS duration,
                CASE WHEN r1 % 1000 < 3 AND n > {all} - {RECENT} THEN 'pending'
                    WHEN r1 % 1000 < 10 AND n > {all} - {RECENT} THEN 'running'
                    WHEN r1 % 1000 BETWEEN 10 AND 69 THEN 'failed'
                    WHEN r1 % 1000 BETWEEN 70 AND 99 THEN 'cancelled'
                    ELSE 'completed' END AS status FROM rolls),
            runs AS MATERIALIZED (SELECT *,
                CASE WHEN status NOT IN ('pending', 'running') THEN started + duration END AS ended,
                CASE WHEN status = 'pending' THEN 0
                    ELSE (r3 % 200) * (r5 % 300) END AS processed,
                CASE WHEN status = 'failed' THEN r5 % 20 ELSE 0 END AS failed FROM begun)"
        )
    }
}

fn each_roll(of: impl Fn(usize) -> String) -> String {
    (1..=ROLLS).map(of).collect::<Vec<_>>().join(", ")
}

/// The values of a run's columns.
fn run_values(dialect: Dialect) -> String {
    let values = [
        dialect.id("started", "r2", "n"),
        choice("r2 / 100 % 100", &ENTITY_TYPES),
        choice("r2 % 100", &SOURCES),
        "status".to_owned(),
        dialect.instant("started"),
        dialect.instant("ended"),
        "processed".to_owned(),
        "processed * (r6 % 30) / 100".to_owned(),
        // Of those that are left, all but the failed.
        "CASE WHEN processed > failed THEN processed - processed * (r6 % 30) / 100 - failed \
         ELSE 0 END"
            .to_owned(),
        "failed".to_owned(),
        dialect.sync_duration().to_owned(),
        nullable(
            "r6 / 30 % 3 = 0",
            &dialect.user_id(&format!("r5 % {USERS} + 1")),
        ),
        trouble(),
        nullable("r6 / 90 % 3 = 0", &run_details(dialect)),
        // Created, started, ended: each is a change.
        "CASE status WHEN 'pending' THEN 1 WHEN 'running' THEN 2 ELSE 3 END".to_owned(),
        dialect.updated_at("coalesce(ended, started)"),
        nullable("r6 / 270 % 2 = 0", "processed"),
        digest(dialect),
    ];
    values.join(",\n")
}

/// The values of an event's columns: one at the beginning, three on the way, one at the end.
fn event_values(dialect: Dialect) -> String {
    let at = "(started + duration * k / 5)";
    let rows = dialect.json("'{\"rows\":' || (processed / 3) || '}'");
    let values = [
        dialect.id(at, "r3", "n * 8 + k"),
        dialect.id("started", "r2", "n"),
        "CASE k WHEN 0 THEN 'start' WHEN 4 THEN CASE status WHEN 'failed' THEN 'error' \
         ELSE 'end' END ELSE 'chunk' END"
            .to_owned(),
        dialect.instant(at),
        "CASE k WHEN 0 THEN 'Extraction started' WHEN 4 THEN 'Last row read, ' || processed || ' in all' \
         ELSE 'Chunk ' || k || '/3 imported, ' || (processed / 3) || ' rows' END"
            .to_owned(),
        nullable("k IN (1, 2, 3)", &rows),
    ];
    values.join(",\n")
}

/// A message of some 60 characters for runs that failed.
fn trouble() -> String {
    let whens = TROUBLES.iter().enumerate();
    let whens: Vec<_> = whens
        .map(|(n, text)| format!("WHEN {n} THEN '{text}' "))
        .collect();
    let whens = whens.concat();
    let text = format!("CASE r5 / 20 % 8 {whens}END || (r5 / 160 % 40 * 25 + 10)");
    nullable("status = 'failed'", &text)
}

fn run_details(dialect: Dialect) -> String {
    dialect.json(
        "'{\"host\":\"edge-' || (r5 % 9 + 1) || '\",\"attempt\":' || (r4 % 3 + 1) || \
         ',\"file\":\"export-' || n || '.csv\"}'",
    )
}

/// What the server keeps of the call that created a run.
fn digest(dialect: Dialect) -> String {
    let words = ["r1", "r2", "r3", "r4"].map(|roll| dialect.hex(roll, 8));
    dialect.uuid(&words.join(" || "))
}

fn nullable(condition: &str, value: &str) -> String {
    format!("CASE WHEN {condition} THEN {value} END")
}

/// One of several texts, by a number below 100.
fn choice(number: &str, of: &[(u64, &str)]) -> String {
    let mut below = 0;
    let whens = of.iter().map(|(share, text)| {
        below += share;
        format!("WHEN {number} < {below} THEN '{text}' ")
    });
    format!("CASE {}END", whens.collect::<Vec<_>>().concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_a_hundred() {
        for shares in [&SOURCES[..], &ENTITY_TYPES[..]] {
            assert_eq!(shares.iter().map(|(share, _)| share).sum::<u64>(), 100);
        }
    }
}
