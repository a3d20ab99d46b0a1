//! Codes that are kept: HTTP statuses, SQLSTATEs, numbers of errors and identifiers of messages.

use super::{is_alphanumeric, is_letter};

/// Classes of SQLSTATEs, of the standard, of PostgreSQL, of Db2 and of ODBC.
const SQLSTATE_CLASSES: &[&str] = &[
    "01", "02", "03", "07", "08", "09", "0A", "0B", "0D", "0E", "0F", "0K", "0L", "0M", "0N", "0P",
    "0S", "0T", "0U", "0V", "0W", "0X", "0Z", "10", "20", "21", "22", "23", "24", "25", "26", "27",
    "28", "2B", "2D", "2E", "2F", "2H", "33", "34", "35", "36", "37", "38", "39", "3B", "3C", "3D",
    "3F", "40", "42", "44", "46", "51", "53", "54", "55", "56", "57", "58", "5U", "70", "72", "F0",
    "HV", "HW", "HY", "HZ", "IM", "P0", "S0", "S1", "XX",
];

/// Words before an HTTP status.
const STATUS_WORDS: &[&str] = &[
    "http",
    "https",
    "status",
    "statuscode",
    "httpstatus",
    "response",
];
/// Words before an HTTP status, if no noun is after it.
const ANSWER_WORDS: &[&str] = &[
    "returned",
    "returns",
    "got",
    "answered",
    "replied",
    "received",
    "with",
    "was",
    "mit",
    "lieferte",
    "antwortete",
];
/// Words between an HTTP status and what it is the answer to.
const AFTER_ANSWERS: &[&str] = &[
    "from", "for", "on", "at", "by", "after", "while", "when", "von", "bei",
];
/// Reason phrases of HTTP statuses, and the words that clients write in their place.
const REASONS: &[&str] = &[
    "bad gateway",
    "bad request",
    "client error",
    "conflict",
    "forbidden",
    "gateway time",
    "gone",
    "internal server",
    "length required",
    "method not allowed",
    "moved permanently",
    "not acceptable",
    "not found",
    "not implemented",
    "payload too large",
    "payment required",
    "precondition failed",
    "proxy authentication",
    "request entity",
    "request time",
    "server error",
    "service unavailable",
    "too many requests",
    "unauthorized",
    "unprocessable",
    "unsupported media",
];
/// Words before the number of an error.
const ERROR_WORDS: &[&str] = &[
    "err",
    "errcode",
    "errno",
    "error",
    "errorcode",
    "exitcode",
    "fehler",
    "fehlercode",
    "fehlernummer",
    "oserror",
    "rc",
    "returncode",
    "sqlcode",
    "winerror",
];
/// Words between one of those that follow and the number of an error.
const CODE_WORDS: &[&str] = &["code", "nr", "no", "num", "number", "status", "nummer"];
/// Words before one of those.
const CODE_OWNERS: &[&str] = &[
    "abort",
    "completion",
    "error",
    "errors",
    "exit",
    "fehler",
    "http",
    "native",
    "reason",
    "response",
    "result",
    "return",
    "sql",
    "status",
    "system",
    "vendor",
];

/// Digits that the number of an error may have.
const MAX_ERROR_DIGITS: usize = 5;
/// Bytes before a number that are searched for the words above.
const CONTEXT_LENGTH: usize = 48;

/// Beginnings of identifiers of messages, which end with digits.
const MESSAGE_IDS: &[&str] = &[
    "AMQ", "CAE", "CBX", "CPA", "CPC", "CPD", "CPE", "CPF", "CPI", "CPX", "CWB", "DBI", "DPI",
    "DPY", "EDT", "IMP", "IWS", "JVAB", "KRN", "LNR", "MCH", "ORA", "PGRST", "PLS", "PWS", "QRY",
    "RNQ", "RNS", "RNX", "RPG", "SQJ", "SQL", "TCP", "TNS",
];

/// What is before a number or word.
pub(super) struct Context<'a> {
    /// The last word.
    word: &'a str,
    /// The word before it, if only spaces are between them.
    owner: &'a str,
    /// Whether a colon is after the last word.
    has_colon: bool,
    /// Whether it is the key of a JSON object.
    is_key: bool,
}

impl<'a> Context<'a> {
    /// Returns the context of what is after `out`.
    pub(super) fn new(out: &'a str) -> Self {
        let mut start = out.len().saturating_sub(CONTEXT_LENGTH);
        while !out.is_char_boundary(start) {
            start += 1;
        }
        let before = &out[start..];
        let separators = [' ', ':', '=', '"', '\'', '(', '[', '#', '-', '.'];
        let named = before.trim_end_matches(separators);
        let word_start = named.rfind(|char| !is_alphanumeric(char));
        let word_start = word_start.map_or(0, |at| at + last_char_length(&named[at..]));
        let owner = named[..word_start].trim_end_matches([' ', '_']);
        let owner_start = owner.rfind(|char| !is_letter(char));
        let owner_start = owner_start.map_or(0, |at| at + last_char_length(&owner[at..]));
        Self {
            word: &named[word_start..],
            owner: &owner[owner_start..],
            has_colon: before[named.len()..].contains(':'),
            is_key: before[named.len()..].starts_with(['"', '\'']) && before.contains(':'),
        }
    }

