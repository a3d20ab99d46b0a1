//! Standard output, which carries only results; logs go to standard error.

use std::io::{self, Write};

/// Writes `text` and flushes.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}
