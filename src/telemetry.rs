//! Logging: structured lines on standard error.
//!
//! A logged value may be text that a client or another program has written. Control characters in it are escaped, so
//! that it can neither forge a line nor control the terminal that displays it.

use std::{
    borrow::Cow,
    env::VarError,
    error::Error,
    fmt::{self, Write as _},
    io::{self, IsTerminal, Write},
};

use tracing::field::{Field, Visit};
use tracing_subscriber::{
    EnvFilter,
    field::RecordFields,
    filter::LevelFilter,
    fmt::{FormatFields, format::Writer},
};

use crate::{config::LogFormat, request_id::RequestId};

/// What the libraries write about themselves, which this server says in lines of its own.
const QUIET: &str = "sea_orm_migration=warn,sqlx=error";
/// Targets that `RUST_LOG` may name without a level.
const TARGETS: [&str; 2] = ["audit", "sync_history"];

/// `RUST_LOG` is invalid.
#[derive(Debug, thiserror::Error)]
#[error(
    "RUST_LOG is invalid: {cause}; write a level (off, error, warn, info, debug, trace) or levels of targets, as in \
     info,sync_history=debug"
)]
pub struct InvalidFilter {
    cause: String,
}

/// Initialises logging. `RUST_LOG` sets the level, by default `info`.
///
/// # Errors
/// Returns [`InvalidFilter`] if `RUST_LOG` cannot be parsed.
pub fn init(format: LogFormat) -> Result<(), InvalidFilter> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) => filter(&text)?,
        Err(VarError::NotPresent) => filter("")?,
        Err(error) => {
            return Err(InvalidFilter {
                cause: error.to_string(),
            });
        }
    };
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter);
    match format {
        LogFormat::Text => subscriber
            .with_ansi(has_colours())
            .fmt_fields(EscapedFields)
            .with_writer(|| TextWriter(io::stderr()))
            .init(),
        LogFormat::Json => subscriber
            .json()
            .flatten_event(true)
            .with_writer(|| JsonWriter(io::stderr()))
            .init(),
    }
    Ok(())
}

/// Parses the value of `RUST_LOG`. A word that is neither a level nor a target of this server is rejected: it would be
/// taken for a target, and disable all others.
fn filter(text: &str) -> Result<EnvFilter, InvalidFilter> {
    let invalid = |cause| InvalidFilter { cause };
    let text = if text.trim().is_empty() { "info" } else { text };
    let is_target = |word: &str| TARGETS.iter().any(|target| word.starts_with(target));
    let mut level = None;
    let words = text.split(',').map(str::trim);
    for word in words.filter(|word| !word.contains(['=', '['])) {
        match word.parse::<LevelFilter>() {
            Ok(parsed) => level = Some(parsed),
            Err(_) if is_target(word) => {}
            Err(_) => return Err(invalid(format!("`{word}` is not a level"))),
        }
    }
    // Whoever asks for details receives all of them.
    let is_quiet = matches!(level, Some(LevelFilter::INFO | LevelFilter::WARN));
    let directives = if is_quiet {
        format!("{QUIET},{text}")
    } else {
        text.to_owned()
    };
    let parsed = EnvFilter::builder().parse(directives);
    parsed.map_err(|error| invalid(format!("`{text}`: {error}")))
}

/// Colours are for people: <https://no-color.org>.
fn has_colours() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty())
}

/// Returns whether `c` could begin a line or control a terminal.
fn must_be_escaped(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Formats fields as `name=value`, with control characters escaped.
struct EscapedFields;

impl<'writer> FormatFields<'writer> for EscapedFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = EscapingVisitor {
            writer,
            is_first: true,
            result: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct EscapingVisitor<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl EscapingVisitor<'_> {
    fn write(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let space = if std::mem::take(&mut self.is_first) {
            ""
        } else {
            " "
        };
        let mut escaping = Escaping(&mut self.writer);
        self.result = self.result.and_then(|()| match field.name() {
            "message" => write!(escaping, "{space}{value}"),
            name => write!(escaping, "{space}{name}={value}"),
        });
    }
}

impl Visit for EscapingVisitor<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.write(field, format_args!("{value}")),
            _ => self.write(field, format_args!("{value:?}")),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut source = value.source();
        while let Some(cause) = source {
            // Writing to a string cannot fail.
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        self.write(field, format_args!("{text}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, format_args!("{value:?}"));
    }
}

/// Escapes control characters in what is written.
struct Escaping<'a, W>(&'a mut W);

impl<W: fmt::Write> fmt::Write for Escaping<'_, W> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive(must_be_escaped) {
            match part.chars().next_back().filter(|c| must_be_escaped(*c)) {
                Some(last) => {
                    let plain = &part[..part.len() - last.len_utf8()];
                    write!(self.0, "{plain}{}", last.escape_default())?;
                }
                None => self.0.write_str(part)?,
            }
        }
        Ok(())
    }
}

