//! Words with a meaning to the normalisation, in lower case unless they are cased.

/// Ends of the names of exceptions, whose constructors hold messages.
pub(super) const EXCEPTIONS: [&str; 7] = [
    "Disconnected",
    "Error",
    "Exception",
    "Failure",
    "Fault",
    "Timeout",
    "Warning",
];

/// Keys of JSON objects whose values describe a failure.
pub(super) const MESSAGE_KEYS: [&str; 14] = [
    "message",
    "Message",
    "error",
    "error_description",
    "errorMessage",
    "errorCode",
    "code",
    "detail",
    "details",
    "reason",
    "title",
    "type",
    "fault",
    "description",
];

/// Words with digits that are no numbers.
const TERMS: &[&str] = &[
    "3des", "aes128", "aes256", "amd64", "arm64", "as400", "base64", "big5", "c3p0", "cp037",
    "cp1141", "cp1250", "cp1251", "cp1252", "cp273", "cp437", "cp500", "cp850", "db2", "ebcdic",
    "ec2", "float32", "float4", "float64", "float8", "fmp12", "gb2312", "h11", "h2", "http2",
    "i18n", "i5", "int16", "int2", "int32", "int4", "int64", "int8", "ipv4", "ipv6", "iso8601",
    "jt400", "k8s", "latin1", "latin9", "log4j", "log4net", "md5", "mp3", "neo4j", "oauth1",
    "oauth2", "os400", "p12", "pkcs12", "pkcs8", "psycopg2", "psycopg3", "python2", "python3",
    "rfc3339", "s3", "sha1", "sha256", "sha384", "sha512", "sqlite3", "ssl3", "tls12", "tls13",
    "urllib2", "urllib3", "utf16", "utf32", "utf8", "utf8mb4", "v1", "v2", "v3", "v4", "win32",
    "win64", "x509", "x64", "x86",
];

/// Beginnings of tokens that are names or versions of standards.
const STANDARDS: [&str; 10] = [
    "http/",
    "tlsv",
    "sslv",
    "tls-",
    "utf-",
    "iso-8859-",
    "windows-125",
    "latin-",
    "sha-",
    "as/400",
];

/// Endings of the names of files.
const FILE_ENDINGS: &[&str] = &[
    "7z", "bak", "cfg", "conf", "csv", "dat", "dbf", "db", "doc", "docx", "edi", "fmp12", "gz",
    "html", "ini", "jpg", "jpeg", "json", "jsonl", "key", "lock", "log", "md", "mdb", "ndjson",
    "parquet", "pdf", "pem", "png", "py", "rar", "sh", "sql", "sqlite", "tar", "tgz", "tmp",
    "toml", "tsv", "txt", "xls", "xlsm", "xlsx", "xml", "yaml", "yml", "zip",
];

/// Last labels of the names of hosts.
const DOMAINS: &[&str] = &[
    "ai",
    "app",
    "at",
    "be",
    "biz",
    "ch",
    "cloud",
    "cn",
    "co",
    "com",
    "corp",
    "cz",
    "de",
    "dev",
    "dk",
    "edu",
    "es",
    "eu",
    "example",
    "fi",
    "fr",
    "gov",
    "home",
    "hu",
    "ie",
    "info",
    "int",
    "internal",
    "intern",
    "intra",
    "intranet",
    "invalid",
    "io",
    "it",
    "jp",
    "lan",
    "li",
    "local",
    "localdomain",
    "localhost",
    "lu",
    "me",
    "net",
    "nl",
    "no",
    "online",
    "org",
    "pl",
    "pt",
    "ru",
    "se",
    "shop",
    "svc",
    "test",
    "tech",
    "uk",
    "us",
];

const TIME_UNITS: &[&str] = &[
    "d",
    "day",
    "days",
    "h",
    "hour",
    "hours",
    "hr",
    "hrs",
    "microsecond",
    "microseconds",
    "millisecond",
    "milliseconds",
    "millisekunde",
    "millisekunden",
    "min",
    "mins",
    "minute",
    "minuten",
    "minutes",
    "ms",
    "msec",
    "ns",
    "s",
    "sec",
    "second",
    "seconds",
    "secs",
    "sek",
    "sekunde",
    "sekunden",
    "std",
    "stunde",
    "stunden",
    "tag",
    "tage",
    "tagen",
    "us",
    "week",
    "weeks",
    "woche",
    "wochen",
    "µs",
];

const SIZE_UNITS: &[&str] = &[
    "b", "byte", "bytes", "g", "gb", "gib", "k", "kb", "kib", "m", "mb", "mib", "rows", "t", "tb",
    "tib",
];

const MONTHS: &[&str] = &[
    "jan",
    "january",
    "januar",
    "feb",
    "february",
    "februar",
    "mar",
    "march",
    "märz",
    "mär",
    "apr",
    "april",
    "may",
    "mai",
    "jun",
    "june",
    "juni",
    "jul",
    "july",
    "juli",
    "aug",
    "august",
    "sep",
    "sept",
    "september",
    "oct",
    "october",
    "okt",
    "oktober",
    "nov",
    "november",
    "dec",
    "december",
    "dez",
    "dezember",
];

const WEEKDAYS: &[&str] = &[
    "mon",
    "monday",
    "tue",
    "tues",
    "tuesday",
    "wed",
    "wednesday",
    "thu",
    "thur",
    "thurs",
    "thursday",
    "fri",
    "friday",
    "sat",
    "saturday",
    "sun",
    "sunday",
    "mo",
    "montag",
    "di",
    "dienstag",
    "mi",
    "mittwoch",
    "do",
    "donnerstag",
    "fr",
    "freitag",
    "sa",
    "samstag",
    "so",
    "sonntag",
];

pub(super) fn is_term(word: &str) -> bool {
    contains(TERMS, word)
}

pub(super) fn is_standard(token: &str) -> bool {
    let begins = |standard: &&str| {
        let start = token.as_bytes().get(..standard.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(standard.as_bytes()))
    };
    STANDARDS.iter().any(begins)
}

pub(super) fn is_file_ending(word: &str) -> bool {
    contains(FILE_ENDINGS, word)
}

pub(super) fn is_domain(label: &str) -> bool {
    contains(DOMAINS, label)
}

pub(super) fn is_time_unit(word: &str) -> bool {
    contains(TIME_UNITS, word)
}

pub(super) fn is_size_unit(word: &str) -> bool {
    contains(SIZE_UNITS, word)
}

pub(super) fn is_month(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase()) && contains(MONTHS, word)
}

pub(super) fn is_weekday(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_uppercase()) && contains(WEEKDAYS, word)
}

fn contains(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}
