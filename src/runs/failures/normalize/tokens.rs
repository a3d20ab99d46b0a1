//! Tokens: runs of letters, digits and the marks that join them in names, addresses and numbers.

use super::{
    DATE, DURATION, EMAIL, HOST, ID, NUMBER, PATH, Scanner, TIME, URL, VALUE,
    codes::{self, Context},
    dates, digits, hosts, is_alphanumeric, is_letter, is_token, vocabulary,
};

/// Length of a UUID in text form.
const UUID_LENGTH: usize = 36;
/// Characters from which on a word of hexadecimal digits is an ID.
const MIN_HEX_LENGTH: usize = 8;
/// Characters from which on a token with digits is random.
const MIN_RANDOM_LENGTH: usize = 32;

impl Scanner<'_> {
    /// Reads the token at the position.
    pub(super) fn token(&mut self) {
        let rest = self.rest();
        let length = rest.find(|char| !is_token(char)).unwrap_or(rest.len());
        // Those at the end belong to the sentence.
        let token = rest[..length].trim_end_matches(['.', '-', '+']);
        let after = &rest[token.len()..];
        if !token.contains(is_alphanumeric) {
            self.copy(length);
        } else if let Some((length, placeholder)) = whole(token, rest, after) {
            self.replace(length, placeholder);
        } else if let Some(length) = prefixed_quotation(token, after) {
            // The quotation mark follows.
            self.at += length;
            let Some(mark) = self.rest().chars().next() else {
                return;
            };
            if let Some(end) = self.rest()[1..].find(mark) {
                self.replace(end + 2, VALUE);
            }
        } else if vocabulary::is_standard(token) || vocabulary::is_term(token) {
            self.copy(token.len());
        } else {
            self.parts(self.at + token.len());
        }
    }

    /// Reads the parts of a token that ends at `end`. A date or duration may end after it.
    fn parts(&mut self, end: usize) {
        while self.at < end {
            let rest = self.rest();
            let Some(next) = rest.chars().next() else {
                return;
            };
            if next.is_ascii_digit() || is_signed(rest, self.previous()) {
                self.number();
            } else if is_letter(next) {
                self.word();
            } else {
                self.copy(next.len_utf8());
            }
        }
    }

    /// Reads a part that begins with a digit or a sign.
    fn number(&mut self) {
        let rest = self.rest();
        let sign = usize::from(!rest.starts_with(|char: char| char.is_ascii_digit()));
        let dated = dates::date(rest).map(|length| (length, DATE));
        let timed = || dates::time_of_day(rest).map(|length| (length, TIME));
        let lasting = || dates::compound_duration(rest).map(|length| (length, DURATION));
        if let Some((length, placeholder)) =
            dated.or_else(timed).or_else(lasting).or_else(|| uuid(rest))
        {
            return self.replace(length, placeholder);
        }
        let length = sign + number_length(&rest[sign..]);
        let after = &rest[length..];
        let unit = after
            .find(|char| !is_alphanumeric(char))
            .unwrap_or(after.len());
        let is_integer = digits(&rest[sign..]) + sign == length;
        let word = &rest[..length + unit];
        let context = Context::new(&self.out);
        if context.keeps_sqlstate(word, &rest[word.len()..]) {
            self.copy(word.len());
        } else if unit == 0
            && is_integer
            && context.keeps_number(&rest[sign..length], sign > 0, after)
        {
            self.copy(length);
        } else if let Some(unit) = dates::time_unit(after) {
            self.replace(length + unit, DURATION);
        } else if unit > 0 && matches!(&after[..unit], "st" | "nd" | "rd" | "th" | "x") {
            self.replace(length + unit, NUMBER);
        } else if unit > 0 && !vocabulary::is_size_unit(&after[..unit]) {
            self.replace(length + unit, ID);
        } else {
            self.replace(length, NUMBER);
            self.copy(unit);
        }
    }

    /// Reads a part that begins with a letter.
    fn word(&mut self) {
        let rest = self.rest();
        let length = rest
            .find(|char| !is_alphanumeric(char))
            .unwrap_or(rest.len());
        let (word, after) = rest.split_at(length);
        if let Some((length, placeholder)) = uuid(rest) {
            self.replace(length, placeholder);
        } else if !word.bytes().any(|byte| byte.is_ascii_digit()) {
            self.plain_word(word, after);
        } else if vocabulary::is_term(word)
            || codes::is_message_id(word)
            || vocabulary::EXCEPTIONS
                .iter()
                .any(|name| word.ends_with(name))
            || Context::new(&self.out).keeps_sqlstate(word, after)
        {
            self.copy(length);
        } else {
            let letters = word.trim_end_matches(|char: char| char.is_ascii_digit());
            let is_hex =
                word.len() >= MIN_HEX_LENGTH && word.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_hex || letters.bytes().any(|byte| byte.is_ascii_digit()) {
                self.replace(length, ID);
            } else {
                self.copy(letters.len());
                self.replace(length - letters.len(), NUMBER);
            }
        }
    }

    /// Reads a word without digits.
    fn plain_word(&mut self, word: &str, after: &str) {
        let code = after.strip_prefix('-').map_or(0, digits);
        if codes::is_message_prefix(word) && (3..=6).contains(&code) {
            self.copy(word.len() + 1 + code);
            return;
        }
        if vocabulary::is_month(word) && self.month(word, after) {
            return;
        }
        self.copy(word.len());
    }

    /// Reads a date with the name of a month; returns false if there is none.
    fn month(&mut self, word: &str, after: &str) -> bool {
        let before = self.out.trim_end_matches([' ', '.', '-']);
        let has_day = before.ends_with(NUMBER) && before.len() < self.out.len();
        let following = dates::after_month(after);
        if !has_day && following.is_none() {
            return false;
        }
        if has_day {
            let length = before.len() - NUMBER.len();
            self.out.truncate(length);
        }
        // The day of the week before it.
        let before = self.out.trim_end_matches([' ', ',', '.']);
        let start = before.rfind(|char| !is_letter(char)).map_or(0, |at| at + 1);
        if before.is_char_boundary(start) && vocabulary::is_weekday(&before[start..]) {
            self.out.truncate(start);
        }
        self.replace(word.len() + following.unwrap_or(0), DATE);
        true
    }
}