/// Adds the id of the request that a line is written for.
struct TextWriter<W>(W);

impl<W: Write> Write for TextWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match (RequestId::current(), line.strip_suffix(b"\n")) {
            (Some(id), Some(content)) => {
                let field = format!(" request_id={:?}\n", id.as_str());
                self.0.write_all(&[content, field.as_bytes()].concat())?;
            }
            _ => self.0.write_all(line)?,
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Adds the id of the request that a line of JSON is written for, and escapes the control characters that JSON itself
/// allows.
struct JsonWriter<W>(W);

impl<W: Write> Write for JsonWriter<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = match (RequestId::current(), text.strip_suffix("}\n")) {
            (Some(id), Some(fields)) => {
                let id = serde_json::Value::from(id.as_str());
                format!("{fields},\"request_id\":{id}}}\n").into()
            }
            _ => text,
        };
        self.0.write_all(escape_json(&text).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escape_json(line: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| c != '\n' && must_be_escaped(c);
    if !line.contains(is_escaped) {
        return line.into();
    }
    let mut escaped = String::with_capacity(line.len() + 16);
    for c in line.chars() {
        if is_escaped(c) {
            // Writing to a string cannot fail. All of them have at most four digits.
            let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        } else {
            escaped.push(c);
        }
    }
    escaped.into()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing::{Level, info, span, subscriber::with_default};

    use super::*;

    const FORGED: &str =
        "a\n2026-11-28T00:00:00Z INFO forged\r\u{1b}[31m\u{9b}2J\u{7f}\u{2028}b\tc";

    /// Collects what is written.
    #[derive(Clone, Default)]
    struct Output(Arc<Mutex<Vec<u8>>>);

    impl Write for Output {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Output {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    /// An error with a cause.
    #[derive(Debug, thiserror::Error)]
    #[error("{FORGED}")]
    struct Forged(#[source] Option<Box<Forged>>);

    /// Logs control characters in every kind of value.
    fn log() {
        let span = span!(Level::INFO, "connection", peer = %FORGED);
        let _entered = span.enter();
        let error = Forged(Some(Box::new(Forged(None))));
        let error = &error as &(dyn Error + 'static);
        info!(target: "audit", text = FORGED, shown = %FORGED, debugged = ?FORGED, error, "{FORGED}");
        info!("{}", FORGED);
    }

    #[test]
    fn control_characters_are_escaped_in_text() {
        let output = Output::default();
        let writer = output.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .fmt_fields(EscapedFields)
            .with_writer(move || writer.clone());
        with_default(subscriber.finish(), log);
        let text = output.text();
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(!text.replace('\n', "").contains(must_be_escaped), "{text}");
        let escaped = r"a\n2026-11-28T00:00:00Z INFO forged\r\u{1b}[31m\u{9b}2J\u{7f}\u{2028}b\tc";
        // The value of the span in both lines, the message in both, and three of the fields.
        assert!(text.matches(escaped).count() >= 6, "{text}");
    }

    #[test]
    fn control_characters_are_escaped_in_json() {
        let output = Output::default();
        let writer = output.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || JsonWriter(writer.clone()));
        with_default(subscriber.finish(), log);
        let text = output.text();
        assert!(!text.replace('\n', "").contains(must_be_escaped), "{text}");
        let lines: Vec<Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(lines.len(), 2);
        for name in ["text", "shown", "message"] {
            assert_eq!(lines[0][name], FORGED, "{name}");
        }
    }
}