    fn is_sqlstate(&self) -> bool {
        let is = |word: &str, expected: &str| word.eq_ignore_ascii_case(expected);
        is(self.word, "sqlstate") || is(self.word, "state") && is(self.owner, "sql")
    }

    /// Returns whether a word of five characters is an SQLSTATE: named so, or after `ERROR:` and before a colon.
    pub(super) fn keeps_sqlstate(&self, word: &str, after: &str) -> bool {
        let is_verbose = self.has_colon
            && ["error", "fehler", "fatal"]
                .iter()
                .any(|level| self.word.eq_ignore_ascii_case(level))
            && after.starts_with(':');
        is_code_of_five(word) && (self.is_sqlstate() || is_verbose && has_sqlstate_class(word))
    }

    /// Returns whether a number is an HTTP status or the number of an error. `digits` are without the sign.
    pub(super) fn keeps_number(&self, digits: &str, is_negative: bool, after: &str) -> bool {
        let is_status = digits.len() == 3 && matches!(digits.as_bytes()[0], b'1'..=b'5');
        if is_status && !is_negative && self.is_before_status(after) {
            return true;
        }
        digits.len() <= MAX_ERROR_DIGITS && self.is_before_error(after)
    }

    fn is_before_status(&self, after: &str) -> bool {
        let following = after.trim_start_matches([' ', '-', ':', ')', ']', ',']);
        contains(STATUS_WORDS, self.word)
            || self.word.eq_ignore_ascii_case("code")
                && (self.owner.is_empty() || contains(CODE_OWNERS, self.owner))
            || REASONS.iter().any(|reason| starts_with(following, reason))
            || contains(ANSWER_WORDS, self.word) && is_answered(after)
    }

    fn is_before_error(&self, after: &str) -> bool {
        if contains(CODE_WORDS, self.word) {
            return self.is_key || contains(CODE_OWNERS, self.owner);
        }
        // `error: 12 rows were rejected` counts rows.
        let counts = self.has_colon
            && after
                .strip_prefix(' ')
                .is_some_and(|after| after.starts_with(is_letter));
        contains(ERROR_WORDS, self.word) && !counts
    }
}

fn last_char_length(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// Returns whether what follows a number is no noun that it counts.
fn is_answered(after: &str) -> bool {
    let Some(following) = after.strip_prefix(' ') else {
        return !after.starts_with(['.', '%']) || after.len() == 1;
    };
    let word = following
        .split(|char| !is_letter(char))
        .next()
        .unwrap_or_default();
    word.is_empty() || contains(AFTER_ANSWERS, word)
}

/// Returns the length of an SQLSTATE in brackets at the beginning of a text.
pub(super) fn bracketed_sqlstate(text: &str) -> Option<usize> {
    let code = text.strip_prefix('[')?.get(..5)?;
    let is_sqlstate =
        text[6..].starts_with(']') && is_code_of_five(code) && has_sqlstate_class(code);
    is_sqlstate.then_some(7)
}

/// Returns whether a quotation is an SQLSTATE: named so, or the first argument of an exception.
pub(super) fn is_quoted_sqlstate(out: &str, content: &str) -> bool {
    is_code_of_five(content)
        && (Context::new(out).is_sqlstate() || out.ends_with('(') && has_sqlstate_class(content))
}

fn is_code_of_five(word: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    word.len() == 5 && word.bytes().all(is_part) && word.bytes().any(|byte| byte.is_ascii_digit())
}

fn has_sqlstate_class(code: &str) -> bool {
    SQLSTATE_CLASSES.contains(&&code[..2])
}

/// Returns whether a word identifies a message, such as CPF5009 and SQL0204.
pub(super) fn is_message_id(word: &str) -> bool {
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    let is_part = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    (3..=6).contains(&digits)
        && word.len() <= 10
        && word.bytes().all(is_part)
        && MESSAGE_IDS.iter().any(|id| word.starts_with(id))
}

/// Returns whether a word is the first part of the identifier of a message, such as ORA-01017.
pub(super) fn is_message_prefix(word: &str) -> bool {
    MESSAGE_IDS.contains(&word)
}

fn contains(words: &[&str], word: &str) -> bool {
    words.iter().any(|known| known.eq_ignore_ascii_case(word))
}

fn starts_with(text: &str, start: &str) -> bool {
    let begin = text.as_bytes().get(..start.len());
    begin.is_some_and(|begin| begin.eq_ignore_ascii_case(start.as_bytes()))
}