/// Returns the length and the placeholder of a token that is replaced as a whole. `rest` begins with the token, and `after`
/// is what follows it.
fn whole(token: &str, rest: &str, after: &str) -> Option<(usize, &'static str)> {
    if after.starts_with("://") && token.starts_with(|char: char| char.is_ascii_alphabetic()) {
        return Some((address_length(rest), URL));
    }
    if let Some(found) = uuid(rest).filter(|(length, _)| *length == token.len()) {
        return Some(found);
    }
    if is_hex_literal(token) || is_random(token) {
        return Some((token.len(), ID));
    }
    if let Some(length) = hosts::ipv6(rest) {
        return Some((length, HOST));
    }
    if let Some(length) = hosts::hardware_address(rest) {
        return Some((length, ID));
    }
    if hosts::is_email(token) {
        return Some((token.len(), EMAIL));
    }
    if dates::date(token) == Some(token.len()) {
        return None;
    }
    if hosts::is_host(token) {
        let port = after.strip_prefix(':').map_or(0, digits);
        let is_port = (1..=5).contains(&port);
        return Some((token.len() + if is_port { port + 1 } else { 0 }, HOST));
    }
    if token
        .split_once('/')
        .is_some_and(|(host, _)| hosts::is_host_name(host))
    {
        return Some((address_length(rest), URL));
    }
    let is_drive = token.len() == 1 && (after.starts_with(":\\") || after.starts_with(":/"));
    if is_drive || is_path(token) {
        return Some((path_length(token, rest, is_drive), PATH));
    }
    let port = after.strip_prefix(':').map_or(0, digits);
    let is_name = |char: char| char.is_ascii_alphanumeric() || char == '-';
    let has_digit = token.bytes().any(|byte| byte.is_ascii_digit());
    let is_server = token.starts_with(|char: char| char.is_ascii_alphabetic()) && has_digit
        || token.eq_ignore_ascii_case("localhost");
    if is_server
        && (2..=5).contains(&port)
        && token.chars().all(is_name)
        && !codes::is_message_id(token)
    {
        return Some((token.len() + 1 + port, HOST));
    }
    None
}

/// Returns the length of the prefix of a quotation such as `b'…'` in Python and `x'…'` in SQL.
fn prefixed_quotation(token: &str, after: &str) -> Option<usize> {
    let is_prefix = matches!(token, "b" | "u" | "r" | "x" | "X" | "N");
    let mark = after
        .chars()
        .next()
        .filter(|char| matches!(char, '\'' | '"'))?;
    (is_prefix && after[1..].contains(mark)).then_some(token.len())
}

