//! Standard output, which carries only results; logs and errors go to standard error.

use std::io::{self, Write};

/// Writes `text` and flushes.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

/// Writes `text` to standard error.
pub(super) fn print_error(text: &str) {
    // There is no place left to report a failure.
    let _ = io::stderr().write_all(text.as_bytes());
}