/// Returns whether a number with its sign is at the beginning of a text.
fn is_signed(text: &str, previous: Option<char>) -> bool {
    let number = text.strip_prefix(['-', '+']);
    number.is_some_and(|number| number.starts_with(|char: char| char.is_ascii_digit()))
        && previous.is_none_or(|previous| !is_alphanumeric(previous) && previous != '_')
}

/// Returns the length of a number without its sign: with separators of groups and of the fraction, and an exponent.
fn number_length(text: &str) -> usize {
    let mut length = digits(text);
    while let Some(group) = text[length..].strip_prefix(['.', ','])
        && digits(group) > 0
    {
        length += 1 + digits(group);
    }
    let exponent = text[length..].strip_prefix(['e', 'E']);
    if let Some(exponent) = exponent {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let power = digits(&exponent[sign..]);
        let is_apart = !exponent[sign + power..].starts_with(is_alphanumeric);
        if power > 0 && is_apart {
            length += 1 + sign + power;
        }
    }
    length
}

/// A UUID at the beginning of a text.
fn uuid(text: &str) -> Option<(usize, &'static str)> {
    let is_uuid = |byte: (usize, u8)| match byte.0 {
        8 | 13 | 18 | 23 => byte.1 == b'-',
        _ => byte.1.is_ascii_hexdigit(),
    };
    let bytes = text.as_bytes().get(..UUID_LENGTH)?;
    let is_uuid = bytes.iter().copied().enumerate().all(is_uuid)
        && !text[UUID_LENGTH..].starts_with(|char: char| char.is_ascii_alphanumeric());
    is_uuid.then_some((UUID_LENGTH, ID))
}

fn is_hex_literal(token: &str) -> bool {
    let number = token
        .strip_prefix("0x")
        .or_else(|| token.strip_prefix("0X"));
    number.is_some_and(|number| {
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// Returns whether a token is random: a web token, a hash, or a long mixture of digits, capitals and small letters.
fn is_random(token: &str) -> bool {
    let has = |test: fn(&u8) -> bool| token.as_bytes().iter().any(test);
    let is_mixed =
        has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    let is_long = token.len() >= MIN_RANDOM_LENGTH
        && !token.contains(['.', '\\'])
        && token.matches('/').count() < 2;
    is_long && is_mixed || token.len() >= MIN_RANDOM_LENGTH && token.starts_with("eyJ")
}

fn is_path(token: &str) -> bool {
    if vocabulary::is_standard(token) {
        return false;
    }
    let name = token.rsplit(['/', '\\']).next().unwrap_or_default();
    let ending = name
        .rsplit_once('.')
        .filter(|(stem, _)| !stem.is_empty())
        .map(|(_, ending)| ending);
    let is_ending = |ending: &str| {
        (1..=5).contains(&ending.len())
            && ending.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && ending.starts_with(|char: char| char.is_ascii_alphabetic())
    };
    let separators = token
        .bytes()
        .filter(|byte| matches!(byte, b'/' | b'\\'))
        .count();
    let begins = ["/", "~/", "./", "../", "\\\\", ".\\", "..\\"]
        .iter()
        .any(|start| token.starts_with(start));
    match separators {
        0 => ending.is_some_and(vocabulary::is_file_ending),
        _ if begins => true,
        1 => token.contains('\\') || ending.is_some_and(is_ending),
        // 3/10/2 is none.
        _ => token.contains(is_letter),
    }
}

/// Returns the length of a path: of the token, its query, or all up to a space after a drive.
fn path_length(token: &str, rest: &str, is_drive: bool) -> usize {
    if is_drive {
        return address_length(rest);
    }
    let after = &rest[token.len()..];
    if after.starts_with('?') {
        token.len() + address_length(after)
    } else {
        token.len()
    }
}

/// Returns the length of an address or path up to a space, a quotation mark or a bracket.
fn address_length(text: &str) -> usize {
    let is_end = |char: char| {
        char.is_whitespace()
            || char.is_control()
            || super::quotes::is_quotation_mark(char)
            || matches!(char, '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | '|')
    };
    let length = text.find(is_end).unwrap_or(text.len());
    text[..length].trim_end_matches(['.', ',', ';', ':']).len()
}
